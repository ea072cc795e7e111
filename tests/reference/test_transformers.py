"""Layers of a transformer: by loops in 40 digits, and by what their parts make of each other."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.attention_layers import multi_head_attention
from assay.reference.dense import dense
from assay.reference.normalization import layer_norm
from assay.reference.transformers import (
    NO_BIASES,
    keep,
    keep_vjp,
    transformer_decoder,
    transformer_decoder_layer,
    transformer_decoder_layer_vjp,
    transformer_decoder_vjp,
    transformer_encoder,
    transformer_encoder_layer,
    transformer_encoder_layer_vjp,
    transformer_encoder_vjp,
)

BATCH, TIME, PLACES, FEATURES, HEADS, DEPTH, HIDDEN, LAYERS = 2, 3, 2, 3, 2, 2, 4, 2
ENCODER = {
    "projections": (3, FEATURES, HEADS, DEPTH),
    "output_kernel": (HEADS, DEPTH, FEATURES),
    "inner_kernel": (FEATURES, HIDDEN),
    "outer_kernel": (HIDDEN, FEATURES),
    "scales": (2, FEATURES),
    "projection_biases": (3, HEADS, DEPTH),
    "output_bias": (FEATURES,),
    "inner_bias": (HIDDEN,),
    "outer_bias": (FEATURES,),
    "offsets": (2, FEATURES),
}
DECODER = {
    **ENCODER,
    "projections": (2, 3, FEATURES, HEADS, DEPTH),
    "output_kernel": (2, HEADS, DEPTH, FEATURES),
    "scales": (3, FEATURES),
    "projection_biases": (2, 3, HEADS, DEPTH),
    "output_bias": (2, FEATURES),
    "offsets": (3, FEATURES),
}
LENGTHS, MEMORY_LENGTHS = np.array([2, 3]), np.array([2, 1])
X, MEMORY = (BATCH, TIME, FEATURES), (BATCH, PLACES, FEATURES)
PLAIN = {"norm": "last", "activation": "relu", "causal": True}
FORMS = pytest.mark.parametrize(
    ("norm", "activation", "causal"), [("last", "relu", True), ("first", "gelu", False)]
)


def normal(name, *shape):
    return Stream(f"transformers/{name}").normal(shape)


def weights(shapes, *before):
    return [normal(name, *before, *shape) for name, shape in shapes.items()]


def encoder():
    return [normal("x", *X), *weights(ENCODER)]


def decoder():
    return [normal("x", *X), normal("memory", *MEMORY), *weights(DECODER)]


def encoders():
    return [
        normal("x", *X),
        *weights(ENCODER, LAYERS),
        normal("final scale", FEATURES),
        normal("final offset", FEATURES),
    ]


def decoders():
    """A decoder's layers have no biases."""
    kernels = weights(DECODER, LAYERS)[:5]
    return [normal("x", *X), normal("memory", *MEMORY), *kernels, normal("final scale", FEATURES)]


# --- by loops in 40 digits ---


def exact(arrays):
    return [np.vectorize(mpmath.mpf, otypes=[object])(array) for array in arrays]


def normalized(row, scale, offset):
    mean = sum(row) / len(row)
    deviation = mpmath.sqrt(sum((each - mean) ** 2 for each in row) / len(row) + mpmath.mpf(1e-5))
    return (row - mean) / deviation * scale + offset


def attended(row, rows, projections, output, biases, bias):
    """What one place gets of the places in ``rows``."""
    y = bias
    for head in range(HEADS):
        query = row @ projections[0, :, head] + biases[0, head]
        keys, values = (rows @ projections[n, :, head] + biases[n, head] for n in (1, 2))
        powers = [mpmath.exp(np.dot(query, key) / mpmath.sqrt(DEPTH)) for key in keys]
        y = y + (np.array(powers) @ values / sum(powers)) @ output[head]
    return y


