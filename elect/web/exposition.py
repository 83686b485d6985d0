"""The metrics as text, in the format that the scraper asks for."""

from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


class Measured(Protocol):
    """Whatever has a registry."""

    @property
    def registry(self) -> CollectorRegistry:
        """Where the metrics are."""


def render(measured: Measured, accept: str) -> tuple[bytes, str]:
    """All metrics of a registry.

    Args:
        measured: whose.
        accept: the request's Accept header.

    Returns:
        The text and its content type.
    """
    encode, content_type = choose_encoder(accept)
    return encode(measured.registry), content_type
