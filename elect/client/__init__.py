"""How a program outside the cluster finds the leader, and calls it: `elect.Client`.

Pure are `client_view` (the merged reports of the nodes), `endpoints` (the addresses), `probing` (which of them to dial,
and when) and `call_errors` (which errors a call is repeated after). `client_link` and `leader_finder` are the shells.
"""
