"""Recurrent layers of other cells: in 40 digits, and as the layers that they become."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.recurrent import lstm, lstm_vjp
from assay.reference.recurrent_cells import (
    conv_lstm,
    conv_lstm_vjp,
    lstm_cell,
    lstm_cell_vjp,
    minimal_gated_unit,
    minimal_gated_unit_vjp,
)
from assay.reference.recurrent_sequences import masked_lstm, masked_lstm_vjp

BATCH, TIME, FEATURES, UNITS = 2, 3, 3, 2


def normal(name, *shape):
    return Stream(f"recurrent_cells/{name}").normal(shape)


def gated():
    return [
        normal("x", BATCH, TIME, FEATURES),
        normal("h", BATCH, UNITS),
        normal("kernel", FEATURES, 2 * UNITS),
        normal("recurrent_kernel", UNITS, 2 * UNITS),
        normal("bias", 2 * UNITS),
    ]


def logistic(z):
    return 1 / (1 + mpmath.exp(-z))


FUNCTIONS = {
    "tanh": mpmath.tanh,
    "relu": lambda z: max(z, 0),
    "sigmoid": logistic,
    "hard_sigmoid": lambda z: min(max(z / 6 + mpmath.mpf(1) / 2, 0), 1),
}


def exact(array):
    return np.vectorize(mpmath.mpf, otypes=[object])(array)


@proves(minimal_gated_unit, by="high precision")
@pytest.mark.parametrize("reset", ["after", "before", "none"])
@pytest.mark.parametrize(
    ("update", "functions"),
    [("keep", ("tanh", "sigmoid")), ("replace", ("relu", "sigmoid")), ("keep", ("sigmoid", "hard_sigmoid"))],
)
def test_minimal_gated_unit_agrees_with_its_definition_in_40_digits(reset, update, functions):
    squash, gate = (np.vectorize(FUNCTIONS[name], otypes=[object]) for name in functions)
    inside = normal("recurrent_bias", UNITS) if reset == "after" else None
    with mpmath.workdps(40):
        x, h, w, u, b = map(exact, gated())
        states = []
        for t in range(TIME):
            sums = x[:, t] @ w + b
            f = gate(sums[:, :UNITS] + h @ u[:, :UNITS])
            product = (f * h if reset == "before" else h) @ u[:, UNITS:] + (0 if inside is None else inside)
            into = sums[:, UNITS:] + (f * product if reset == "after" else product)
            n = squash(into)
            h = f * h + (1 - f) * n if update == "keep" else (1 - f) * h + f * n
            states.append(h)
    named = dict(zip(("activation", "recurrent_activation"), functions, strict=True))
    got = minimal_gated_unit(*map(carried, gated()), inside, reset=reset, update=update, **named)
    assert_same(got, (np.stack(states, axis=1), states[-1]))


@proves(minimal_gated_unit, minimal_gated_unit_vjp, by="law")
def test_the_other_update_is_the_gate_with_the_other_sign():
    """Without a reset ``σ(-z) = 1 - σ(z)`` is all that tells the two."""
    x, h, kernel, recurrent, bias = map(carried, gated())
    sign = np.repeat([-1.0, 1.0], UNITS)
    turned = kernel * sign, recurrent * sign, bias * sign
    plain = minimal_gated_unit(x, h, kernel, recurrent, bias, reset="none")
    assert_same(minimal_gated_unit(x, h, *turned, reset="none", update="replace"), plain)
    into = carried(normal("into y", BATCH, TIME, UNITS)), carried(normal("into h", BATCH, UNITS))
    one = minimal_gated_unit_vjp(x, h, kernel, recurrent, bias, None, into, reset="none")
    other = minimal_gated_unit_vjp(x, h, *turned, None, into, reset="none", update="replace")
    assert_same(other[:2], one[:2])
    assert_same(tuple(g * sign for g in other[2:5]), one[2:5])


def of_one_place(rank):
    """Arrays of a convolutional LSTM with one place and one tap."""
    ones = (1,) * rank
    return [
        normal("x", BATCH, TIME, *ones, FEATURES),
        normal("h", BATCH, *ones, UNITS),
        normal("c", BATCH, *ones, UNITS),
        normal("w", *ones, FEATURES, 4 * UNITS),
        normal("u", *ones, UNITS, 4 * UNITS),
        normal("b", 4 * UNITS),
    ]


@proves(conv_lstm, conv_lstm_vjp, by="law")
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_of_one_place_a_convolutional_lstm_is_an_lstm(rank):
    arrays = list(map(carried, of_one_place(rank)))
    plain = [array.reshape([n for n in array.shape if n != 1]) for array in arrays]
    functions = {"activation": "sigmoid", "recurrent_activation": "hard_sigmoid"}
    for padding, named in (("same", functions), ("valid", {})):
        got = conv_lstm(*arrays, padding=padding, forget_bias=1.0, **named)
        expected = lstm(*plain, forget_bias=1.0, **named)
        assert_same(tuple(y.reshape(e.shape) for y, e in zip(got, expected, strict=True)), expected)
    into = [carried(normal(f"into {y}", *y.shape)) for y in (each.value for each in got)]
    slopes = conv_lstm_vjp(*arrays, None, tuple(into), forget_bias=1.0, **named)
    flat = tuple(g.reshape(e.shape) for g, e in zip(into, expected, strict=True))
    wanted = lstm_vjp(*plain, flat, forget_bias=1.0, **named)
    assert_same(tuple(g.reshape(w.shape) for g, w in zip(slopes, wanted, strict=True)), wanted)


def of_five_places(window=3):
    """Arrays of a convolutional LSTM over five places with an odd window."""
    return [
        normal("five x", BATCH, TIME, 5, FEATURES),
        normal("five h", BATCH, 5, UNITS),
        normal("five c", BATCH, 5, UNITS),
        normal("five w", window, FEATURES, 4 * UNITS),
        normal("five u", window, UNITS, 4 * UNITS),
        normal("five b", 4 * UNITS),
    ]


@proves(conv_lstm, by="law")
def test_with_one_tap_strides_pass_over_places():
    x, h, c, *weights = map(carried, of_five_places(1))
    given = h[:, ::2], c[:, ::2], *weights
    for padding in ("same", "valid"):
        got = conv_lstm(x, *given, padding=padding, strides=2)
        assert_same(got, conv_lstm(x[:, :, ::2], *given))


@proves(conv_lstm, by="law")
def test_a_dilated_kernel_is_one_with_zeros_between_its_taps_beside_a_state_that_is_not_dilated():
    x, h, c, w, u, b = map(carried, of_five_places())
    none = np.zeros_like(w[:1]), np.zeros_like(u[:1])
    apart = np.concatenate((w[:1], none[0], w[1:2], none[0], w[2:]), axis=0)
    wide = np.concatenate((none[1], u, none[1]), axis=0)
    assert_same(conv_lstm(x, h, c, w, u, b, dilation=2), conv_lstm(x, h, c, apart, wide, b))


@proves(conv_lstm, by="law")
def test_backwards_is_forwards_of_the_sequence_turned_round_and_the_last_state_may_stand_alone():
    x, *others = map(carried, of_five_places())
    got = conv_lstm(x, *others, direction="backward_reversed")
    assert_same(got, conv_lstm(x[:, ::-1], *others))
    last, *finals = conv_lstm(x, *others, direction="backward_reversed", return_sequences=False)
    assert_same((last, *finals), (got[1], *got[1:]))


@proves(conv_lstm, conv_lstm_vjp, by="law")
@pytest.mark.parametrize("masked_output", ["zero", "repeat", "state"])
@pytest.mark.parametrize("direction", ["forward", "backward_reversed"])
def test_of_one_place_a_masked_convolutional_lstm_is_a_masked_lstm(masked_output, direction):
    arrays = list(map(carried, of_one_place(1)))
    plain = [array.reshape([n for n in array.shape if n != 1]) for array in arrays]
    mask = np.arange(BATCH * TIME).reshape(BATCH, TIME) % 3 > 0
    options = {"direction": direction, "masked_output": masked_output}
    got, wanted = conv_lstm(*arrays, mask, **options), masked_lstm(*plain, None, mask, **options)
    assert_same(tuple(y.reshape(e.shape) for y, e in zip(got, wanted, strict=True)), wanted)
    into = [carried(normal(f"into {n}", *y.shape)) for n, y in enumerate(each.value for each in got)]
    slopes = conv_lstm_vjp(*arrays, mask, tuple(into), **options)
    flat = tuple(g.reshape(e.shape) for g, e in zip(into, wanted, strict=True))
    of_plain = masked_lstm_vjp(*plain, None, mask, flat, **options)[:6]
    assert_same(tuple(g.reshape(w.shape) for g, w in zip(slopes, of_plain, strict=True)), of_plain)
    whole = np.ones_like(mask)
    assert_same(conv_lstm(*arrays, whole, **options), conv_lstm(*arrays, direction=direction))


@proves(conv_lstm, by="naive loop")
def test_each_place_sees_its_neighbours_and_no_others():
    """Sums place by place; what a cell makes of them is proved as an LSTM's."""
    x, h, c = normal("x", 1, 1, 4, 2), normal("h", 1, 4, 1), normal("c", 1, 4, 1)
    w, u, b = normal("w", 3, 2, 4), normal("u", 3, 1, 4), normal("b", 4)
    z = np.array(
        [
            sum(
                (x[0, 0, p + t - 1] @ w[t] + h[0, p + t - 1] @ u[t] for t in range(3) if 0 <= p + t - 1 < 4),
                b,
            )
            for p in range(4)
        ]
    )
    expected, cell = lstm_cell(carried(z[np.newaxis]), c)
    sequence, last, last_cell = conv_lstm(*map(carried, (x, h, c, w, u, b)))
    assert_same(sequence[:, 0], expected)
    assert_same((last, last_cell), (expected, cell))


