"""Tells: what a record holds, on the console, as JUnit XML, Markdown and HTML.

Everything is drawn from the record alone: no framework, no spec and no reference is asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from ..harness.record import Record
from . import console, junit, markdown

__all__ = ["FORMATS", "ONE_PAGE", "render", "write_all"]


def _json(record: Record) -> str:
    return msgspec.json.encode(record).decode()


def _html(record: Record) -> str:
    from . import html  # its templates take a while to load, and most commands write no page

    return html.render(record)


FORMATS: dict[str, Callable[[Record], str]] = {
    "html": _html,
    "json": _json,
    "junit": junit.render,
    "markdown": markdown.render,
    "text": console.plain_text,
}
"""Every format by name, with what makes it."""

FILES = {"junit.xml": "junit", "summary.md": "markdown", "index.html": "html"}
"""The files of a report; ``run.json``, from which they are drawn, is the harness's."""


def render(record: Record, format: str) -> str:
    """The record in one of the `FORMATS`.

    Raises:
        ValueError: there is no such format.
    """
    if format not in FORMATS:
        raise ValueError(f"no format is called {format!r}; there are {', '.join(FORMATS)}")
    return FORMATS[format](record)


ONE_PAGE = 60_000
"""Most verdicts of a report in one page, which a browser opens in a few seconds; of more, a site is made."""


def write_all(record: Record, folder: Path) -> list[Path]:
    """Write the `FILES` of a report into ``folder``, which is made if it is missing; returns their paths.

    Where one page would be too large, a site in the folder ``site`` takes its place.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, format in FILES.items():
        if format == "html" and len(record.verdicts) > ONE_PAGE:
            from .site import write_site

            written.append(write_site({"run": record}, folder / "site")[0])
            continue
        path = folder / name
        path.write_bytes(render(record, format).encode("utf-8", "replace"))
        written.append(path)
    return written
