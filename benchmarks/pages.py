"""A part of docs/judge-power.md written anew, from a template beside this file."""

from __future__ import annotations

from pathlib import Path

import jinja2

__all__ = ["PAGE", "filled"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "judge-power.md"


def filled(text: str, template: str, **facts: object) -> str:
    """The page with the part that a template begins with its heading, and fills, written anew.

    Raises:
        ValueError: the page has no part of that heading.
    """
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    part = jinja2.Environment(loader=loader, trim_blocks=True).get_template(template).render(facts)
    heading = part.partition("\n")[0]
    before, found, after = text.partition(f"{heading}\n")
    if not found:
        raise ValueError(f"{PAGE} has no part that begins with {heading!r}")
    return before + part + "\n\n## " + after.partition("\n## ")[2]
