"""The documents of this repository, and the parts of them that tests run."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = (
    "README.md",
    "elect/cli/OPERATIONS.md",
    "elect/testing/README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "wire/FORMAT.md",
    "elect/ARCHITECTURE.md",
    "elect/core/PROTOCOL.md",
)
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(document: str, language: str) -> list[str]:
    """Return the fenced blocks of one language; "" is for blocks without a language."""
    return [text for found, text in _BLOCK.findall(TEXTS[document]) if found == language]


def block(document: str, language: str, part: str) -> str:
    """The only block of a language that has this part."""
    (found,) = [text for text in blocks(document, language) if part in text]
    return found


def prose(document: str) -> str:
    """The text without its blocks."""
    return _BLOCK.sub("", TEXTS[document])


def codes(document: str) -> list[str]:
    """Return the text in backticks."""
    return re.findall(r"`([^`\n]+)`", prose(document))
