"""HTTP: leader, health, status, metrics and operations. Any WSGI server can mount `application(node)`."""

from elect.web.application import application

__all__ = ["application"]