ACTIVATIONS = {
    "relu": lambda each: max(each, mpmath.mpf(0)),
    "gelu": lambda each: each * mpmath.ncdf(each),
}


def by_loops(x, memory, lengths, places, given, norm, activation, causal):
    """A layer of a sequence, place by place; without a memory that of an encoder."""
    projections, output, inner, outer, scales, biases, bias, inner_bias, outer_bias, offsets = given

    def network(row):
        hidden = np.array([ACTIVATIONS[activation](each) for each in row @ inner + inner_bias])
        return hidden @ outer + outer_bias

    def around(rows, part, function):
        normal = [normalized(row, scales[part], offsets[part]) for row in rows]
        if norm == "first":
            return rows + np.array([function(i, row, np.array(normal)) for i, row in enumerate(normal)])
        sums = [row + function(i, row, rows) for i, row in enumerate(rows)]
        return np.array([normalized(row, scales[part], offsets[part]) for row in sums])

    def within(weights):
        return lambda i, row, rows: attended(
            row, rows[: min(i + 1, lengths) if causal else lengths], *weights
        )

    if memory is None:
        x = around(x, 0, within((projections, output, biases, bias)))
    else:
        own, other = zip(projections, output, biases, bias, strict=True)
        x = around(x, 0, within(own))
        x = around(x, 1, lambda _, row, __: attended(row, memory[:places], *other))
    return around(x, -1, lambda _, row, __: network(row))


@proves(transformer_encoder_layer, by="high precision")
@FORMS
def test_the_encoder_s_layer_agrees_with_its_definition_in_40_digits(norm, activation, causal):
    form = {"norm": norm, "activation": activation, "causal": causal}
    with mpmath.workdps(40):
        x, *given = exact(encoder())
        expected = [by_loops(x[b], None, LENGTHS[b], None, given, **form) for b in range(BATCH)]
    assert_same(
        transformer_encoder_layer(*map(carried, encoder()), None, LENGTHS, **form), np.array(expected)
    )


@proves(transformer_decoder_layer, by="high precision")
@FORMS
def test_the_decoder_s_layer_agrees_with_its_definition_in_40_digits(norm, activation, causal):
    form = {"norm": norm, "activation": activation, "causal": causal}
    with mpmath.workdps(40):
        x, memory, *given = exact(decoder())
        expected = [
            by_loops(x[b], memory[b], LENGTHS[b], MEMORY_LENGTHS[b], given, **form) for b in range(BATCH)
        ]
    got = transformer_decoder_layer(*map(carried, decoder()), None, None, LENGTHS, MEMORY_LENGTHS, **form)
    assert_same(got, np.array(expected))


@proves(transformer_encoder, by="high precision")
def test_an_encoder_agrees_with_its_definition_in_40_digits():
    with mpmath.workdps(40):
        x, *stacked, scale, offset = exact(encoders())
        for number in range(LAYERS):
            given = [array[number] for array in stacked]
            x = np.array([by_loops(x[b], None, LENGTHS[b], None, given, **PLAIN) for b in range(BATCH)])
        expected = [[normalized(row, scale, offset) for row in rows] for rows in x]
    assert_same(transformer_encoder(*map(carried, encoders()), LENGTHS, causal=True), np.array(expected))


@proves(transformer_decoder, by="high precision")
def test_a_decoder_agrees_with_its_definition_in_40_digits():
    zeros = [np.zeros(DECODER[name], dtype=int) for name in list(DECODER)[5:]]
    with mpmath.workdps(40):
        x, memory, *stacked, scale = exact(decoders())
        for number in range(LAYERS):
            given = [*(array[number] for array in stacked), *zeros]
            of = ((x[b], memory[b], LENGTHS[b], MEMORY_LENGTHS[b]) for b in range(BATCH))
            x = np.array([by_loops(*each, given, **PLAIN) for each in of])
        expected = [[normalized(row, scale, 0) for row in rows] for rows in x]
    got = transformer_decoder(*map(carried, decoders()), LENGTHS, MEMORY_LENGTHS)
    assert_same(got, np.array(expected))


