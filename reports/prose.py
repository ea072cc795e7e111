"""A docstring taken apart: paragraphs, formulas, sections and lists of arguments.

The parts are plain text, which a template sets and escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Block", "Span", "prose"]

SECTION = re.compile(r"(?P<title>[A-Z][a-z]+):\n(?P<body>(?: +\S.*\n?|\n)+)\Z")
"""A section of a Google-style docstring: a title on its own line, the rest indented."""

ENTRY = re.compile(r"(?P<name>[\w*`., ]+): (?P<meaning>.+)", re.DOTALL)
CODE = re.compile(r"``(?P<code>.+?)``|`(?P<name>[^`]+)`", re.DOTALL)


@dataclass(frozen=True)
class Span:
    """A stretch of text, all of it code or none."""

    text: str
    code: bool


@dataclass(frozen=True)
class Block:
    """What stands between two blank lines: an optional title, then text or named entries."""

    title: str = ""
    spans: tuple[Span, ...] = ()
    entries: tuple[tuple[str, tuple[Span, ...]], ...] = ()

    @property
    def formula(self) -> bool:
        """Whether there is nothing but one piece of code."""
        return not self.title and len(self.spans) == 1 and self.spans[0].code


def prose(docstring: str) -> list[Block]:
    """The blocks of a docstring."""
    return [_block(block) for block in re.split(r"\n\s*\n", docstring.strip()) if block.strip()]


def _block(text: str) -> Block:
    section = SECTION.fullmatch(text)
    if not section:
        return Block(spans=tuple(_spans(text)))
    entries = [ENTRY.fullmatch(entry) for entry in _entries(section["body"])]
    if all(entries):
        named = tuple((entry["name"], tuple(_spans(entry["meaning"]))) for entry in entries if entry)
        return Block(section["title"], entries=named)
    return Block(section["title"], tuple(_spans(section["body"])))


def _entries(body: str) -> Iterator[str]:
    """The entries of a section; a line that is indented further goes on with the one before."""
    indent = min(len(line) - len(line.lstrip(" ")) for line in body.splitlines() if line.strip())
    return (text.strip() for text in re.split(rf"\n(?= {{{indent}}}\S)", body))


def _spans(text: str) -> Iterator[Span]:
    words, end = " ".join(text.split()), 0
    for match in CODE.finditer(words):
        if match.start() > end:
            yield Span(words[end : match.start()], code=False)
        yield Span(match["code"] or match["name"], code=True)
        end = match.end()
    if end < len(words):
        yield Span(words[end:], code=False)
