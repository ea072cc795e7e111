"""Every link of the documentation leads somewhere, and the site's table of contents has every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
FENCED = re.compile(r"^ *```.*?^ *```|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    words = re.findall(r"^#+ +(.*)$", page.read_text("utf-8"), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", each).lower() for each in words)
    return {re.sub(r"[^\w\- ]", "", each).replace(" ", "-") for each in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_are_there(page):
    text = FENCED.sub("", page.read_text("utf-8"))
    known = {}
    for target, anchor in LINK.findall(text):
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), f"no file {target}"
        if anchor:
            known.setdefault(linked, anchors(linked))
            assert anchor in known[linked], f"no heading {anchor} in {target}"


def test_a_link_that_leads_nowhere_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A `b`, c\n\n[one](#a-b-c) `[two](gone.md)`\n")
    test_links_lead_to_files_and_headings_that_are_there(page)
    for wrong in ("[one](gone.md)", "[one](#a-b)", "[one](page.md#a-b)"):
        page.write_text(f"# A `b`, c\n\n{wrong}\n")
        with pytest.raises(AssertionError, match=r"no (file|heading)"):
            test_links_lead_to_files_and_headings_that_are_there(page)


def test_the_site_has_every_page_in_its_table_of_contents():
    contents = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]

    def listed(entry):
        if isinstance(entry, str):
            return {entry}
        return set().union(*map(listed, entry.values() if isinstance(entry, dict) else entry))

    assert {page.name for page in DOCS.glob("*.md")} <= listed(contents)
