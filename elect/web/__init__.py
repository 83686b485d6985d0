"""HTTP: who leads, health, status, metrics, and an operator's levers. Any WSGI server can mount `application(node)`."""

from elect.web.application import application

__all__ = ["application"]
