"""Grouped-query attention in Triton: one program per head, online over blocks of keys.

    assay check examples/triton_grouped_attention.py:attention --spec grouped_query_attention \\
        head_map=blocked empty_row=zero --tile 16

The broken twin, ``broken`` for ``attention``, divides the head by the number of groups and not by that of
heads in one: it is right wherever both are the same.
"""

import os

import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when a kernel is decorated

import triton
import triton.language as tl

BLOCK = 16


@triton.jit
def attention_kernel(
    query,
    key,
    value,
    y,
    queries,
    keys,
    heads,
    groups,
    shared,
    depth,
    values,
    scale,
    last,
    BLOCK: tl.constexpr,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    VALUES: tl.constexpr,
):
    head, batch = tl.program_id(0), tl.program_id(1)
    row, d, v = tl.arange(0, ROWS)[:, None], tl.arange(0, DEPTH), tl.arange(0, VALUES)[None, :]
    here = (batch * queries + row) * heads + head
    inside = (row < queries) & (d < depth)[None, :]
    q = tl.load(query + here * depth + d[None, :], mask=inside, other=0.0).to(tl.float32) * scale
    group = tl.minimum(head // shared, groups - 1)
    top = tl.full((ROWS, 1), -float("inf"), tl.float32)
    total = tl.zeros((ROWS, 1), tl.float32)
    sums = tl.zeros((ROWS, VALUES), tl.float32)
    for start in range(0, keys, BLOCK):
        place = start + tl.arange(0, BLOCK)
        base = (batch * keys + place) * groups + group
        exists = place < keys
        k_mask, v_mask = (d < depth)[:, None] & exists[None, :], exists[:, None] & (v < values)
        k = tl.load(key + d[:, None] + base[None, :] * depth, mask=k_mask, other=0.0).to(tl.float32)
        u = tl.load(value + base[:, None] * values + v, mask=v_mask, other=0.0).to(tl.float32)
        seen = exists[None, :] & (place[None, :] <= row + last)
        scores = tl.where(seen, tl.dot(q, k, input_precision="ieee"), -float("inf"))
        higher = tl.maximum(top, tl.max(scores, axis=1, keep_dims=True))
        shift = tl.where(higher == -float("inf"), 0.0, higher)
        kept, powers = tl.exp(top - shift), tl.exp(scores - shift)
        total = total * kept + tl.sum(powers, axis=1, keep_dims=True)
        sums = sums * kept + tl.dot(powers, u, input_precision="ieee")
        top = higher
    # A query that sees no key has nothing to divide.
    average = sums / tl.where(total == 0.0, 1.0, total)
    tl.store(y + here * values + v, average.to(y.dtype.element_ty), mask=(row < queries) & (v < values))


def run(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, causal: str, shared: int
) -> torch.Tensor:
    batch, queries, heads, depth = query.shape
    keys, groups, values = value.shape[1:]
    y = query.new_empty((batch, queries, heads, values))
    attention_kernel[(heads, batch)](
        *(x.contiguous() for x in (query, key, value)),
        *(y, queries, keys, heads, groups, shared, depth, values, depth**-0.5),
        {"none": keys, "top_left": 0, "bottom_right": keys - queries}[causal],
        BLOCK=BLOCK,
        ROWS=tile(queries),
        DEPTH=tile(depth),
        VALUES=tile(values),
    )
    return y


def tile(length: int) -> int:
    """The smallest tile that products are made of."""
    return max(16, triton.next_power_of_2(length))


def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, causal: str) -> torch.Tensor:
    return run(query, key, value, causal, query.shape[2] // key.shape[2])


def broken(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, causal: str) -> torch.Tensor:
    return run(query, key, value, causal, key.shape[2])
