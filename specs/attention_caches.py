"""Specs of attention to what is kept in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..reference import attention_caches as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

LEFT = Parameter("left", (None, 2), "how many keys before its own place a query sees")
DATA = ("normal", "saturated", "padding_nan", "padding_large", "masked_rows")


def unfilled(names: Mapping[str, Any]) -> dict[str, Any]:
    """Slots that no step before has filled; the steps that come fill some of them."""
    empty = np.arange(names["slots"]) >= names["lengths"][:, np.newaxis]
    return {"key_cache": empty, "value_cache": empty}


cached_attention = Spec(
    reference=reference.cached_attention,
    inputs=(
        Input("query", "batch, steps, groups * repeats, depth", meaning="of the next steps"),
        Input("key", "batch, steps, groups, depth", meaning="of the same steps"),
        Input("value", "batch, steps, groups, values", meaning="of the same steps"),
        Input("key_cache", "batch, slots, groups, depth", meaning="of the steps before"),
        Input("value_cache", "batch, slots, groups, values", meaning="of the steps before"),
        Input(
            "lengths",
            "batch",
            kind="lengths",
            limit="slots - steps",
            least="0",
            meaning="how many slots are filled",
        ),
    ),
    parameters=(LEFT,),
    states=("key_cache", "value_cache"),
    axes="batch steps slots groups repeats depth values",
    # Steps as of guesses that are checked, of decoding, and of a whole sequence.
    sizes=((3, 2, 9, 2, 3, 4, 4), (2, 1, 8, 1, 2, 5, 3), (1, 1, 34, 3, 1, 8, 8), (2, 4, 4, 1, 1, 3, 2)),
    data=DATA[:-1],
    unowned=unfilled,
    constraints=(
        Constraint(
            "C8",
            "query[2] % key[2] == 0",
            "heads of the query must be a multiple of those of the key",
            broken_by={"query": "batch, steps, groups * repeats + 1, depth"},
        ),
    ),
    sources=(Source("Shazeer (2019), Fast transformer decoding", "https://arxiv.org/abs/1911.02150"),),
)


def unowned_pages(names: Mapping[str, Any]) -> dict[str, Any]:
    """Rows of pages that no sequence has a token in."""
    pages, rows, table = names["pages"], names["rows"], names["table"]
    owned = np.zeros((pages, rows), dtype=bool)
    place = np.arange(table.shape[1] * rows)
    for own, length in zip(table, names["lengths"], strict=True):
        mine = place[:length]
        owned[own[mine // rows], mine % rows] = True
    return {"key_pages": ~owned, "value_pages": ~owned}


paged_attention = Spec(
    reference=reference.paged_attention,
    inputs=(
        Input("query", "batch, groups * repeats, depth", meaning="of the last token of each sequence"),
        Input("key_pages", "pages, rows, groups, depth", meaning="of all sequences, in any order"),
        Input("value_pages", "pages, rows, groups, values", meaning="of all sequences, in any order"),
        Input("table", "batch, blocks", kind="index", limit="pages", meaning="the pages of each sequence"),
        Input("lengths", "batch", kind="lengths", limit="blocks * rows", meaning="how many keys count"),
    ),
    parameters=(LEFT,),
    axes="batch blocks pages rows groups repeats depth values",
    # Sequences share pages, and some pages are nobody's.
    sizes=(
        (3, 2, 7, 4, 2, 3, 4, 4),
        (2, 3, 5, 2, 1, 2, 5, 3),
        (2, 1, 3, 16, 3, 1, 8, 8),
        (1, 8, 8, 1, 1, 1, 3, 3),
    ),
    data=DATA,
    unowned=unowned_pages,
    constraints=(
        Constraint(
            "C8",
            "query[1] % key_pages[2] == 0",
            "heads of the query must be a multiple of those of the keys",
            broken_by={"query": "batch, groups * repeats + 1, depth"},
        ),
    ),
    sources=(Source("Kwon et al. (2023), PagedAttention", "https://arxiv.org/abs/2309.06180"),),
)


def beyond_lengths(names: Mapping[str, Any]) -> dict[str, Any]:
    """Places behind the length of a sequence."""
    empty = np.arange(names["keys"]) >= names["lengths"][:, np.newaxis]
    return {"latent": empty, "key_rope": empty}


latent_attention = Spec(
    reference=reference.latent_attention,
    inputs=(
        Input("query", "batch, queries, heads, depth", meaning="the part that has no place"),
        Input("query_rope", "batch, queries, heads, rope", meaning="the part that is rotated"),
        Input("latent", "batch, keys, rank", meaning="what keys and values of all heads are made of"),
        Input("key_rope", "batch, keys, rope", meaning="the rotated part of the keys, for all heads"),
        Input("key_kernel", "rank, heads, depth", kind="weight", meaning="makes keys"),
        Input("value_kernel", "rank, heads, values", kind="weight", meaning="makes values"),
        Input("lengths", "batch", kind="lengths", limit="keys", meaning="how many keys count"),
    ),
    parameters=(
        Parameter("causal", (False, True), "whether the last query alone attends to all keys"),
        Parameter("scale", (None, 0.3), "factor of the products; None is 1/√(depth + rope)"),
    ),
    axes="batch queries keys heads depth rope rank values",
    sizes=((3, 3, 5, 2, 3, 4, 6, 3), (2, 1, 6, 3, 4, 2, 7, 5), (1, 2, 33, 4, 8, 4, 16, 8)),
    data=("normal", "padding_nan", "padding_large", "masked_rows"),
    unowned=beyond_lengths,
    sources=(Source("DeepSeek-AI (2024), DeepSeek-V2", "https://arxiv.org/abs/2405.04434"),),
)
