"""Write docs/transformers.md: what each option of attention means, drawn, and which APIs can be asked for it.

    python benchmarks/transformers.py

Nothing is drawn by hand. A reference is probed: each key in turn is given another value, and a query that
then gives something else sees that key. What is said of APIs follows from their bindings, each of which `make
test` holds to the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from assay.adapters.binding import FRAMEWORKS, bindings
from assay.harness.plan import refusal, selection
from assay.numerics.generator import Stream
from assay.reference.attention import dot_product_attention
from assay.reference.attention_caches import cached_attention
from assay.reference.attention_forms import (
    grouped_query_attention,
    sink_attention,
    sliding_window_attention,
)
from assay.reference.attention_layers import APPENDED, multi_head_attention, multi_head_attention_weights
from assay.reference.attention_states import packed_attention, variable_length_attention
from assay.reference.transformers import transformer_encoder, transformer_encoder_layer
from assay.specs import all_specs

PAGE = Path(__file__).resolve().parents[1] / "docs" / "transformers.md"

SEES, BLIND = "■", "·"

HEAD = """# Transformers, drawn

What the options of attention mean, as the references have it. A row is a query, a column a key; ■ where the
query sees the key, · where it does not. `python benchmarks/transformers.py` draws this page: each key in turn
is given another value, and where the output then changes, the query sees the key. Tables say which public
names can be asked for which option; the tests hold every one of them to these references. What users put
together of primitives is left out there.
"""

Array = Any


def normal(name: str, *shape: int) -> Array:
    """Numbers that stay the same from run to run."""
    return Stream(f"transformers page/{name}").normal(shape)


def seen(attend: Callable[[Array], Array], value: Array) -> Array:
    """Which output places, the second axis, change with which places of ``value``: ``(outputs, places)``."""
    plain = attend(value)
    columns = []
    for place in range(value.shape[1]):
        changed = value.copy()
        changed[:, place] += 1.0 + np.arange(value.shape[-1])
        apart = attend(changed) != plain
        columns.append(np.any(apart, axis=(0, *range(2, plain.ndim))))
    return np.stack(columns, axis=1)


def grid(pattern: Array) -> list[str]:
    """A picture of booleans, a line for each row."""
    return [" ".join(SEES if sees else BLIND for sees in row) for row in pattern]


def beside(pictures: dict[str, list[str]]) -> str:
    """Pictures side by side, each below its title."""
    height = max(len(lines) for lines in pictures.values())
    columns = []
    for title, lines in pictures.items():
        column = [title, *lines, *[""] * (height - len(lines))]
        width = max(map(len, column))
        columns.append([line.ljust(width) for line in column])
    rows = ("    ".join(row).rstrip() for row in zip(*columns, strict=True))
    return "```text\n" + "\n".join(rows) + "\n```"


# --- what is drawn ---


def pairs(queries: int, keys: int, heads: int = 1) -> tuple[Array, Array, Array]:
    """Queries, keys and values."""
    return (
        normal("query", 1, queries, heads, 4),
        normal("key", 1, keys, heads, 4),
        normal("value", 1, keys, heads, 4),
    )


def alignments() -> dict[str, list[str]]:
    """Causal attention of fewer queries than keys, and of more."""
    pictures = {}
    for queries, keys in ((3, 5), (5, 3)):
        query, key, value = pairs(queries, keys)
        for causal in ("top_left", "bottom_right"):
            options = {"causal": causal, "empty_row": "zero"}
            picture = seen(lambda v, q=query, k=key, o=options: dot_product_attention(q, k, v, **o), value)
            pictures[f"{causal}, {queries} of {keys}"] = grid(picture)
    return pictures


def windows() -> dict[str, list[str]]:
    """Windows to the left and to the right; both ends are in them."""
    query, key, value = pairs(6, 6)
    return {
        f"left {left}, right {right}": grid(
            seen(
                lambda v, n=left, m=right: sliding_window_attention(query, key, v, left=n, right=m),
                value,
            )
        )
        for left, right in ((2, 0), (0, 1), (1, 1), (None, 1))
    }


def head_maps() -> dict[str, list[str]]:
    """Which of two heads of keys each of six heads of queries sees."""
    query, key, value = normal("query", 1, 2, 6, 4), normal("key", 1, 2, 2, 4), normal("value", 1, 2, 2, 4)

    def attend(head_map: str) -> Callable[[Array], Array]:
        def of_heads(by_head: Array) -> Array:
            values = np.swapaxes(by_head, 1, 2)
            return np.swapaxes(grouped_query_attention(query, key, values, head_map=head_map), 1, 2)

        return of_heads

    by_head = np.swapaxes(value, 1, 2)
    return {head_map: grid(seen(attend(head_map), by_head)) for head_map in ("blocked", "interleaved")}


def empty_rows() -> dict[str, list[str]]:
    """A query in the middle that may attend to no key."""
    query, key, value = pairs(3, 4)
    mask = np.array([[True, True, False, False], [False] * 4, [False, False, True, True]])[None, None]
    return {
        empty_row: grid(
            seen(
                lambda v, e=empty_row: dot_product_attention(query, key, v, None, mask, empty_row=e),
                value,
            )
        )
        for empty_row in ("uniform", "zero")
    }


def lengths() -> dict[str, list[str]]:
    """Three queries and four keys that count, of five each."""
    query, key, value = pairs(5, 5)
    counted = np.array([3]), np.array([4])
    return {
        causal: grid(
            seen(lambda v, c=causal: variable_length_attention(query, key, v, *counted, causal=c), value)
        )
        for causal in ("none", "top_left", "bottom_right")
    }


def packed() -> dict[str, list[str]]:
    """Three sequences, of 2, 1 and 3 queries and of 1, 3 and 2 keys; behind them lies what is nobody's."""
    query, key, value = normal("query", 7, 1, 4), normal("key", 8, 1, 4), normal("value", 1, 8, 1, 4)
    sizes = np.array([2, 1, 3]), np.array([1, 3, 2])
    return {
        causal: grid(
            seen(lambda v, c=causal: packed_attention(query, key, v[0], *sizes, causal=c)[np.newaxis], value)
        )
        for causal in ("none", "top_left", "bottom_right")
    }


