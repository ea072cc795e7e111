"""Faults and controls of the embedding layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference import embedding as right
from ..language.variant import Control, Fault, each_way

Array = Any

CHOSEN = "out_of_range == 'error' and negative == 'out_of_range'"
"""All indices are rows, and none counts from the end."""


def one_hot_product(indices: Array, table: Array) -> Array:
    """A product with ones and zeros, which spreads NaN and loses the sign of zero."""
    return (indices[..., np.newaxis] == np.arange(table.shape[0])) @ table


def overwritten(gradient: Array, indices: Array, cotangent: Array) -> Array:
    """The cotangent of the last place alone, in rows that several places chose."""
    last = np.zeros_like(gradient)
    last[indices.reshape(-1)] = cotangent.reshape(-1, gradient.shape[-1])
    return np.where(gradient == 0, gradient, last)


def averaged(gradient: Array, indices: Array, rows: int) -> Array:
    """The sum divided by how often a row was chosen."""
    times = np.sum(indices.reshape(-1) == np.arange(rows)[:, np.newaxis], axis=1)
    return gradient / np.maximum(times, 1)[:, np.newaxis]


def once_per_sample(gradient: Array, indices: Array, cotangent: Array, rows: int) -> Array:
    """Of the places of a sample that chose a row, the last one alone."""
    total, samples = np.zeros_like(gradient), np.atleast_1d(indices)
    for sample, given in zip(samples, cotangent.reshape(*samples.shape, -1), strict=True):
        last = np.zeros_like(gradient)
        last[sample] = given
        total = total + last
    return np.where(gradient == 0, gradient, total)


def shortened(result: Array) -> Array:
    """Rows of a norm above 1 are scaled to norm 1."""
    norm = np.sqrt(np.sum(result**2, axis=-1, keepdims=True))
    return np.where(norm > 1, result / norm, result)


def place_by_place(
    indices: Array, table: Array, cotangent: Array, *, out_of_range: str, negative: str, padding_index: Any
) -> tuple[Array]:
    """Adds one cotangent after the other to the row that its place chose."""
    rows, features = table.shape
    places = np.where(indices < 0, indices + rows, indices) if negative == "wrap" else indices
    places = indices % rows if out_of_range == "modulo" else places
    none = (places < 0) | (places >= rows)
    clamped = np.clip(places, 0, rows - 1)
    goes = np.where(none & (out_of_range in ("nan", "zero")), -1, clamped).reshape(-1)
    goes = np.where(goes == (-1 if padding_index is None else padding_index), -1, goes)
    gradient = 0 * np.zeros_like(table)
    for place, given in zip(goes, np.reshape(cotangent, (-1, features)), strict=True):
        gradient = np.where((np.arange(rows) == place)[:, np.newaxis], gradient + given, gradient)
    return (gradient,)


def counted_with_padding(
    indices: Array, table: Array, mask: Any, weights: Any, *, mode: str, padding_index: Any
) -> Array:
    """A mean whose count holds what does not count."""
    options = {"mode": "sum", "padding_index": padding_index}
    return right.embedding_bag(indices, table, mask, weights, **options) / indices.shape[1]


def zeros_in_the_maximum(
    indices: Array, table: Array, mask: Any, weights: Any, *, mode: str, padding_index: Any
) -> Array:
    """A maximum in which what does not count is 0."""
    return np.maximum(right.embedding_bag(indices, table, mask, mode="max", padding_index=padding_index), 0.0)


def divided_by_places(
    indices: Array, table: Array, mask: Any, weights: Array, *, mode: str, padding_index: Any
) -> Array:
    """A weighted mean divided by the number of places."""
    total = right.embedding_bag(indices, table, mask, weights, mode="sum", padding_index=padding_index)
    counts = np.ones(indices.shape) if mask is None else mask
    return total / np.maximum(np.sum(counts, axis=1, keepdims=True), 1.0)


def shortened_all(indices: Array, table: Array, **options: Any) -> Array:
    """The table with every row shortened, looked up or not."""
    return right.renormed_embedding(np.arange(len(table))[np.newaxis], table, **options)[1]


def capped_by_clipping(x: Array, table: Any, reverse: Any, *, soft_cap: float) -> Array:
    """Scores clipped at the cap."""
    return np.clip(right.tied_embedding(x, table, reverse), -soft_cap, soft_cap)


FAULTS = {
    "embedding_bag": (
        Fault(
            name="the mean divided by all places",
            reference=counted_with_padding,
            where="mode == 'mean' and not weighted and (ragged or padding_index is not None)",
        ),
        Fault(
            name="zeros among the rows of a maximum",
            reference=zeros_in_the_maximum,
            where="mode == 'max' and (ragged or padding_index is not None)",
        ),
        Fault(
            name="the weighted mean divided by the number of places",
            reference=divided_by_places,
            where="mode == 'mean' and weighted and padding_index is None",
        ),
    ),
    "renormed_embedding": (
        Fault(
            name="rows that are not looked up shortened too",
            results={
                "table": lambda indices, table, max_value, norm_type, epsilon_at: shortened_all(
                    indices, table, max_value=max_value, norm_type=norm_type, epsilon_at=epsilon_at
                )
            },
            where="in_place and rows > 1",
        ),
        Fault(
            name="the table read before it is changed",
            results={
                "y": lambda indices, table, mode: (
                    table[indices] if mode == "rows" else right.embedding_bag(indices, table, mode=mode)
                )
            },
        ),
        Fault(
            name="the table left as it was",
            results={"table": lambda table: table},
            where="in_place",
        ),
    ),
    "tied_embedding": (
        Fault(name="scores clipped at the cap", reference=capped_by_clipping, where="soft_cap is not None"),
    ),
    "embedding": (
        *each_way(
            Fault(
                name="indices count from 1",
                inputs={"indices": lambda indices, rows: (indices - 1) % rows},
                where=CHOSEN,
            )
        ),
        Fault(
            name="last row is a copy of the one before",
            inputs={"indices": lambda indices, rows: np.minimum(indices, rows - 2)},
            where=f"{CHOSEN} and rows > 1",
        ),
        Fault(
            name="NaN of other rows, by a one-hot product", reference=one_hot_product, where="data == 'nan'"
        ),
        Fault(
            name="sign of zero lost, by a one-hot product",
            reference=one_hot_product,
            where="data == 'zeros'",
        ),
        Fault(
            name="scaled by the root of the features",
            results={"y": lambda result, features: result * np.sqrt(features)},
        ),
        Fault(name="rows shortened to norm 1", results={"y": shortened}),
        *each_way(
            Fault(
                name="index below minus the rows counted from the end twice",
                inputs={"indices": lambda indices, rows: np.where(indices < -rows, indices + rows, indices)},
                where="data == 'far_below'",
            )
        ),
        *each_way(
            Fault(
                name="index of minus the rows taken as none",
                inputs={"indices": lambda indices, rows: np.where(indices == -rows, -rows - 1, indices)},
                where="out_of_range != 'error' and rows > 1",
            )
        ),
        *each_way(
            Fault(
                name="index beyond the rows clamped",
                parameters={"out_of_range": "'clamp'"},
                where="out_of_range in ('nan', 'zero', 'modulo')",
            )
        ),
        *each_way(
            Fault(
                name="negative indices the other way",
                parameters={"negative": "'wrap' if negative == 'out_of_range' else 'out_of_range'"},
            )
        ),
        Fault(name="gradient of the last place alone", gradients={"table": overwritten}),
        Fault(name="gradient once for each sample", gradients={"table": once_per_sample}, where=CHOSEN),
        Fault(name="gradient averaged over the places of a row", gradients={"table": averaged}),
        Fault(
            name="row 0 has no gradient",
            gradients={"table": lambda gradient, rows: np.where(np.arange(rows)[:, np.newaxis], gradient, 0)},
        ),
        Fault(
            name="gradient kept from before in rows not chosen",
            gradients={
                "table": lambda gradient, indices, rows: np.where(
                    np.isin(np.arange(rows), indices)[:, np.newaxis], gradient, 1.0
                )
            },
        ),
    ),
}

CONTROLS = {
    "embedding": (Control(name="gradient place by place", vjp=place_by_place),),
}
