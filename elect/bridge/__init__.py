"""Where application threads meet the orchestrator thread: commands in, published state and callbacks out."""