# --- by laws ---


@proves(transformer_encoder_layer, transformer_encoder_layer_vjp, by="law")
def test_without_attention_a_layer_is_its_network():
    """Values that are projected to 0 leave the sum as it is."""
    x, *given = map(carried, encoder())
    given[1], given[6] = 0.0 * given[1], 0.0 * given[6]
    _, _, inner, outer, scales, _, _, inner_bias, outer_bias, offsets = given
    hidden = np.maximum(dense(layer_norm(x, scales[1], offsets[1]), inner, inner_bias), 0.0)
    got = transformer_encoder_layer(x, *given, norm="first")
    assert_same(got, x + dense(hidden, outer, outer_bias))
    into = carried(normal("into", *X))
    gradients = transformer_encoder_layer_vjp(x, *given, None, None, None, into, norm="first")
    assert_same(gradients[9], np.sum(into, axis=(0, 1)))
    assert_same(gradients[6][0], 0.0, size=1.0)


@proves(transformer_encoder_layer, transformer_decoder_layer, by="law")
def test_a_pair_that_is_masked_is_one_of_which_much_is_taken_off():
    """Both masks against both of what is added to scores; and a causal mask against the word."""
    mask, memory_mask = np.tri(TIME, dtype=bool), np.eye(TIME, PLACES, dtype=bool) | [True, False]
    off, memory_off = np.where(mask, 0.0, -1e4), np.where(memory_mask, 0.0, -1e4)
    arrays = list(map(carried, encoder()))
    masked = transformer_encoder_layer(*arrays, mask=mask)
    assert_same(masked, transformer_encoder_layer(*arrays, score_bias=off))
    assert_same(masked, transformer_encoder_layer(*arrays, causal=True))
    arrays = list(map(carried, decoder()))
    masked = transformer_decoder_layer(*arrays, mask=mask, memory_mask=memory_mask, causal=False)
    added = {"score_bias": off, "memory_bias": memory_off, "causal": False}
    assert_same(masked, transformer_decoder_layer(*arrays, **added))
    assert_same(masked, transformer_decoder_layer(*arrays, memory_mask=memory_mask, causal=True))


@proves(transformer_encoder, by="law")
@pytest.mark.parametrize("norm", ["last", "first"])
def test_what_does_not_count_changes_nothing_that_does(norm):
    x, *given = map(carried, encoders())
    changed = np.where(np.arange(TIME)[:, None] < LENGTHS[:, None, None], x, 100.0)
    plain, other = (transformer_encoder(each, *given, LENGTHS, norm=norm) for each in (x, changed))
    counts = np.arange(TIME) < LENGTHS[:, None]
    assert_same(plain[counts], other[counts])
    alone = transformer_encoder(x[:1, :2], *given, norm=norm)
    assert_same(plain[:1, :2], alone)


@proves(transformer_encoder, transformer_decoder, by="law")
def test_of_a_causal_stack_the_first_places_are_those_of_the_shorter_sequence():
    x, *given = map(carried, encoders())
    assert_same(
        transformer_encoder(x, *given, causal=True)[:, :2],
        transformer_encoder(x[:, :2], *given, causal=True),
    )
    x, *given = map(carried, decoders())
    assert_same(transformer_decoder(x, *given)[:, :2], transformer_decoder(x[:, :2], *given))


@proves(transformer_encoder, by="law")
@pytest.mark.parametrize("norm", ["last", "first"])
def test_an_encoder_is_its_layers_one_after_the_other(norm):
    x, *stacked, scale, offset = map(carried, encoders())
    y = x
    for number in range(LAYERS):
        y = transformer_encoder_layer(y, *(array[number] for array in stacked), None, LENGTHS, norm=norm)
    assert_same(
        transformer_encoder(x, *stacked, scale, offset, LENGTHS, norm=norm), layer_norm(y, scale, offset)
    )


