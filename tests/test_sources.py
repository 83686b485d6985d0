"""Every document that the code cites is in the repository, and says what it is cited for."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = [ROOT / name for name in ("elect", "wire", "tests", "bench")]
DOCUMENTS = {path.name: path for room in ROOMS for path in room.rglob("*.md")} | {
    path.name: path for path in ROOT.glob("*.md")
}

_PARAGRAPH_END = r'(?=\n[ \t]*\n|"""|\Z)'
_CITATION = re.compile(rf"\b([A-Z]+\.md)\b(.*?)(?=\b[A-Z]+\.md\b|\bSource:|{_PARAGRAPH_END})", re.DOTALL)
_SOURCE = re.compile(rf"^[ \t]*(?:# )?Source:(.*?)(?=^[ \t]*Source:|{_PARAGRAPH_END})", re.DOTALL | re.MULTILINE)
_SECTIONS = re.compile(r"\bsections?\s+(\d[\d.]*)(?:\s+(?:to|and)\s+(\d[\d.]*))?")
_NAMES = re.compile(r'"([^"]+)"|\b(P\d|trace \d|rule \d)\b')
_HEADINGS = re.compile(r"^#+ (\d+(?:\.\d+)*)\b", re.MULTILINE)


def plain(text: str) -> str:
    """The words of a text, without marks, breaks and capitals."""
    return " ".join(re.sub(r"[`†*]", "", text).casefold().split())


def faults(text: str) -> Iterator[str]:
    """Each citation in a text that leads nowhere."""
    for name, place in _CITATION.findall(text):
        document = DOCUMENTS[name].read_text(encoding="utf-8") if name in DOCUMENTS else None
        if document is None:
            yield f"{name} does not exist"
            continue
        cited = {number.rstrip(".") for pair in _SECTIONS.findall(place) for number in pair if number}
        yield from (f"{name} has no section {each}" for each in sorted(cited - set(_HEADINGS.findall(document))))
    for source in _SOURCE.findall(text):
        if not source.strip():
            yield "a Source without anything after it"
        for name, place in _CITATION.findall(source):
            words = plain(DOCUMENTS[name].read_text(encoding="utf-8")) if name in DOCUMENTS else ""
            parts = [part for found in _NAMES.findall(place) for part in plain("".join(found)).split("…")]
            yield from (f"{name} does not say {part!r}" for part in parts if part.strip() not in words)


def test_sources_exist_and_say_what_they_are_cited_for():
    files = [path for room in ROOMS for kind in ("*.py", "*.play") for path in room.rglob(kind)]
    found = [f"{path.relative_to(ROOT)}: {fault}" for path in files for fault in faults(path.read_text("utf-8"))]
    assert not found, "\n".join(found)
