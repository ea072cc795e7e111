"""Linear attention in PyTorch, step by step."""

from __future__ import annotations

from .framework import binds, torch
from .sequence_mixers import a_row_each, one_after_the_other


def factors(gate, value):
    """The share of a state that is kept at each step, ``(batch, steps, heads, depth or 1, 1)``."""
    if gate is None:
        return value.new_ones(*value.shape[:3], 1, 1)
    return gate.exp()[..., None] if gate.dim() == 4 else gate.exp()[..., None, None]


def started(state, key, value):
    """The state before the first step."""
    if state is not None:
        return state
    return value.new_zeros(len(value), value.shape[2], key.shape[-1], value.shape[-1])


def scaled(query, scale):
    return query * (query.shape[-1] ** -0.5 if scale is None else scale)


def steps(*arrays):
    """What each step is given."""
    return zip(*(array.unbind(1) for array in arrays), strict=True)


@binds("gated_linear_attention", "torch.einsum", composition=True)
def gated_linear_attention(query, key, value, gate, state, sizes, *, scale):
    query, key, value, gate = a_row_each(sizes, query, key, value, gate)
    held, y = started(state, key, value), []
    for q, k, v, kept in steps(scaled(query, scale), key, value, factors(gate, value)):
        held = kept * held + torch.einsum("bhd,bhv->bhdv", k, v)
        y.append(torch.einsum("bhd,bhdv->bhv", q, held))
    return one_after_the_other(torch.stack(y, 1), sizes), held


def unit(x, epsilon):
    # The slope of rsqrt overflows in half types where rows are short.
    return x / (x.square().sum(-1, keepdim=True) + epsilon).sqrt()


@binds("gated_delta_rule", "torch.einsum", composition=True)
def gated_delta_rule(query, key, value, beta, gate, state, sizes, *, normalise, epsilon, scale):
    query, key, value, beta, gate = a_row_each(sizes, query, key, value, beta, gate)
    if normalise:
        query, key = unit(query, epsilon), unit(key, epsilon)
    shared = value.shape[2] // query.shape[2]
    query, key = (x.repeat_interleave(shared, 2) for x in (scaled(query, scale), key))
    held, y = started(state, key, value), []
    for q, k, v, b, kept in steps(query, key, value, beta, factors(gate, value)):
        held = kept * held
        missing = b[..., None] * (v - torch.einsum("bhd,bhdv->bhv", k, held))
        held = held + torch.einsum("bhd,bhv->bhdv", k, missing)
        y.append(torch.einsum("bhd,bhdv->bhv", q, held))
    return one_after_the_other(torch.stack(y, 1), sizes), held
