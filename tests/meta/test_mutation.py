"""The explanations of surviving mutants speak of lines that are there."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "mutation.md"
ENTRIES = msgspec.toml.decode((ROOT / "benchmarks/mutation/explained.toml").read_bytes())["explained"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry['source']}: {entry['line']}")
def test_an_explained_line_is_in_its_source_and_becomes_another(entry):
    source = (ROOT / entry["source"]).read_text("utf-8")
    assert entry["line"] in {line.strip() for line in source.splitlines()}
    assert entry["line"] not in entry["becomes"]
    assert entry["why"].endswith(".")


def test_the_page_gives_every_explanation_and_leaves_nothing_open():
    page = PAGE.read_text("utf-8")
    said = [f"- {entry['why']}\n\n  ```diff\n  - {entry['line']}\n" for entry in ENTRIES]
    assert [one for one in said if one not in page] == []
    assert page.count("```diff") == len(ENTRIES)
    (together,) = (line for line in page.splitlines() if line.startswith("| together |"))
    assert together.endswith("| 0 |")
