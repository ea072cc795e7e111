"""Recurrent layers: figures by hand and in 40 digits, laws over time and between cells, and bad input."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.recurrent import gru, gru_vjp, lstm, lstm_vjp, simple_rnn, simple_rnn_vjp

BATCH, TIME, FEATURES, UNITS = 3, 4, 2, 5
SATURATED = 1e3
"""A bias at which the logistic function is 0 or 1 exactly."""


def normal(name, *shape):
    return Stream(f"recurrent/{name}").normal(shape)


def weights(gates, **changed):
    """x, h, kernel, recurrent kernel and bias of a layer with so many gates; ``changed`` replaces some."""
    drawn = {
        "x": normal("x", BATCH, TIME, FEATURES),
        "h": normal("h", BATCH, UNITS),
        "kernel": normal("kernel", FEATURES, gates * UNITS),
        "recurrent_kernel": normal("recurrent_kernel", UNITS, gates * UNITS) / 2,
        "bias": normal("bias", gates * UNITS),
    }
    return drawn | changed


def lstm_weights(**changed):
    return weights(4, c=normal("c", BATCH, UNITS)) | changed


def biased(bias, **by_gate):
    """The bias with the part of some gates replaced: ``biased(bias, g0=…, g2=…)``."""
    parts = np.split(bias, len(bias) // UNITS)
    for gate, value in by_gate.items():
        parts[int(gate[1:])] = np.full(UNITS, value)
    return np.concatenate(parts)


# --- figures by hand, and in many digits ---


@proves(lstm, by="worked figures")
def test_lstm_without_weights_halves_the_cell():
    zeros = {name: np.zeros_like(array) for name, array in lstm_weights().items()}
    sequence, h, c = lstm(**zeros | {"c": np.full((BATCH, UNITS), 2.0)})
    expected = [[0.5 * np.tanh(2.0 ** (1 - t)) for t in range(1, TIME + 1)]]
    assert_same(sequence[:, :, 0], np.repeat(expected, BATCH, axis=0))
    assert_same(h, sequence[:, -1])
    assert_same(c, np.full((BATCH, UNITS), 2.0 ** (1 - TIME)))


@proves(gru, by="worked figures")
def test_gru_without_weights_halves_the_state():
    zeros = {name: np.zeros_like(array) for name, array in weights(3).items()}
    sequence, h = gru(**zeros | {"h": np.ones((BATCH, UNITS))})
    assert_same(sequence[0, :, 0], [0.5, 0.25, 0.125, 0.0625])
    assert_same(h, sequence[:, -1])


@proves(simple_rnn, by="worked figures")
def test_simple_rnn_with_relu_counts():
    ones = np.ones((1, 1))
    given = (np.ones((1, 3, 1)), np.zeros((1, 1)), ones, ones, np.array([0.5]))
    sequence, h = simple_rnn(*given, activation="relu")
    assert_same(sequence, [[[1.5], [3.0], [4.5]]])
    assert_same(h, [[4.5]])


def logistic(z):
    return 1 / (1 + mpmath.exp(-z))


def each(function, *matrices):
    """``function`` of the elements of column vectors."""
    return mpmath.matrix([function(*elements) for elements in zip(*matrices, strict=True)])


def column(array):
    return mpmath.matrix(np.ravel(array).tolist())


def affine(x, h, given):
    """Preactivations of one sample as a list of gates."""
    kernel, recurrent = (mpmath.matrix(given[name].T.tolist()) for name in ("kernel", "recurrent_kernel"))
    z = kernel * x + recurrent * h + column(given["bias"])
    return [z[n : n + UNITS] for n in range(0, len(z), UNITS)]


@proves(lstm, by="high precision")
def test_lstm_agrees_with_its_definition_in_40_digits():
    given = lstm_weights()
    with mpmath.workdps(40):
        h, c = column(given["h"][1]), column(given["c"][1])
        for step in given["x"][1]:
            i, f, g, o = affine(column(step), h, given)
            i, f = each(logistic, i), each(lambda z: logistic(z + 1), f)
            g, o = each(mpmath.tanh, g), each(logistic, o)
            c = each(lambda f, c, i, g: f * c + i * g, f, c, i, g)
            h = each(lambda o, c: o * mpmath.tanh(c), o, c)
    _, final_h, final_c = lstm(**carried(given), forget_bias=1.0)
    assert_same(final_h[1], list(h))
    assert_same(final_c[1], list(c))


def hard_sigmoid(z):
    return min(max(z / 6 + mpmath.mpf(1) / 2, 0), 1)


FUNCTIONS = {
    "tanh": mpmath.tanh,
    "relu": lambda z: max(z, 0),
    "sigmoid": logistic,
    "hard_sigmoid": hard_sigmoid,
}
NAMED = [("tanh", "sigmoid"), ("relu", "sigmoid"), ("sigmoid", "hard_sigmoid")]
"""Functions of the candidate and of the gates."""


@proves(gru, by="high precision")
@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize(("activation", "recurrent_activation"), NAMED)
def test_gru_agrees_with_its_definition_in_40_digits(reset_after, activation, recurrent_activation):
    squash, gate = FUNCTIONS[activation], FUNCTIONS[recurrent_activation]
    given = weights(3)
    extra = {"recurrent_bias": normal("recurrent_bias", UNITS)} if reset_after else {}
    with mpmath.workdps(40):
        h = column(given["h"][2])
        recurrent = mpmath.matrix(given["recurrent_kernel"].T.tolist())[2 * UNITS :, :]
        own = column(extra["recurrent_bias"]) if reset_after else mpmath.zeros(UNITS, 1)
        for step in given["x"][2]:
            r, z, _ = affine(column(step), h, given)
            r, z = each(gate, r), each(gate, z)
            n = affine(column(step), mpmath.zeros(UNITS, 1), given)[2]
            inner = recurrent * h + own if reset_after else recurrent * each(lambda r, h: r * h, r, h)
            inner = each(lambda r, p: r * p, r, inner) if reset_after else inner
            n = each(lambda n, p: squash(n + p), n, inner)
            h = each(lambda z, h, n: z * h + (1 - z) * n, z, h, n)
    named = {"activation": activation, "recurrent_activation": recurrent_activation}
    _, final = gru(**carried(given | extra), reset_after=reset_after, **named)
    assert_same(final[2], list(h))


@proves(simple_rnn, by="high precision")
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_simple_rnn_agrees_with_its_definition_in_40_digits(activation):
    given = weights(1)
    with mpmath.workdps(40):
        h = column(given["h"][0])
        for step in given["x"][0]:
            h = each(FUNCTIONS[activation], *affine(column(step), h, given))
    assert_same(simple_rnn(**carried(given), activation=activation)[1][0], list(h))


@proves(simple_rnn_vjp, by="worked figures")
def test_gradient_through_a_simple_rnn_that_counts():
    # h₁ = 2 x₁ + 3 h₀ and h₂ = 2 x₂ + 3 h₁ with x = (1, 1) and h₀ = 1, so h₁ = 5; the cotangent is on h₂.
    given = np.ones((1, 2, 1)), np.ones((1, 1)), np.full((1, 1), 2.0), np.full((1, 1), 3.0), np.zeros(1)
    cotangents = np.zeros((1, 2, 1)), np.ones((1, 1))
    dx, dh, dkernel, drecurrent, dbias = simple_rnn_vjp(*given, cotangents, activation="relu")
    assert_same(dx[0, :, 0], [3 * 2, 2])
    assert_same(dh, 3 * 3)
    assert_same(dkernel, 3 * 1 + 1)
    assert_same(drecurrent, 3 * 1 + 5)
    assert_same(dbias, 3 + 1)


@proves(gru_vjp, lstm_vjp, by="worked figures")
def test_gradient_without_weights_halves_with_each_step():
    # Every gate is 1/2 and every candidate 0, so the states h of a GRU and c of an LSTM halve.
    zeros = carried({name: np.zeros_like(array) for name, array in lstm_weights().items()})
    x, h, c, kernel, recurrent_kernel, bias = order(zeros)
    g, sequence = carried(np.ones((BATCH, UNITS))), carried(np.zeros((BATCH, TIME, UNITS)))
    assert_same(lstm_vjp(x, h, c, kernel, recurrent_kernel, bias, (sequence, 0 * g, g))[2], 0.5**TIME)
    kernel, recurrent_kernel, bias = (
        kernel[:, : 3 * UNITS],
        recurrent_kernel[:, : 3 * UNITS],
        bias[: 3 * UNITS],
    )
    assert_same(gru_vjp(x, h, kernel, recurrent_kernel, bias, None, (sequence, g))[1], 0.5**TIME)


# --- laws over time ---

#: Layers whose carry is one hidden state, and their numbers of gates.
OF_ONE_STATE = [
    pytest.param(simple_rnn, 1, marks=proves(simple_rnn, by="law")),
    pytest.param(gru, 3, marks=proves(gru, by="law")),
]


@proves(lstm, by="law")
def test_a_sequence_is_its_cell_applied_step_by_step():
    given = lstm_weights()
    sequence, h, c = lstm(**given)
    for t in range(TIME):
        one = given | {"x": given["x"][:, t : t + 1]}
        step, given["h"], given["c"] = lstm(**one)
        assert_same(step[:, 0], sequence[:, t])
    assert_same((given["h"], given["c"]), (h, c))


@pytest.mark.parametrize(("layer", "gates"), OF_ONE_STATE)
def test_two_sequences_with_the_carry_between_them_are_one(layer, gates):
    given = weights(gates)
    sequence, final = layer(**given)
    first, carry_over = layer(**given | {"x": given["x"][:, :1]})
    second, last = layer(**given | {"x": given["x"][:, 1:], "h": carry_over})
    assert_same((np.concatenate([first, second], axis=1), last), (sequence, final))


@proves(lstm_vjp, by="law")
def test_gradients_through_two_sequences_chain_to_those_through_one():
    given = lstm_weights()
    g_sequence = normal("g_sequence", BATCH, TIME, UNITS)
    g_h, g_c = normal("g_h", BATCH, UNITS), normal("g_c", BATCH, UNITS)
    whole = carried(given)
    gradients = lstm_vjp(*order(whole), tuple(carried(g) for g in (g_sequence, g_h, g_c)))
    head, tail = ({**whole, "x": whole["x"][:, part]} for part in (slice(0, 1), slice(1, None)))
    _, tail["h"], tail["c"] = lstm(**head)
    of_tail = lstm_vjp(*order(tail), tuple(carried(g) for g in (g_sequence[:, 1:], g_h, g_c)))
    of_head = lstm_vjp(*order(head), (carried(g_sequence[:, :1]), of_tail[1], of_tail[2]))
    assert_same(gradients[0], np.concatenate([of_head[0], of_tail[0]], axis=1))
    for n in (1, 2):
        assert_same(gradients[n], of_head[n])
    for n in (3, 4, 5):
        assert_same(gradients[n], of_head[n] + of_tail[n])


def order(given):
    return [given[name] for name in ("x", "h", "c", "kernel", "recurrent_kernel", "bias")]


@pytest.mark.parametrize(("layer", "gates"), OF_ONE_STATE)
def test_going_backwards_is_going_forward_through_the_reversed_sequence(layer, gates):
    given = weights(gates)
    sequence, final = layer(**given | {"x": given["x"][:, ::-1]})
    assert_same(layer(**given, direction="backward"), (sequence[:, ::-1], final))
    assert_same(layer(**given, direction="backward_reversed"), (sequence, final))


# --- laws of the gates ---


@proves(lstm, by="worked figures")
def test_lstm_of_hard_gates_and_relu_counts():
    # Every gate is 1/2 + 3/6 = 1, so the cell adds up relu(x) and is let out as it is.
    x = np.array([[[1.0], [-5.0], [2.5]]])
    rest, kernel = np.zeros((1, 1)), np.array([[0.0, 0.0, 1.0, 0.0]])
    bias = np.array([3.0, 3.0, 0.0, 3.0])
    sequence, _, c = lstm(
        x, rest, rest, kernel, 0 * kernel, bias, activation="relu", recurrent_activation="hard_sigmoid"
    )
    assert_same(sequence[0, :, 0], [1.0, 1.0, 3.5])
    assert_same(c, 3.5)


@proves(lstm, by="law")
def test_tanh_is_a_sigmoid_stretched():
    # tanh(z) = 2 σ(2 z) - 1, here of the candidate alone: the cell is seen through an open gate of its own.
    given = lstm_weights(x=normal("x", BATCH, 1, FEATURES), c=np.zeros((BATCH, UNITS)))
    twice = np.repeat([1.0, 1.0, 2.0, 1.0], UNITS)
    stretched = {name: given[name] * twice for name in ("kernel", "recurrent_kernel", "bias")}
    _, _, c = lstm(**carried(given))
    _, _, by_sigmoid = lstm(**carried(given | stretched), activation="sigmoid")
    i = lstm(**carried(given | {"bias": biased(given["bias"], g2=SATURATED)}))[2]
    assert_same(c, 2 * by_sigmoid - i)


@proves(lstm, by="law")
def test_lstm_keeps_its_cell_when_it_neither_forgets_nor_takes_in():
    given = lstm_weights()
    given["bias"] = biased(given["bias"], g0=-SATURATED, g1=SATURATED)
    assert_same(lstm(**given)[2], given["c"])


@proves(lstm, by="law")
def test_lstm_with_a_closed_output_gate_is_silent():
    given = lstm_weights()
    given["bias"] = biased(given["bias"], g3=-SATURATED)
    assert_same(lstm(**given)[0], 0.0)


@proves(lstm, by="law")
def test_added_forget_bias_is_a_larger_bias():
    given = lstm_weights()
    forget = np.repeat([0.0, 1.0, 0.0, 0.0], UNITS)
    stored = lstm(**carried(given | {"bias": given["bias"] + forget}))
    for added, kept in zip(lstm(**carried(given), forget_bias=1.0), stored, strict=True):
        assert_same(added, kept)


@proves(gru, by="law")
def test_gru_keeps_its_state_when_the_update_gate_is_open():
    given = weights(3)
    given["bias"] = biased(given["bias"], g1=SATURATED)
    assert_same(gru(**given)[1], given["h"])


@proves(gru, by="law")
def test_gru_with_an_open_reset_gate_does_not_care_where_the_reset_is():
    given = weights(3)
    given["bias"] = biased(given["bias"], g0=SATURATED)
    assert_same(gru(**given, reset_after=True), gru(**given, reset_after=False))


@proves(gru, by="law")
def test_gru_with_a_closed_reset_gate_forgets_the_state_and_the_recurrent_bias():
    given = weights(3)
    given["bias"] = biased(given["bias"], g0=-SATURATED, g1=-SATURATED)
    expected = np.tanh(given["x"] @ given["kernel"][:, 2 * UNITS :] + given["bias"][2 * UNITS :])
    assert_same(gru(**given, recurrent_bias=np.ones(UNITS))[0], expected)


@proves(gru, by="law")
def test_replacing_is_keeping_with_the_update_gate_negated():
    given = weights(3)
    sign = np.repeat([1.0, -1.0, 1.0], UNITS)
    negated = {name: given[name] * sign for name in ("kernel", "recurrent_kernel", "bias")}
    replacing = gru(**carried(given | negated), update="replace")
    for keep, replace in zip(gru(**carried(given)), replacing, strict=True):
        assert_same(keep, replace)


@proves(simple_rnn, by="law")
def test_one_step_of_a_simple_rnn_from_rest_is_a_dense_layer():
    given = weights(1, h=np.zeros((BATCH, UNITS)))
    sequence, _ = simple_rnn(**given | {"x": given["x"][:, :1]})
    assert_same(sequence[:, 0], np.tanh(given["x"][:, 0] @ given["kernel"] + given["bias"]))


def alone(array, unit):
    """The columns of one unit, from every gate."""
    return array[..., unit::UNITS]


@proves(lstm, by="law")
def test_units_of_an_lstm_meet_in_the_recurrent_kernel_alone():
    given = lstm_weights()
    whole = lstm(**given)[0]
    apart = given | {"recurrent_kernel": given["recurrent_kernel"] * np.tile(np.eye(UNITS), 4)}
    together = lstm(**carried(apart))[0]
    for unit in range(UNITS):
        one = {name: alone(apart[name], unit) for name in ("h", "c", "kernel", "bias")}
        one["recurrent_kernel"] = alone(apart["recurrent_kernel"], unit)[unit : unit + 1]
        assert_same(lstm(**carried(one | {"x": given["x"]}))[0][..., 0], together[..., unit])
    assert not np.allclose(lstm(**apart)[0], whole)


@proves(lstm, lstm_vjp, by="law")
def test_an_lstm_over_one_step_from_rest_is_three_dense_layers():
    given = lstm_weights(h=np.zeros((BATCH, UNITS)), c=np.zeros((BATCH, UNITS)))
    given["x"] = given["x"][:, :1]
    x, kernel, bias = (carried(given[name]) for name in ("x", "kernel", "bias"))
    i, g, o = ((x[:, 0] @ kernel + bias)[:, n * UNITS : (n + 1) * UNITS] for n in (0, 2, 3))
    expected = np.tanh(np.tanh(g) / (1 + np.exp(-i))) / (1 + np.exp(-o))
    assert_same(lstm(**carried(given))[0][:, 0], expected)
    assert np.abs(lstm(**given | {"kernel": 1e3 * given["kernel"]})[0]).max() <= np.tanh(1.0)
    ones = np.ones((BATCH, UNITS))
    *_, dkernel, drecurrent, dbias = lstm_vjp(**given, cotangents=(ones[:, None], ones, ones))
    assert_same(drecurrent, np.zeros_like(drecurrent))
    forget = slice(UNITS, 2 * UNITS)
    assert_same((dkernel[:, forget], dbias[forget]), (np.zeros((FEATURES, UNITS)), np.zeros(UNITS)))


@proves(gru, by="law")
def test_a_gru_of_one_kernel_over_input_and_state_resets_before_the_product():
    given = carried(weights(3))
    joined = np.concatenate([given["kernel"], given["recurrent_kernel"]])
    gates, candidate = joined[:, : 2 * UNITS], joined[:, 2 * UNITS :]
    bias, h = given["bias"], given["h"]
    for t in range(TIME):
        x = given["x"][:, t]
        both = 1 / (1 + np.exp(-(np.concatenate([x, h], axis=1) @ gates + bias[: 2 * UNITS])))
        r, z = both[:, :UNITS], both[:, UNITS:]
        n = np.tanh(np.concatenate([x, r * h], axis=1) @ candidate + bias[2 * UNITS :])
        h = z * h + (1 - z) * n
    assert_same(gru(**given, reset_after=False)[1], h)
    before, after = (gru(**weights(3), reset_after=reset_after)[1] for reset_after in (False, True))
    assert not np.allclose(before, after)


@pytest.mark.parametrize(("nan_gradient", "expected"), [("zero", 0.0), ("pass", 1.0)])
def test_relu_gradient_where_the_state_is_nan(nan_gradient, expected):
    one, nan = np.ones((1, 1)), np.full((1, 1, 1), np.nan)
    gradients = simple_rnn_vjp(
        nan, one, one, one, None, (np.ones((1, 1, 1)), 0 * one), activation="relu", nan_gradient=nan_gradient
    )
    assert_same(gradients[0], [[[expected]]])


def test_absent_biases_have_no_gradient():
    given = weights(3)
    arrays = [given[name] for name in ("x", "h", "kernel", "recurrent_kernel")]
    gradients = gru_vjp(*arrays, None, None, (np.ones((BATCH, TIME, UNITS)), np.ones((BATCH, UNITS))))
    assert gradients[4] is None
    assert gradients[5] is None


# --- bad input ---


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": np.ones((BATCH, FEATURES))}, r"x must have the axes \(batch, time, features\)"),
        ({"x": np.ones((BATCH, 0, FEATURES))}, "at least one time step"),
        ({"x": np.ones((BATCH, TIME, FEATURES + 1))}, "kernel must have shape"),
        ({"h": np.ones((BATCH, UNITS + 1))}, "h must have shape"),
        ({"c": np.ones((BATCH + 1, UNITS))}, "c must have shape"),
        ({"recurrent_kernel": np.ones((UNITS, 3 * UNITS))}, "recurrent_kernel must have shape"),
        ({"bias": np.ones(UNITS)}, "bias must have shape"),
        ({"activation": "gelu"}, "activation must be one of tanh, relu, sigmoid; got 'gelu'"),
        ({"recurrent_activation": "tanh"}, "recurrent_activation must be one of sigmoid, hard_sigmoid"),
        ({"direction": "up"}, "direction must be one of forward, backward, backward_reversed; got 'up'"),
    ],
)
def test_lstm_refuses_what_does_not_fit(changed, message):
    with pytest.raises(ValueError, match=message):
        lstm(**lstm_weights() | changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"recurrent_bias": np.ones(UNITS), "reset_after": False}, "recurrent_bias must be None"),
        ({"recurrent_bias": np.ones(3 * UNITS)}, "recurrent_bias must have shape"),
        ({"update": "blend"}, "update must be 'keep' or 'replace'; got 'blend'"),
    ],
)
def test_gru_refuses_what_does_not_fit(changed, message):
    with pytest.raises(ValueError, match=message):
        gru(**weights(3) | changed)


def test_simple_rnn_refuses_an_unknown_activation():
    with pytest.raises(ValueError, match="activation must be one of tanh, relu, sigmoid; got 'gelu'"):
        simple_rnn(**weights(1), activation="gelu")
