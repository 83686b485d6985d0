"""How a node serves those who only want to know: clients, which look for a leader.

`observer_messages` is what they are told, `observer_server` tells it, and `client_service` puts it on links. A client
never votes, and is never counted: nothing that it sends comes to the orchestrator thread.
"""
