"""Layers of attention: by loops in 40 digits, and as projections around what is proved elsewhere."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.attention import dot_product_attention, dot_product_attention_vjp
from assay.reference.attention_layers import (
    APPENDED,
    additive_attention,
    additive_attention_vjp,
    multi_head_attention,
    multi_head_attention_vjp,
    multi_head_attention_weights,
    multi_head_attention_weights_vjp,
)

BATCH, QUERIES, KEYS, FEATURES, MEMORY, CONTENTS, HEADS, DEPTH, VALUES, OUTPUTS = 2, 3, 4, 5, 6, 4, 2, 3, 2, 7
SHAPES = {
    "query": (BATCH, QUERIES, FEATURES),
    "key": (BATCH, KEYS, MEMORY),
    "value": (BATCH, KEYS, CONTENTS),
    "query_kernel": (FEATURES, HEADS, DEPTH),
    "key_kernel": (MEMORY, HEADS, DEPTH),
    "value_kernel": (CONTENTS, HEADS, VALUES),
    "output_kernel": (HEADS, VALUES, OUTPUTS),
    "query_bias": (HEADS, DEPTH),
    "key_bias": (HEADS, DEPTH),
    "value_bias": (HEADS, VALUES),
    "output_bias": (OUTPUTS,),
}
NOTHING = (None,) * 3  # added or appended
BIASES = [name for name in SHAPES if name.endswith("bias")]
MASK = np.tri(QUERIES, KEYS, 1, dtype=bool)
KEY_MASK = np.array([[True, False, True, True], [False, True, True, False]])
MASKS = {
    "none": (None, None, np.ones((QUERIES, KEYS), dtype=bool)),
    "pairs": (MASK, None, MASK),
    "keys": (None, KEY_MASK, KEY_MASK[:, np.newaxis, np.newaxis]),
    "causal": (None, None, np.tri(QUERIES, KEYS, dtype=bool)),
}
MASKINGS = pytest.mark.parametrize("masking", MASKS)


def normal(name, *shape):
    return Stream(f"attention_layers/{name}").normal(shape)


def given():
    return {name: normal(name, *shape) for name, shape in SHAPES.items()}


def projected(arrays):
    return [
        np.einsum("btf,fhd->bthd", arrays[name], arrays[f"{name}_kernel"]) + arrays[f"{name}_bias"]
        for name in ("query", "key", "value")
    ]


# --- heads ---


def by_loops(arrays, allowed, appended="none"):
    """The output and the weights of each head, number by number."""
    exact = {name: np.vectorize(mpmath.mpf, otypes=[object])(a) for name, a in arrays.items()}
    queries, keys, values = projected(exact)
    added = exact.get("score_bias", np.zeros((QUERIES, KEYS), object))
    for last in {"none": (), "learned": (1,), "zero": (0,), "both": (1, 0)}[appended]:
        keys, values = (
            np.concatenate([x, np.stack([last * exact[name][None]] * BATCH)], axis=1)
            for x, name in ((keys, "last_key"), (values, "last_value"))
        )
    count = keys.shape[1]
    y = np.zeros((BATCH, QUERIES, OUTPUTS), object)
    weights = np.zeros((BATCH, HEADS, QUERIES, count), object)
    for b, h, i in np.ndindex(BATCH, HEADS, QUERIES):
        seen = [j for j in range(count) if j >= KEYS or allowed[b, i, j]]
        products = [np.dot(queries[b, i, h], keys[b, j, h]) / mpmath.sqrt(DEPTH) for j in seen]
        shifts = [added[i, j] if j < KEYS else 0 for j in seen]
        powers = [mpmath.exp(p + shift) for p, shift in zip(products, shifts, strict=True)]
        weights[b, h, i, seen] = [power / sum(powers) for power in powers]
        y[b, i] += (weights[b, h, i, seen] @ values[b, seen, h]) @ exact["output_kernel"][h]
    return y + exact["output_bias"], weights


@proves(multi_head_attention, by="high precision")
@MASKINGS
def test_agrees_with_its_definition_in_40_digits(masking):
    mask, key_mask, allowed = MASKS[masking]
    allowed = np.broadcast_to(allowed, (BATCH, 1, QUERIES, KEYS))[:, 0]
    with mpmath.workdps(40):
        expected, _ = by_loops(given(), allowed)
    options = {"mask": mask, "key_mask": key_mask, "masking": masking}
    assert_same(multi_head_attention(**carried(given()), **options), expected)


@proves(multi_head_attention, multi_head_attention_weights, by="high precision")
@pytest.mark.parametrize("appended", APPENDED)
def test_what_is_added_and_appended_agrees_with_its_definition_in_40_digits(appended):
    behind = {"last_key": normal("last_key", HEADS, DEPTH), "last_value": normal("last_value", HEADS, VALUES)}
    arrays = given() | {"score_bias": normal("score_bias", QUERIES, KEYS)}
    learned = behind if appended in ("learned", "both") else {}
    allowed = np.broadcast_to(MASK, (BATCH, QUERIES, KEYS))
    options = {"mask": MASK, "masking": "pairs", "appended": appended}
    with mpmath.workdps(40):
        expected, _ = by_loops(arrays | behind, allowed, appended)
        zeros = {name: np.zeros(SHAPES[name]) for name in BIASES}
        plain, weights = by_loops(arrays | behind | zeros, allowed, appended)
    assert_same(multi_head_attention(**carried(arrays | learned), **options), expected)
    arrays = {name: array for name, array in arrays.items() if name not in BIASES}
    got = multi_head_attention_weights(**carried(arrays | learned), **options, mean=False)
    assert_same(got, (plain, weights))


@proves(multi_head_attention_weights, by="high precision")
@MASKINGS
def test_weights_agree_with_their_definition_in_40_digits(masking):
    arrays = {n: np.zeros(SHAPES[n]) if n in BIASES else array for n, array in given().items()}
    plain = {name: carried(array) for name, array in arrays.items() if name not in BIASES}
    mask, key_mask, allowed = MASKS[masking]
    allowed = np.broadcast_to(allowed, (BATCH, 1, QUERIES, KEYS))[:, 0]
    with mpmath.workdps(40):
        expected, weights = by_loops(arrays, allowed)
        mean = np.mean(weights, axis=1)
    options = {"mask": mask, "key_mask": key_mask, "masking": masking}
    y, got = multi_head_attention_weights(**plain, **options, mean=True)
    assert_same(y, expected)
    several = np.sum(allowed, axis=-1) > 1  # a single key has the weight 1, without rounding
    assert_same(got[several], mean[several])
    _, each = multi_head_attention_weights(**plain, **options, mean=False)
    for head in range(HEADS):
        assert_same(each[:, head][several], weights[:, head][several])
        assert (each.value[:, head][~allowed] == 0).all()


@proves(multi_head_attention, multi_head_attention_vjp, by="law")
@MASKINGS
def test_it_is_attention_between_projections(masking):
    arrays, into = carried(given()), carried(normal("into y", BATCH, QUERIES, OUTPUTS))
    mask, key_mask, allowed = MASKS[masking]
    allowed = np.broadcast_to(allowed, (BATCH, 1, QUERIES, KEYS))
    heads = projected(arrays)
    average = dot_product_attention(*heads, None, allowed)
    y = np.einsum("bqhv,hvf->bqf", average, arrays["output_kernel"]) + arrays["output_bias"]
    assert_same(multi_head_attention(**arrays, mask=mask, key_mask=key_mask, masking=masking), y)
    into_average = np.einsum("bqf,hvf->bqhv", into, arrays["output_kernel"])
    *slopes, _ = dot_product_attention_vjp(*heads, None, allowed, into_average)
    names = "query", "key", "value"
    expected = (
        *(np.einsum("bthd,fhd->btf", g, arrays[f"{n}_kernel"]) for n, g in zip(names, slopes, strict=True)),
        *(np.einsum("btf,bthd->fhd", arrays[n], g) for n, g in zip(names, slopes, strict=True)),
        np.einsum("bqhv,bqf->hvf", average, into),
        *(np.sum(g, axis=(0, 1)) for g in (*slopes, into)),
    )
    got = multi_head_attention_vjp(*arrays.values(), *NOTHING, mask, key_mask, into, masking=masking)
    assert got[11:] == NOTHING
    assert_same(got[:11], expected)


@proves(multi_head_attention_weights_vjp, by="law")
def test_values_of_one_for_each_key_give_the_weights_and_their_gradients():
    """Of one head, with a value and an output for each key, the output is the weights."""
    arrays = given() | {
        "value": np.broadcast_to(np.eye(KEYS), (BATCH, KEYS, KEYS)),
        "value_kernel": np.eye(KEYS).reshape(KEYS, 1, KEYS),
        "output_kernel": np.eye(KEYS).reshape(1, KEYS, KEYS),
        "query": normal("query", BATCH, QUERIES, KEYS),
        "key": normal("key", BATCH, KEYS, KEYS),
        "query_kernel": normal("query_kernel", KEYS, 1, DEPTH),
        "key_kernel": normal("key_kernel", KEYS, 1, DEPTH),
    }
    arrays = {name: carried(np.array(arrays[name])) for name in SHAPES if name not in BIASES}
    expected = multi_head_attention(**arrays)
    for got in multi_head_attention_weights(**arrays):
        assert_same(got, expected)
    into = carried(normal("into", BATCH, QUERIES, KEYS))
    silent = np.zeros((BATCH, QUERIES, KEYS))
    through_y, through_weights = (
        multi_head_attention_weights_vjp(*arrays.values(), *NOTHING, None, None, both)
        for both in ((into, silent), (silent, into))
    )
    for place, name in enumerate(arrays):
        if name in ("query", "key", "query_kernel", "key_kernel"):
            assert_same(through_y[place], through_weights[place])


@proves(multi_head_attention, by="law")
def test_a_bias_of_the_keys_changes_nothing_and_gets_no_gradient():
    arrays, into = carried(given()), normal("into y", BATCH, QUERIES, OUTPUTS)
    without = arrays | {"key_bias": np.zeros((HEADS, DEPTH))}
    assert_same(multi_head_attention(**arrays), multi_head_attention(**without))
    into_key_bias = multi_head_attention_vjp(*arrays.values(), *NOTHING, None, None, into)[8]
    assert_same(into_key_bias, 0.0, size=1.0)


@proves(multi_head_attention, multi_head_attention_vjp, by="law")
def test_self_attention_is_attention_of_a_sequence_to_itself():
    arrays = given() | {
        "key_kernel": normal("key_kernel", FEATURES, HEADS, DEPTH),
        "value_kernel": normal("value_kernel", FEATURES, HEADS, VALUES),
    }
    query = carried(arrays["query"])
    rest = [carried(array) for name, array in arrays.items() if name not in ("query", "key", "value")]
    into = normal("into y", BATCH, QUERIES, OUTPUTS)
    assert_same(
        multi_head_attention(query, None, None, *rest), multi_head_attention(query, query, query, *rest)
    )
    got = multi_head_attention_vjp(query, None, None, *rest, *NOTHING, None, None, into)
    parts = multi_head_attention_vjp(query, query, query, *rest, *NOTHING, None, None, into)
    assert got[1:3] == (None, None)
    assert_same((got[0], *got[3:11]), (parts[0] + parts[1] + parts[2], *parts[3:11]))


# --- scores by addition ---


def added():
    return {
        "query": normal("query", BATCH, QUERIES, DEPTH),
        "key": normal("key", BATCH, KEYS, DEPTH),
        "value": normal("value", BATCH, KEYS, VALUES),
        "scale": normal("scale", DEPTH),
    }


@proves(additive_attention, by="high precision")
@pytest.mark.parametrize("masking", ["none", "keys", "causal"])
def test_scores_are_sums_of_tanh_in_40_digits(masking):
    arrays = added()
    _, key_mask, allowed = MASKS[masking]
    allowed = np.broadcast_to(allowed, (BATCH, 1, QUERIES, KEYS))[:, 0]
    y = np.zeros((BATCH, QUERIES, VALUES), object)
    with mpmath.workdps(40):
        for b, i in np.ndindex(BATCH, QUERIES):
            query, key, value = arrays["query"][b, i], arrays["key"][b], arrays["value"][b]
            seen = [j for j in range(KEYS) if allowed[b, i, j]]
            hidden = [
                [mpmath.tanh(mpmath.mpf(q) + mpmath.mpf(k)) for q, k in zip(query, key[j], strict=True)]
                for j in seen
            ]
            powers = [mpmath.exp(mpmath.fdot(arrays["scale"], each)) for each in hidden]
            for v in range(VALUES):
                terms = [p / sum(powers) * value[j, v] for p, j in zip(powers, seen, strict=True)]
                y[b, i, v] = sum(terms, mpmath.mpf(0))
    assert_same(additive_attention(**carried(arrays), key_mask=key_mask, causal=masking == "causal"), y)


@proves(additive_attention, additive_attention_vjp, by="law")
def test_queries_and_keys_may_be_shifted_against_each_other():
    arrays, into = added(), normal("into y", BATCH, QUERIES, VALUES)
    moved = arrays | {"query": carried(arrays["query"]) + 0.5, "key": carried(arrays["key"]) - 0.5}
    arrays, moved = carried(arrays), {name: carried(a) if name[0] in "vs" else a for name, a in moved.items()}
    assert_same(additive_attention(**arrays), additive_attention(**moved))
    gradients = (additive_attention_vjp(*each.values(), None, into) for each in (arrays, moved))
    for one, other in zip(*gradients, strict=True):
        assert_same(one, other)


@proves(additive_attention, by="law")
def test_without_a_scale_it_is_1():
    arrays = added() | {"scale": np.ones(DEPTH)}
    without = {name: array for name, array in arrays.items() if name != "scale"}
    assert_same(additive_attention(**carried(without)), additive_attention(**carried(arrays)))


# --- bad input ---


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"masking": "both"}, "masking must be one of none, pairs, keys, causal, added; got 'both'"),
        ({"appended": "both"}, "last_key must be given where one is appended, and not else"),
        ({"last_key": np.ones((HEADS, DEPTH))}, "last_key must be given where one is appended, and not else"),
        ({"score_bias": np.ones((KEYS, QUERIES))}, "score_bias must have shape"),
        ({"query": np.ones((BATCH, QUERIES))}, "query must have the axes"),
        ({"query": np.ones((BATCH, QUERIES, FEATURES + 1))}, "query must have 5 features; got 6"),
        ({"key": np.ones((BATCH, KEYS))}, "key must have the axes"),
        ({"key": np.ones((BATCH + 1, KEYS, MEMORY))}, "key must share the batch of the query"),
        ({"value": np.ones((BATCH, KEYS + 1, MEMORY))}, "value must have shape"),
        ({"key_kernel": np.ones((MEMORY, HEADS + 1, DEPTH))}, "key_kernel must have shape"),
        ({"value_kernel": np.ones((MEMORY, HEADS + 1, VALUES))}, "value_kernel must have shape"),
        ({"output_kernel": np.ones((HEADS, VALUES + 1, OUTPUTS))}, "output_kernel must have shape"),
    ],
)
def test_refuses_projections_that_do_not_fit(changed, message):
    with pytest.raises(ValueError, match=message):
        multi_head_attention(**given() | changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"query": np.ones((BATCH, QUERIES))}, "query must have the axes"),
        ({"key": np.ones((BATCH, KEYS, DEPTH + 1))}, "key must have shape"),
        ({"value": np.ones((BATCH, KEYS + 1, VALUES))}, "value must have shape"),
        ({"scale": np.ones(DEPTH + 1)}, "scale must have shape"),
        ({"key_mask": np.ones((BATCH, KEYS + 1), dtype=bool)}, "key_mask must have shape"),
    ],
)
def test_refuses_sums_that_do_not_fit(changed, message):
    with pytest.raises(ValueError, match=message):
        additive_attention(**added() | changed)
