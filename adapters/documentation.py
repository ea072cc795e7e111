"""Where public APIs are documented: the page follows from the name, so that no spec repeats it.

Keras has pages by topic; those of TensorFlow, which ships it, go by name. flax and optax have pages by topic
alone, which their search finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .binding import Binding

__all__ = ["page", "pages"]

PLACES = {
    "torch": "https://docs.pytorch.org/docs/stable/generated/{name}.html",
    "tf": "https://www.tensorflow.org/api_docs/python/{path}",
    "keras": "https://www.tensorflow.org/api_docs/python/tf/{path}",
    "jax": "https://docs.jax.dev/en/latest/_autosummary/{name}.html",
    "flax.nnx": "https://flax.readthedocs.io/en/latest/search.html?q={name}",
    "flax.linen": "https://flax-linen.readthedocs.io/en/latest/search.html?q={name}",
    "onnx": "https://onnx.ai/onnx/operators/{operator}.html",
    "optax": "https://optax.readthedocs.io/en/latest/search.html?q={name}",
}
"""The page of what a package holds, by its name, or by its path, which has slashes for dots."""

WITHOUT_PAGE = re.compile(r"jax\.(Array|experimental)\b|.*\.__")


def page(api: str) -> str:
    """The page of an API; empty where none follows from its name."""
    name = _documented(api)
    if WITHOUT_PAGE.match(name):
        return ""
    place = next((place for package, place in PLACES.items() if name.startswith(f"{package}.")), "")
    return place.format(name=name, path=name.replace(".", "/"), operator=name.replace(".", "__"))


def pages(bindings: Iterable[Binding]) -> tuple[tuple[str, str], ...]:
    """What is documented of bindings, with the address of its page, each once."""
    apis = {_documented(binding.api): binding.api for binding in bindings}
    return tuple((name, link) for name, api in apis.items() if (link := page(api)))


def _documented(api: str) -> str:
    """The name under which an API is documented.

    What brackets say, as in ``torch.nn.LSTM(num_layers)``, is no part of it, nor is a method, as in
    ``torch.nn.BatchNorm2d.eval``; but tensors have a page for each of theirs.
    """
    name = re.split(r"[(\[]|\.eval$", api)[0]
    of_class = re.match(r"[a-z_0-9.]+\.(?!Tensor)[A-Z]\w*", name)
    return of_class[0] if of_class else name