def test_a_cell_is_one_step_of_an_lstm_whose_kernel_is_the_identity():
    z, c = carried(normal("z", BATCH, 4 * UNITS)), carried(normal("c", BATCH, UNITS))
    rest = np.zeros((BATCH, UNITS)), c, np.eye(4 * UNITS), np.zeros((UNITS, 4 * UNITS)), None
    _, h, cell = lstm(z[:, np.newaxis], *rest)
    assert_same(lstm_cell(z, c), (h, cell))
    into = carried(normal("into h", BATCH, UNITS)), carried(normal("into c", BATCH, UNITS))
    nothing = np.zeros((BATCH, 1, UNITS))
    of_z, _, of_c, *_ = lstm_vjp(z[:, np.newaxis], *rest, (nothing, *into))
    assert_same(lstm_cell_vjp(z, c, into), (of_z[:, 0], of_c))


def test_refuses_what_does_not_fit():
    x, h, kernel, recurrent, bias = gated()
    with pytest.raises(ValueError, match="reset must be one of after, before, none; got 'late'"):
        minimal_gated_unit(x, h, kernel, recurrent, bias, reset="late")
    with pytest.raises(ValueError, match="recurrent_bias must be None unless the reset comes after"):
        minimal_gated_unit(x, h, kernel, recurrent, bias, np.ones(UNITS), reset="none")
    x, h, c, w, u, b = of_one_place(1)
    with pytest.raises(ValueError, match="padding must be one of same, valid; got 'full'"):
        conv_lstm(x, h, c, w, u, b, padding="full")
    with pytest.raises(ValueError, match="direction must be one of forward, backward_reversed; got 'up'"):
        conv_lstm(x, h, c, w, u, b, direction="up")
    with pytest.raises(ValueError, match="masked_output must be one of zero, repeat, state; got 'nan'"):
        conv_lstm(x, h, c, w, u, b, masked_output="nan")
    with pytest.raises(ValueError, match="mask must have shape"):
        conv_lstm(x, h, c, w, u, b, np.ones((1, 1), dtype=bool))
    with pytest.raises(ValueError, match="activation must be one of tanh, relu, sigmoid; got 'gelu'"):
        minimal_gated_unit(*gated(), activation="gelu")
    with pytest.raises(ValueError, match="c must have shape"):
        conv_lstm(x, h, c[:1], w, u, b)
    with pytest.raises(ValueError, match="h must have shape"):
        conv_lstm(x, h[:1], c[:1], w, u, b)