def caches() -> dict[str, list[str]]:
    """Two next steps beside five slots, of which three are filled: slots first, then what the steps bring."""
    query, key, value = pairs(2, 2)
    slots, both = normal("slots", 1, 5, 1, 4), np.concatenate([normal("held", 1, 5, 1, 4), value], axis=1)

    def attend(v: Array, left: int | None) -> Array:
        return cached_attention(query, key, v[:, 5:], slots, v[:, :5], np.array([3]), left=left)[0]

    return {f"left {left}": grid(seen(lambda v, n=left: attend(v, n), both)) for left in (None, 2)}


def sinks() -> dict[str, list[str]]:
    """What the weights of the keys add up to, beside sinks of several scores: values of 1 are averaged."""
    query, key, value = pairs(3, 4)
    ones = np.ones_like(value)
    sums = {score: sink_attention(query, key, ones, np.array([score]))[0] for score in (-100.0, 0.0, 100.0)}
    return {f"sink {score:g}": [f"{row:.3f}" for row in y[0, :, 0, 0]] for score, y in sums.items()}


def layers() -> dict[str, list[str]]:
    """Places of an encoder's layer: a place reaches its own output beside attention, through the sum."""
    weights = [
        normal("projections", 3, 4, 2, 2),
        normal("output", 2, 2, 4),
        normal("inner", 4, 6),
        normal("outer", 6, 4),
        np.ones((2, 4)),
    ]
    absent, x, counted = (None,) * 6, normal("x", 1, 4, 4), np.array([3])
    plain = {
        title: grid(seen(lambda v, n=n, c=c: transformer_encoder_layer(v, *weights, *absent, n, causal=c), x))
        for title, n, c in (
            ("all", None, False),
            ("causal", None, True),
            ("3 count", counted, False),
            ("both", counted, True),
        )
    }
    stacked = [weight[np.newaxis] for weight in weights]
    biases = [np.zeros((1, *shape)) for shape in ((3, 2, 2), (4,), (6,), (4,), (2, 4))]
    left_out = {"padded_output": "zero"}
    picture = seen(lambda v: transformer_encoder(v, *stacked, *biases, None, None, counted, **left_out), x)
    return {**plain, "3 count, 0 elsewhere": grid(picture)}


