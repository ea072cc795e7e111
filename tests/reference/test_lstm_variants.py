"""Relatives of the LSTM: the LSTM itself where nothing is added, figures by hand, laws, and bad input."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.lstm_variants import (
    layer_norm_lstm,
    layer_norm_lstm_vjp,
    peephole_lstm,
    peephole_lstm_vjp,
    projection_lstm,
    projection_lstm_vjp,
    residual_lstm,
    residual_lstm_vjp,
    time_gated_lstm,
    time_gated_lstm_vjp,
)
from assay.reference.recurrent import lstm, lstm_vjp
from assay.reference.recurrent_sequences import bidirectional_lstm, bidirectional_lstm_vjp

BATCH, TIME, FEATURES, UNITS = 2, 3, 4, 5


def normal(name, *shape):
    return Stream(f"lstm_variants/{name}").normal(shape)


def weights(**more):
    """What every LSTM takes, in order, and ``more``."""
    return {
        "x": normal("x", BATCH, TIME, FEATURES),
        "h": normal("h", BATCH, UNITS),
        "c": normal("c", BATCH, UNITS),
        "kernel": normal("kernel", FEATURES, 4 * UNITS) / 2,
        "recurrent_kernel": normal("recurrent_kernel", UNITS, 4 * UNITS) / 2,
        "bias": normal("bias", 4 * UNITS),
    } | more


def norm_weights(normalized="gates"):
    return weights(
        scale=1 + normal("scale", 4 * UNITS) / 4,
        recurrent_scale=1 + normal("recurrent_scale", 4 * UNITS) / 4 if normalized == "products" else None,
        cell_scale=1 + normal("cell_scale", UNITS) / 4,
        cell_bias=normal("cell_bias", UNITS),
    )


def carried_norm_weights(normalized="gates"):
    return {
        name: None if array is None else carried(array) for name, array in norm_weights(normalized).items()
    }


COTANGENTS = tuple(
    normal(f"cotangent/{name}", *shape)
    for name, shape in (("y", (BATCH, TIME, UNITS)), ("h", (BATCH, UNITS)), ("c", (BATCH, UNITS)))
)


# --- where nothing is added, the LSTM remains ---


@proves(peephole_lstm, by="law")
def test_without_peepholes_it_is_the_lstm():
    given = carried(weights())
    assert_same(peephole_lstm(**given, peepholes=np.zeros((3, UNITS))), lstm(**given))


@proves(peephole_lstm_vjp, by="law")
def test_gradient_without_peepholes_is_that_of_the_lstm():
    given = carried(weights()).values()
    *gradients, _ = peephole_lstm_vjp(*given, np.zeros((3, UNITS)), COTANGENTS)
    for gradient, expected in zip(gradients, lstm_vjp(*given, COTANGENTS), strict=True):
        assert_same(gradient, expected)


@proves(projection_lstm, projection_lstm_vjp, by="law")
def test_projected_onto_itself_with_peepholes_it_is_the_lstm_with_peepholes():
    given, peepholes = list(map(carried, weights().values())), carried(normal("peepholes", 3, UNITS))
    identity = np.eye(UNITS)
    assert_same(projection_lstm(*given, identity, peepholes), peephole_lstm(*given, peepholes))
    *gradients, _, of_peepholes = projection_lstm_vjp(*given, identity, peepholes, COTANGENTS)
    assert_same((*gradients, of_peepholes), peephole_lstm_vjp(*given, peepholes, COTANGENTS))


def coupled_weights(given):
    """Weights of coupled gates, and the same with an input gate that is the complement of the forget gate."""
    by_gate = [np.split(given[name], 4, axis=-1)[1:] for name in ("kernel", "recurrent_kernel", "bias")]
    three = [carried(np.concatenate(parts, axis=-1)) for parts in by_gate]
    four = [carried(np.concatenate((-parts[0], *parts), axis=-1)) for parts in by_gate]
    return three, four


@proves(peephole_lstm, peephole_lstm_vjp, by="law")
def test_coupled_gates_are_gates_of_the_opposite_sign():
    """``1 - σ(z) = σ(-z)``."""
    given, peepholes = weights(), normal("peepholes", 2, UNITS)
    three, four = coupled_weights(given)
    states = [carried(given[name]) for name in ("x", "h", "c")]
    apart = carried(np.concatenate((-peepholes[:1], peepholes)))
    coupled = *states, *three, carried(peepholes)
    assert_same(peephole_lstm(*coupled, coupled=True), peephole_lstm(*states, *four, apart))
    got = peephole_lstm_vjp(*coupled, COTANGENTS, coupled=True)
    expected = peephole_lstm_vjp(*states, *four, apart, COTANGENTS)
    assert_same(got[:3], expected[:3])
    for slope, wide in zip(got[3:6], expected[3:6], strict=True):
        of_i, *rest = np.split(wide, 4, axis=-1)
        assert_same(slope, np.concatenate((rest[0] - of_i, *rest[1:]), axis=-1))
    assert_same(got[6], np.stack((expected[6][1] - expected[6][0], expected[6][2])))


@proves(peephole_lstm, peephole_lstm_vjp, by="law")
def test_a_clip_that_nothing_reaches_changes_nothing():
    given = [*map(carried, weights().values()), carried(normal("peepholes", 3, UNITS))]
    assert_same(peephole_lstm(*given, cell_clip=100.0), peephole_lstm(*given))
    expected = peephole_lstm_vjp(*given, COTANGENTS)
    for clip_gradient in ("zero", "pass"):
        got = peephole_lstm_vjp(*given, COTANGENTS, cell_clip=100.0, clip_gradient=clip_gradient)
        assert_same(got, expected)


@proves(peephole_lstm, peephole_lstm_vjp, by="worked figures")
def test_a_cell_that_is_held_gives_the_same_output_at_every_step():
    # Without weights a cell of 4 is halved to 2, and held at 1/2, then halved to 1/4.
    zeros = [np.zeros((1, 2, 1)), np.zeros((1, 1)), np.full((1, 1), 4.0)]
    zeros += [np.zeros((1, 4)), np.zeros((1, 4)), np.zeros(4), np.zeros((3, 1))]
    sequence, _, c = peephole_lstm(*map(carried, zeros), cell_clip=0.5)
    assert_same(sequence[0, :, 0], [0.5 * np.tanh(0.5), 0.5 * np.tanh(0.25)])
    assert_same(c, [[0.25]])
    into = np.zeros((1, 2, 1)), np.zeros((1, 1)), np.ones((1, 1))
    for clip_gradient, expected in (("zero", 0.0), ("pass", 0.25)):
        slopes = peephole_lstm_vjp(*zeros, into, cell_clip=0.5, clip_gradient=clip_gradient)
        assert_same(slopes[2], [[expected]])


@proves(projection_lstm, by="law")
def test_projected_onto_itself_it_is_the_lstm():
    given = carried(weights())
    assert_same(projection_lstm(**given, projection=np.eye(UNITS)), lstm(**given))


@proves(projection_lstm_vjp, by="law")
def test_gradient_of_the_projection_onto_itself_is_that_of_the_lstm():
    given = carried(weights()).values()
    *gradients, _, none = projection_lstm_vjp(*given, np.eye(UNITS), None, COTANGENTS)
    assert none is None
    for gradient, expected in zip(gradients, lstm_vjp(*given, COTANGENTS), strict=True):
        assert_same(gradient, expected)


@proves(projection_lstm, by="law")
def test_projecting_is_an_lstm_whose_recurrent_kernel_is_the_product():
    # Where the initial state is projected too, (q P) U = q (P U), and the outputs are projected at the end.
    projection, narrow = normal("projection", UNITS, 2), normal("narrow", 2, 4 * UNITS)
    given = carried(weights())
    wide = lstm(**given | {"recurrent_kernel": carried(projection) @ carried(narrow)})
    projected = projection_lstm(
        **given | {"recurrent_kernel": carried(narrow), "h": given["h"] @ projection}, projection=projection
    )
    assert_same(projected[0], wide[0] @ projection)
    assert_same(projected[2], wide[2])


@proves(time_gated_lstm, by="law")
@pytest.mark.parametrize("decay", ["logarithmic", "exponential"])
def test_while_no_time_passes_it_is_the_lstm(decay):
    given = carried(weights())
    assert_same(time_gated_lstm(**given, elapsed=np.zeros((BATCH, TIME)), decay=decay), lstm(**given))


@proves(time_gated_lstm_vjp, by="law")
def test_gradient_while_no_time_passes_is_that_of_the_lstm():
    x, *others = carried(weights()).values()
    gradients = time_gated_lstm_vjp(x, np.zeros((BATCH, TIME)), *others, COTANGENTS)
    kept = [gradients[0], *gradients[2:]]
    for gradient, expected in zip(kept, lstm_vjp(x, *others, COTANGENTS), strict=True):
        assert_same(gradient, expected)


@proves(time_gated_lstm, by="law")
def test_after_a_long_time_the_cell_is_forgotten():
    given = weights()
    forgetful = time_gated_lstm(
        **given | {"c": np.zeros((BATCH, UNITS))}, elapsed=np.full((BATCH, TIME), 1e3), decay="exponential"
    )
    assert_same(time_gated_lstm(**given, elapsed=np.full((BATCH, TIME), 1e3), decay="exponential"), forgetful)


# --- figures by hand, and in many digits ---


def halving(**more):
    """An LSTM without weights, whose gates are all one half, from a cell of 2."""
    zeros = {name: np.zeros_like(array) for name, array in weights().items()}
    return zeros | {"c": np.full((BATCH, UNITS), 2.0)} | more


@proves(time_gated_lstm, by="worked figures")
def test_after_a_time_of_ln_2_the_cell_has_halved_twice():
    given = carried(halving(elapsed=np.full((BATCH, TIME), np.log(2.0))))
    _, _, c = time_gated_lstm(**given, decay="exponential")
    assert_same(c, 2 * 0.25**TIME)


@proves(projection_lstm, projection_lstm_vjp, by="law")
def test_both_directions_are_the_bidirectional_lstm_where_the_projection_is_the_identity():
    x, *given = weights().values()
    x, both = carried(x), [carried(np.stack([array, 0.5 * array])) for array in given]
    identity = carried(np.stack([np.eye(UNITS)] * 2))
    wanted = bidirectional_lstm(x, *both)
    assert_same(projection_lstm(x, *both, identity, bidirectional=True), wanted)
    into = tuple(carried(normal(f"both {n}", *y.shape)) for n, y in enumerate(wanted))
    *gradients, _, none = projection_lstm_vjp(x, *both, identity, None, into, bidirectional=True)
    assert none is None
    assert_same(tuple(gradients), bidirectional_lstm_vjp(x, *both, None, None, into))
    with pytest.raises(ValueError, match="of both directions arrays must have two parts"):
        projection_lstm(x, *(array[:1] for array in both), identity[:1], bidirectional=True)


@proves(projection_lstm, by="worked figures")
def test_projected_to_one_the_units_are_added():
    given = carried(halving(h=np.zeros((BATCH, 1)), recurrent_kernel=np.zeros((1, 4 * UNITS))))
    sequence, _, c = projection_lstm(**given, projection=np.ones((UNITS, 1)))
    assert_same(sequence[0, :, 0], UNITS * 0.5 * np.tanh(2.0 ** -np.arange(TIME)))
    assert_same(c, 2 * 0.5**TIME)


@proves(time_gated_lstm_vjp, by="worked figures")
def test_gradient_of_a_cell_that_decays_is_less_the_cell_at_every_step():
    # c after the last step is 2 · 2⁻ᵀ exp(-ΣΔ): its derivative by each Δ is -c.
    given = list(carried(halving()).values())
    elapsed = carried(np.full((BATCH, TIME), 0.5))
    into_cell = (0 * COTANGENTS[0], 0 * COTANGENTS[1], np.ones((BATCH, UNITS)))
    gradients = time_gated_lstm_vjp(given[0], elapsed, *given[1:], into_cell, decay="exponential")
    assert_same(gradients[1], -UNITS * 2 * 0.5**TIME * np.exp(-elapsed[0, 0] * TIME))


@proves(peephole_lstm, by="worked figures")
def test_peepholes_alone_open_the_gates():
    # From a cell of 1, the forget gate's peephole of ln 3 gives σ(ln 3) = 3/4; that of the output sees 3/4 of
    # it, and σ(ln 3 · 3/4 / (3/4)) = 3/4 again for a peephole of ln 3 / (3/4).
    peepholes = np.array([[0.0], [np.log(3.0)], [np.log(3.0) / 0.75]])
    zeros = (np.zeros((1, 1, 1)), np.zeros((1, 1)), np.ones((1, 1)), np.zeros((1, 4)), np.zeros((1, 4)))
    sequence, _, c = peephole_lstm(*map(carried, zeros), np.zeros(4), carried(peepholes))
    assert_same(c, 0.75)
    assert_same(sequence, 0.75 * np.tanh(0.75))


def logistic(z):
    return 1 / (1 + mpmath.exp(-z))


@proves(peephole_lstm, by="high precision")
def test_peephole_lstm_agrees_with_its_definition_in_40_digits():
    given, peepholes = weights(), normal("peepholes", 3, UNITS)
    with mpmath.workdps(40):
        p = [[mpmath.mpf(value) for value in row] for row in peepholes]
        h, c = given["h"][1], given["c"][1]
        for step in given["x"][1]:
            z = sums(step, h, given)
            kept = [logistic(z[UNITS + n] + p[1][n] * c[n]) * c[n] for n in range(UNITS)]
            taken = [logistic(z[n] + p[0][n] * c[n]) * mpmath.tanh(z[2 * UNITS + n]) for n in range(UNITS)]
            c = [k + t for k, t in zip(kept, taken, strict=True)]
            h = [logistic(z[3 * UNITS + n] + p[2][n] * c[n]) * mpmath.tanh(c[n]) for n in range(UNITS)]
    _, final_h, final_c = peephole_lstm(**carried(given), peepholes=carried(peepholes))
    assert_same(final_h[1], h)
    assert_same(final_c[1], c)


def sums(step, h, given):
    """Sums of the gates of one sample in as many digits as mpmath works with."""
    kernel, recurrent = (mpmath.matrix(given[name].T.tolist()) for name in ("kernel", "recurrent_kernel"))
    bias = mpmath.matrix(given["bias"].tolist())
    return list(kernel * mpmath.matrix(list(step)) + recurrent * mpmath.matrix(list(h)) + bias)


@proves(layer_norm_lstm, by="high precision")
def test_layer_norm_lstm_agrees_with_its_definition_in_40_digits():
    given = norm_weights()
    epsilon = mpmath.mpf(1e-5)

    def normed(z, scale, shift):
        mean = sum(z) / len(z)
        root = mpmath.sqrt(sum((v - mean) ** 2 for v in z) / len(z) + epsilon)
        return [(v - mean) / root * s + b for v, s, b in zip(z, scale, shift, strict=True)]

    with mpmath.workdps(40):
        h, c = given["h"][0], given["c"][0]
        for step in given["x"][0]:
            z = sums(step, h, given | {"bias": np.zeros(4 * UNITS)})
            i, f, g, o = (
                normed(z[part], given["scale"][part], given["bias"][part])
                for part in (slice(n * UNITS, (n + 1) * UNITS) for n in range(4))
            )
            c = [
                logistic(a) * v + logistic(b) * mpmath.tanh(d) for a, v, b, d in zip(f, c, i, g, strict=True)
            ]
            seen = normed(c, given["cell_scale"], given["cell_bias"])
            h = [logistic(a) * mpmath.tanh(v) for a, v in zip(o, seen, strict=True)]
    _, final_h, final_c = layer_norm_lstm(**carried_norm_weights())
    assert_same(final_h[0], h)
    assert_same(final_c[0], c)


# --- laws of the normalization ---


@proves(layer_norm_lstm, by="law")
@pytest.mark.parametrize("normalized", ["gates", "products"])
def test_normalized_kernels_may_be_scaled(normalized):
    given = carried_norm_weights(normalized)
    larger = {name: given[name] * 8 for name in ("kernel", "recurrent_kernel")}
    options = {"normalized": normalized, "epsilon": 0.0}
    for scaled, expected in zip(
        layer_norm_lstm(**given | larger, **options), layer_norm_lstm(**given, **options), strict=True
    ):
        assert_same(scaled, expected)


@proves(layer_norm_lstm, by="law")
def test_over_one_step_what_is_carried_is_what_the_output_sees():
    given = carried_norm_weights()
    given["x"] = given["x"][:, :1]
    _, h, _ = layer_norm_lstm(**given, carried="normalized")
    _, same, _ = layer_norm_lstm(**given, carried="cell")
    assert_same(h, same)
    open_gate = given | {"bias": np.repeat([0.0, 0.0, 0.0, 1e3], UNITS)}
    _, h, seen = layer_norm_lstm(**open_gate, carried="normalized")
    assert_same(h, np.tanh(seen))


@proves(layer_norm_lstm_vjp, by="law")
def test_no_gradient_along_a_kernel_that_is_normalized():
    # Scaling both kernels changes nothing, so their gradients are orthogonal to them.
    given = list(carried_norm_weights().values())
    gradients = layer_norm_lstm_vjp(*given[:7], None, *given[8:], COTANGENTS, epsilon=0.0)
    assert_same(np.sum(gradients[3] * given[3]), -np.sum(gradients[4] * given[4]))


# --- bad input ---


@pytest.mark.parametrize(
    ("layer", "given", "message"),
    [
        (peephole_lstm, {"peepholes": np.ones((2, UNITS))}, "peepholes must have shape"),
        (peephole_lstm, {"peepholes": np.ones((3, UNITS)), "cell_clip": 0.0}, "cell_clip must be above 0"),
        (projection_lstm, {"projection": np.ones((UNITS, 2))}, "h must have shape"),
        (projection_lstm, {"projection": np.ones(UNITS)}, "projection must have the axes"),
        (time_gated_lstm, {"elapsed": np.ones((BATCH, 1))}, "elapsed must have shape"),
        (time_gated_lstm, {"elapsed": np.ones((BATCH, TIME)), "decay": "linear"}, "decay must be"),
    ],
)
def test_what_does_not_fit_is_refused(layer, given, message):
    with pytest.raises(ValueError, match=message):
        layer(**weights() | given)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"normalized": "cells"}, "normalized must be 'gates' or 'products'; got 'cells'"),
        ({"carried": "nothing"}, "carried must be 'cell' or 'normalized'; got 'nothing'"),
        ({"scale": np.ones(UNITS)}, "scale must have shape"),
        ({"recurrent_scale": np.ones(4 * UNITS)}, "recurrent_scale must be given where products"),
        ({"normalized": "products"}, "recurrent_scale must be given where products"),
        ({"cell_bias": np.ones(1)}, "cell_bias must have shape"),
    ],
)
def test_layer_norm_lstm_refuses_what_does_not_fit(changed, message):
    with pytest.raises(ValueError, match=message):
        layer_norm_lstm(**norm_weights() | changed)


# --- with a residual connection ---


def square_weights():
    """Weights of as many features as units."""
    return carried(
        weights(x=normal("square x", BATCH, TIME, UNITS), kernel=normal("square", UNITS, 4 * UNITS) / 2)
    )


@proves(residual_lstm, residual_lstm_vjp, by="law")
def test_a_residual_adds_the_input_to_the_output_and_nothing_to_the_carry():
    given = square_weights()
    y, *carry = residual_lstm(**given)
    sequence, *expected = lstm(**given)
    assert_same(y, given["x"] + sequence)
    assert_same(tuple(carry), tuple(expected))
    cotangents = tuple(map(carried, COTANGENTS))
    of_x, *others = residual_lstm_vjp(*given.values(), cotangents)
    plain, *wanted = lstm_vjp(*given.values(), cotangents)
    assert_same(of_x, plain + cotangents[0])
    assert_same(tuple(others), tuple(wanted))


@proves(residual_lstm, residual_lstm_vjp, by="worked figures")
def test_a_cell_whose_weights_are_zero_passes_its_inputs_on():
    """All gates are one half and the candidate is 0: c halves, and h is tanh(c) / 2, which is 0 of c = 0."""
    x, zero = np.array([[[3.0], [-2.0]]]), np.zeros((1, 1))
    given = (x, zero, zero, np.zeros((1, 4)), np.zeros((1, 4)), np.zeros(4))
    y, h, c = residual_lstm(*given)
    assert_same((y, h, c), (x, zero, zero))
    g = np.array([[[5.0], [7.0]]])
    assert_same(residual_lstm_vjp(*given, (g, zero, zero))[0], g)


def test_a_residual_needs_as_many_features_as_units():
    with pytest.raises(ValueError, match="as many features as h has units"):
        residual_lstm(**weights())
