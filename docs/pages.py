"""What the site shows beside this folder: pages from the root, and every file that a page links to.

Links in the pages are those of the checkout, so that they can be followed there too. MkDocs knows the files
of this folder only; the hooks below give it the others, and make each link lead to them.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]

PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Pages at the root, and what the site calls them."""

LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)(?=[)#])")
"""The target of a link to a file, without its anchor."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages at the root, and what any page links to outside of this folder."""
    for source, name in PAGES.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / source)))
    for file in list(files.documentation_pages()):
        for target in LINK.findall(Path(str(file.abs_src_path)).read_text("utf-8")):
            linked = _linked(file.src_uri, target)
            if linked is not None and files.get_file_from_path(_place(linked)) is None:
                files.append(_shown(linked, config))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Make links lead to where the site has their files."""
    here = page.file.src_uri

    def turned(match: re.Match[str]) -> str:
        linked = _linked(here, match[1])
        if linked is None:
            return match[1]
        return posixpath.relpath(_place(linked), posixpath.dirname(here) or ".")

    return LINK.sub(turned, markdown)


def _linked(page: str, target: str) -> str | None:
    """The path in the checkout of what a page links to; None where there is nothing, which MkDocs tells."""
    of_page = next((source for source, name in PAGES.items() if name == page), f"docs/{page}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(of_page), target))
    return path if not path.startswith("..") and (ROOT / path).exists() else None


def _place(path: str) -> str:
    """Where the site has a file of the checkout."""
    if path in PAGES:
        return PAGES[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"checkout/{path}.md" if (ROOT / path).is_dir() else f"checkout/{path}.txt"


def _shown(path: str, config: MkDocsConfig) -> File:
    """A file of the checkout as text, and a folder as the list of what is in it."""
    if (ROOT / path).is_dir():
        names = sorted(one.name for one in (ROOT / path).iterdir() if one.is_file())
        listed = "\n".join(f"- `{name}`" for name in names)
        return File.generated(config, _place(path), content=f"# {path}\n\n{listed}\n")
    return File.generated(config, _place(path), abs_src_path=str(ROOT / path))