def masks() -> dict[str, list[str]]:
    """Masks of multi-head attention, True where a query attends."""
    query = normal("x", 1, 4, 4)
    kernels = (*normal("projections", 3, 4, 2, 2), normal("output", 2, 2, 4))
    absent = (None,) * 4
    pair, key = (
        np.tri(4, 4, 1, dtype=bool) & ~np.eye(4, 4, -2, dtype=bool),
        np.array([[True, False, True, True]]),
    )
    return {
        masking: grid(
            seen(
                lambda v, m=mask, k=key_mask, w=masking: multi_head_attention(
                    query, query, v, *kernels, *absent, mask=m, key_mask=k, masking=w
                ),
                query,
            )
        )
        for masking, mask, key_mask in (("pairs", pair, None), ("keys", None, key), ("causal", None, None))
    }


def behind() -> dict[str, list[str]]:
    """Weights of causal attention that are not 0, with what the layer appends behind the keys."""
    x = normal("x", 1, 3, 4)
    kernels = (*normal("projections", 3, 4, 2, 2), normal("output", 2, 2, 4))
    pictures = {}
    for appended in APPENDED:
        last = normal("last", 2, 2, 2) if appended in ("learned", "both") else (None, None)
        given = x, x, x, *kernels, None, *last
        _, weights = multi_head_attention_weights(*given, masking="causal", appended=appended)
        pictures[appended] = grid(weights[0] > 0)
    return pictures


PARTS: tuple[tuple[str, Callable[[], dict[str, list[str]]], tuple[tuple[str, str], ...]], ...] = (
    ("Causal alignment", alignments, (("dot_product_attention", "causal"),)),
    ("Rows without keys", empty_rows, ()),
    ("Windows", windows, (("sliding_window_attention", "alignment"), ("sliding_window_attention", "right"))),
    ("Heads of queries, by heads of keys", head_maps, (("grouped_query_attention", "head_map"),)),
    ("Lengths", lengths, (("variable_length_attention", "causal"),)),
    ("Sequences one behind the other", packed, (("packed_attention", "causal"),)),
    ("Caches", caches, (("cached_attention", "left"),)),
    ("Sinks", sinks, ()),
    ("Masks of a layer", masks, (("multi_head_attention", "masking"),)),
    ("Keys that a layer appends", behind, (("multi_head_attention", "appended"),)),
    (
        "Layers of an encoder",
        layers,
        (
            ("transformer_encoder_layer", "masks"),
            ("transformer_encoder_layer", "norm"),
            ("transformer_encoder", "padded_output"),
            ("transformer_decoder_layer", "masks"),
            ("transformer_decoder_layer", "norm"),
        ),
    ),
)


# --- which APIs ---


def asked(spec: str, parameter: str) -> Iterator[str]:
    """Rows of a table: of each value of a parameter, the public names that can be asked for it."""
    of = all_specs()[spec]
    valid = [case for case in selection(of, "standard") if case.valid]
    every = [b for b in bindings(family=of.family).values() if b.spec == spec and not b.composition]
    for value in of.parameter(parameter).values:
        cases = [case for case in valid if case.arguments[parameter] == value]
        names = {f: [] for f in FRAMEWORKS}
        for binding in every:
            if any(refusal(binding, case) is None for case in cases):
                names[binding.framework].append(f"`{binding.api}`")
        cells = (" ".join(sorted(names[framework])) or "–" for framework in FRAMEWORKS)
        yield f"| `{value}` | {' | '.join(cells)} |"


def table(spec: str, parameter: str) -> str:
    """Which public names can be asked for which value of a parameter."""
    meaning = all_specs()[spec].parameter(parameter).meaning
    head = f"| {spec}: {parameter} | {' | '.join(FRAMEWORKS)} |\n|{'---|' * (len(FRAMEWORKS) + 1)}"
    return f"`{parameter}` of `{spec}`: {meaning}.\n\n{head}\n" + "\n".join(asked(spec, parameter))


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, draw, tables in PARTS:
        says = " ".join((draw.__doc__ or "").split())
        parts.append("\n\n".join((f"## {title}", says, beside(draw()), *(table(*each) for each in tables))))
    return "\n\n".join(part.strip() for part in parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
