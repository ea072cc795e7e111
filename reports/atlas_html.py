"""The atlas in HTML: a page for each layer, and an index that is searched by layers, APIs and arguments.

The pages lie in one folder and load nothing but their style. Where the folder above is the site of a report,
each page leads to the site's page of its spec.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Sequence
from html import escape
from pathlib import Path

import jinja2
from jinja2.filters import do_mark_safe

from ..harness.mapping.arguments import Argument
from ..harness.mapping.atlas import Atlas
from ..specs.language.spec import Spec
from .atlas import Layer, counted, versions
from .axes import Array, arrays_of, picture
from .html import TEMPLATES, environment

__all__ = ["write_atlas"]


def write_atlas(atlas: Atlas, specs: Sequence[Spec], folder: Path) -> list[Path]:
    """Write ``index.html``, a page for each spec, and their style; returns the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = [Layer(spec, atlas) for spec in specs]
    known = {"versions": versions(atlas), "counted": counted(atlas)}
    site = (folder.parent / "specs").is_dir()
    pages = [folder / "index.html"]
    _write(pages[0], "atlas_index", layers=layers, words=_words, site=site, **known)
    for layer in layers:
        pages.append(folder / f"{layer.spec.name}.html")
        asked = (folder.parent / "specs" / pages[-1].name).is_file()
        _write(pages[-1], "atlas_layer", layer=layer, unlike=_unlike(layer.arguments), asked=asked, **known)
    style = "\n".join((TEMPLATES / n).read_text("utf-8") for n in ("report.css", "site.css", "atlas.css"))
    (folder / "atlas.css").write_text(style, "utf-8")
    return pages


def _write(path: Path, template: str, **values: object) -> None:
    text = _environment().get_template(f"{template}.html.jinja").render(**values)
    path.write_bytes(text.encode("utf-8", "replace"))


@functools.cache
def _environment() -> jinja2.Environment:
    own = environment().overlay()
    own.filters = environment().filters | {"ticked": ticked, "picture": _drawn}
    own.globals = environment().globals | {"arrays_of": arrays_of}
    return own


def _drawn(array: Array) -> str:
    """The picture of an array's axes."""
    return do_mark_safe(picture(array))


def ticked(text: str) -> str:
    """What stands in a cell of a table in Markdown, in HTML: code between backticks, and no escapes."""
    plain = escape(text.replace("\\|", "|").replace("&lt;", "<"))
    return do_mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", plain))


def _words(layer: Layer) -> str:
    """What a layer is found by."""
    apis = [binding.api for binding in layer.bindings]
    return " ".join(dict.fromkeys((layer.spec.name, *apis, *(a.name for a in layer.arguments)))).lower()


def _unlike(arguments: Sequence[Argument]) -> set[tuple[str, ...]]:
    """Parameters of which no value explains what all APIs of a layer do that have a default."""
    found: defaultdict[tuple[str, ...], list[set[str]]] = defaultdict(list)
    for one in arguments:
        if one.standing in ("default", "declared") and one.values:
            found[one.parameters].append(set(map(repr, one.values)))
    return {parameters for parameters, values in found.items() if not set.intersection(*values)}
