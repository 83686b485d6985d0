"""The exchange between application threads and the orchestrator thread: commands in, state and callbacks out."""