@proves(transformer_decoder, by="law")
@pytest.mark.parametrize("norm", ["last", "first"])
def test_a_decoder_is_its_layers_one_after_the_other(norm):
    x, memory, *stacked, scale = map(carried, decoders())
    y, lengths = x, (LENGTHS, MEMORY_LENGTHS)
    for number in range(LAYERS):
        kernels = (array[number] for array in stacked)
        y = transformer_decoder_layer(y, memory, *kernels, *NO_BIASES, None, None, *lengths, norm=norm)
    assert_same(
        transformer_decoder(x, memory, *stacked, scale, *lengths, norm=norm), layer_norm(y, scale, None)
    )


@proves(transformer_decoder_layer_vjp, by="law")
def test_a_memory_of_one_place_gives_its_value_whatever_is_asked():
    x, memory, *given = map(carried, decoder())
    short = memory[:, :1]
    into = carried(normal("into", *X))
    gradients = transformer_decoder_layer_vjp(x, short, *given, *(None,) * 6, into, norm="first")
    assert_same(gradients[2][1, :2], 0.0, size=1.0)  # of its queries and keys
    kernels = *given[0][1], given[1][1], *given[5][1], given[6][1]
    seen = multi_head_attention(x, short, short, *kernels)
    assert_same(seen, np.broadcast_to(seen[:, :1], seen.shape))


@proves(transformer_encoder_vjp, transformer_decoder_vjp, by="law")
def test_gradients_of_a_causal_sum_over_first_places_are_those_of_the_shorter_sequence():
    into = normal("into", *X)
    into[:, 2:] = 0.0
    x, *given = map(carried, encoders())
    whole = transformer_encoder_vjp(x, *given, None, carried(into), causal=True)
    short = transformer_encoder_vjp(x[:, :2], *given, None, carried(into[:, :2]), causal=True)
    assert_same(whole[0][:, :2], short[0])
    assert_same(whole[1], short[1])
    x, *given = map(carried, decoders())
    whole = transformer_decoder_vjp(x, *given, None, None, carried(into))
    short = transformer_decoder_vjp(x[:, :2], *given, None, None, carried(into[:, :2]))
    assert_same(whole[1], short[1])


@proves(transformer_encoder, by="law")
def test_what_is_left_out_is_0_and_the_last_normalization_makes_it_the_offset():
    arrays = list(map(carried, encoders()))
    got = transformer_encoder(*arrays, LENGTHS, padded_output="zero")
    plain = transformer_encoder(*arrays, LENGTHS)
    counts = np.arange(TIME) < LENGTHS[:, None]
    assert_same(got[counts], plain[counts])
    assert_same(got[0, 2], arrays[-1])
    assert (transformer_encoder(*arrays[:-2], None, None, LENGTHS, padded_output="zero")[0, 2] == 0).all()
    assert (keep_vjp(arrays[0], arrays[0], counts=counts)[0] == keep(arrays[0], counts=counts)).all()


# --- bad input ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "middle"}, "norm must be one of last, first; got 'middle'"),
        ({"activation": "tanh"}, "activation must be one of relu, gelu; got 'tanh'"),
        ({"lengths": np.array([0, 3])}, "lengths must lie between 1 and 3"),
        ({"lengths": np.array([1])}, "lengths must have shape"),
    ],
)
def test_refuses_words_and_lengths_that_it_does_not_know(options, message):
    with pytest.raises(ValueError, match=message):
        transformer_encoder_layer(*encoder(), **options)


def test_refuses_arrays_that_do_not_fit():
    x, *given = encoder()
    with pytest.raises(ValueError, match="x must have the axes"):
        transformer_encoder_layer(x[0], *given)
    with pytest.raises(ValueError, match="weights of 3 parts must be given; got 2"):
        transformer_encoder_layer(x, given[0][:2], *given[1:])
    with pytest.raises(ValueError, match="padded_output must be one of computed, zero; got 'last'"):
        transformer_encoder(*encoders(), padded_output="last")
