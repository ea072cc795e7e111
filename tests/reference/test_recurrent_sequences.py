"""Recurrent layers over padded sequences, both ways, in layers and call by call: held to the layer itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference import recurrent_sequences, recurrent_stacked
from assay.reference.convolution import conv
from assay.reference.dense import dense
from assay.reference.recurrent import gru, gru_vjp, lstm, lstm_vjp, simple_rnn, simple_rnn_vjp

BATCH, TIME, FEATURES, UNITS = 3, 5, 2, 4
LENGTHS = np.array([5, 1, 3])
GAPS = np.array([[0, 1, 1, 0, 1], [1, 0, 0, 1, 0], [1, 1, 1, 1, 1]]) == 1
SATURATED = 1e3
"""An argument at which the logistic function is 0 or 1, and tanh is -1 or 1, exactly."""


class Cell(NamedTuple):
    """A layer over one sequence, its gradient, and what it is given."""

    name: str
    layer: Callable
    vjp: Callable
    gates: int
    states: tuple[str, ...] = ("h",)
    more: tuple[str, ...] = ()
    options: tuple[tuple[str, bool], ...] = ()

    def on(self, reference):
        """A reference over this cell, with the cell's options."""
        return functools.partial(reference, **dict(self.options))

    def alone(self, *given, **options):
        """The layer itself."""
        return self.layer(*given, **options, **dict(self.options))

    def back(self, *given, **options):
        """The gradient of the layer itself."""
        *arrays, cotangents = given
        absent = [None] if self.name == "gru" and not self.more else []
        gradients = self.vjp(*arrays, *absent, cotangents, **options, **dict(self.options))
        return gradients[: len(gradients) - len(absent)]


LSTM = Cell("lstm", lstm, lstm_vjp, 4, ("h", "c"))
GRU = Cell("gru", gru, gru_vjp, 3, more=("recurrent_bias",))
RESET_BEFORE = Cell("gru", gru, gru_vjp, 3, options=(("reset_after", False),))
SIMPLE_RNN = Cell("simple_rnn", simple_rnn, simple_rnn_vjp, 1)
IDS = {"LSTM": LSTM, "GRU": GRU, "reset before": RESET_BEFORE, "RNN": SIMPLE_RNN}


def each_cell(kind, by=None):
    """Give the test every cell, with the reference of this kind over it, which the test proves."""
    rows = []
    for name, cell in IDS.items():
        home = recurrent_stacked if kind.startswith(("stacked", "stateful")) else recurrent_sequences
        reference = getattr(home, kind.format(cell.name))
        rows.append(pytest.param(cell, reference, id=name, marks=proves(reference, by=by) if by else ()))
    return pytest.mark.parametrize(("cell", "layer"), rows)


def normal(name, *shape):
    return Stream(f"recurrent_sequences/{name}").normal(shape)


def weights(*more, cell=LSTM, **changed):
    """Inputs of a layer, each with the axes ``more`` in front of those of its states and weights."""
    drawn = {
        "x": normal("x", BATCH, TIME, FEATURES),
        **{name: normal(name, *more, BATCH, UNITS) for name in cell.states},
        "kernel": normal("kernel", *more, FEATURES, cell.gates * UNITS),
        "recurrent_kernel": normal("recurrent_kernel", *more, UNITS, cell.gates * UNITS) / 2,
        "bias": normal("bias", *more, cell.gates * UNITS),
        **{name: normal(name, *more, UNITS) for name in cell.more},
    }
    return drawn | changed


def cotangents(*more, cell=LSTM, sequence=(TIME, UNITS)):
    shapes = (BATCH, *sequence), *[(*more, BATCH, UNITS)] * len(cell.states)
    return tuple(normal(f"cotangent {n}", *shape) for n, shape in enumerate(shapes))


def one(given, cell, sample, steps):
    """A sample alone, with some of its steps."""
    rows = {name: given[name][sample : sample + 1] for name in ("x", *cell.states)}
    return given | rows | {"x": rows["x"][:, steps]}


def all_inputs(given, cell):
    """Positional inputs, with None for the recurrent bias of a unit that has none."""
    absent = [None] if cell.name == "gru" and not cell.more else []
    return [*given.values(), *absent]


# --- padded sequences ---


@each_cell("masked_{}", by="law")
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_a_masked_sequence_is_the_shorter_sequence(cell, layer, direction):
    given = carried(weights(cell=cell))
    for mask in (GAPS, np.arange(TIME) < LENGTHS[:, None]):
        y, *finals = cell.on(layer)(**given, mask=mask, direction=direction)
        for sample in range(BATCH):
            steps = np.flatnonzero(mask[sample])
            short = cell.alone(*one(given, cell, sample, steps).values(), direction=direction)
            got = (y[sample, steps], *(state[sample] for state in finals))
            assert_same(got, tuple(part[0] for part in short))


@each_cell("masked_{}_vjp", by="law")
def test_gradient_of_a_masked_sequence_is_that_of_the_shorter_sequences(cell, layer):
    given, into = carried(weights(cell=cell)), cotangents(cell=cell)
    start = 1 + len(cell.states)
    gradients = cell.on(layer)(*all_inputs(given, cell), None, GAPS, into)
    dx, total = gradients[0], [0.0] * (len(given) - start)
    for sample in range(BATCH):
        steps = np.flatnonzero(GAPS[sample])
        short = [g[sample : sample + 1] for g in into]
        alone = cell.back(*one(given, cell, sample, steps).values(), (short[0][:, steps], *short[1:]))
        assert_same(dx[sample, steps], alone[0][0])
        assert_same(tuple(g[sample] for g in gradients[1:start]), tuple(g[0] for g in alone[1:start]))
        total = [a + b for a, b in zip(total, alone[start:], strict=True)]
    assert_same(dx[~GAPS], 0.0)
    for gradient, expected in zip(gradients[start : len(given)], total, strict=True):
        assert_same(gradient, expected)
    assert set(gradients[len(given) :]) <= {None}


@each_cell("masked_{}", by="law")
@pytest.mark.parametrize("masked_output", ["zero", "repeat", "state", "computed"])
def test_what_stands_past_the_end(cell, layer, masked_output):
    given = carried(weights(cell=cell))
    y, h, *_ = cell.on(layer)(**given, lengths=LENGTHS, masked_output=masked_output)
    through = cell.alone(**given)[0]
    for sample, length in enumerate(LENGTHS):
        past = {"zero": 0.0, "computed": through[sample, length:]}.get(
            masked_output, np.broadcast_to(h[sample], (TIME - length, UNITS))
        )
        if length < TIME:
            assert_same(y[sample, length:], past)


@each_cell("masked_{}", by="worked figures")
def test_before_the_first_step_that_counts_there_is_nothing_to_repeat_but_a_state(cell, layer):
    given = weights(cell=cell)
    for masked_output, expected in (("zero", 0.0), ("repeat", 0.0), ("state", given["h"][0])):
        y, *_ = cell.on(layer)(**given, mask=GAPS, masked_output=masked_output)
        assert_same(y[0, 0], expected)


@each_cell("masked_{}", by="law")
def test_turned_round_the_padding_comes_first_or_stays_behind(cell, layer):
    given = carried(weights(cell=cell))
    whole, valid = (
        cell.on(layer)(**given, lengths=LENGTHS, direction="backward_reversed", reversal=reversal)
        for reversal in ("whole", "valid")
    )
    assert_same(whole[1:], valid[1:])
    for sample, length in enumerate(LENGTHS):
        assert_same(whole[0][sample, TIME - length :], valid[0][sample, :length])


@each_cell("masked_{}", by="law")
def test_a_sequence_of_no_steps_gives_back_its_carry(cell, layer):
    given = weights(cell=cell)
    y, *finals = cell.on(layer)(**given, lengths=np.zeros(BATCH, dtype=int))
    assert_same((y, *finals), (0.0 * y, *(given[name] for name in cell.states)))


@each_cell("masked_{}", by="law")
def test_the_last_output_alone_is_the_last_of_all(cell, layer):
    given = weights(cell=cell, mask=GAPS, masked_output="repeat")
    y, *_ = cell.on(layer)(**given)
    assert_same(cell.on(layer)(**given, return_sequences=False)[0], y[:, -1])


# --- both directions ---


def own(given, n):
    """The part of one direction or layer in inputs by name."""
    return {name: part if name == "x" else part[n] for name, part in given.items()}


@each_cell("bidirectional_{}", by="law")
def test_both_directions_are_one_layer_each(cell, layer):
    given = carried(weights(2, cell=cell))
    y, *finals = cell.on(layer)(**given)
    for n, direction in enumerate(("forward", "backward")):
        got = (y[..., n * UNITS : (n + 1) * UNITS], *(state[n] for state in finals))
        assert_same(got, cell.alone(**own(given, n), direction=direction))


@each_cell("bidirectional_{}")
def test_the_backward_one_ends_at_the_first_step_and_begins_at_the_last_that_counts(cell, layer):
    y, h, *_ = cell.on(layer)(**carried(weights(2, cell=cell)), lengths=LENGTHS)
    assert_same(y[:, 0, UNITS:], h[1])
    last = y[np.arange(BATCH), LENGTHS - 1]
    assert_same(last[:, :UNITS], h[0])


@each_cell("bidirectional_{}", by="law")
@pytest.mark.parametrize(
    ("merge", "expected"),
    [("sum", lambda f, b: f + b), ("mul", lambda f, b: f * b), ("ave", lambda f, b: (f + b) / 2)],
)
def test_merging_the_parts_of_what_is_joined(cell, layer, merge, expected):
    given = carried(weights(2, cell=cell))
    for returns in ("sequence", "ends", "last_step"):
        joined = cell.on(layer)(**given, returns=returns)[0]
        parts = np.split(joined, 2, axis=-1)
        assert_same(cell.on(layer)(**given, returns=returns, merge=merge)[0], expected(*parts))


@each_cell("bidirectional_{}", by="law")
def test_the_parts_of_what_is_joined_stand_one_before_the_other_unless_merged(cell, layer):
    given = carried(weights(2, cell=cell)) | {"lengths": LENGTHS}
    for returns in ("sequence", "ends", "last_step"):
        joined, *finals = cell.on(layer)(**given, returns=returns)
        apart, *same = cell.on(layer)(**given, returns=returns, merge=None)
        assert_same(apart, np.stack(np.split(joined, 2, axis=-1)))
        assert_same(tuple(same), tuple(finals))


@each_cell("bidirectional_{}", by="law")
def test_both_directions_of_a_masked_sequence_are_those_of_the_shorter_sequence(cell, layer):
    given = carried(weights(2, cell=cell))
    y, *finals = cell.on(layer)(**given, mask=GAPS)
    assert_same(y[~GAPS], 0.0)
    for sample in range(BATCH):
        steps = np.flatnonzero(GAPS[sample])
        alone = {name: given[name][:, sample : sample + 1] for name in cell.states}
        short, *ends = cell.on(layer)(**given | alone | {"x": given["x"][sample : sample + 1, steps]})
        assert_same(y[sample, steps], short[0])
        assert_same(tuple(f[:, sample] for f in finals), tuple(end[:, 0] for end in ends))


@each_cell("bidirectional_{}_vjp", by="law")
def test_gradient_of_both_directions_is_that_of_each(cell, layer):
    given = carried(weights(2, cell=cell))
    of_y, *of_finals = cotangents(2, cell=cell, sequence=(TIME, 2 * UNITS))
    gradients = cell.on(layer)(*all_inputs(given, cell), None, None, (of_y, *of_finals))
    dx = 0.0
    for n, direction in enumerate(("forward", "backward")):
        into = (of_y[..., n * UNITS : (n + 1) * UNITS], *(of_final[n] for of_final in of_finals))
        of_x, *others = cell.back(*own(given, n).values(), into, direction=direction)
        dx = dx + of_x
        assert_same(tuple(g[n] for g in gradients[1 : len(given)]), tuple(others))
    assert_same(gradients[0], dx)


# --- in layers ---

LAYERS = 3


def stacked_weights(cell):
    """Inputs of a stack: the kernels of the upper layers stand after that of the lowest."""
    given = weights(LAYERS, cell=cell)
    upper = normal("upper", LAYERS - 1, UNITS, cell.gates * UNITS) / 2
    kernels = {"kernel": given.pop("kernel")[0], "upper_kernels": upper}
    below = {name: given.pop(name) for name in ("x", *cell.states)}
    return below | kernels | given


def layers_of(given, cell):
    """Carry and weights of each layer."""
    kernels = [given["kernel"], *(given["upper_kernels"][n] for n in range(LAYERS - 1))]
    others = ("recurrent_kernel", "bias", *cell.more)
    return [
        (*(given[name][n] for name in cell.states), kernels[n], *(given[name][n] for name in others))
        for n in range(LAYERS)
    ]


@each_cell("stacked_{}", by="law")
def test_layers_are_one_after_the_other(cell, layer):
    given = carried(stacked_weights(cell))
    y, *finals = cell.on(layer)(**given)
    below = given["x"]
    for n, of_layer in enumerate(layers_of(given, cell)):
        below, *carry = cell.alone(below, *of_layer)
        assert_same(tuple(state[n] for state in finals), tuple(carry))
    assert_same(y, below)


@each_cell("stacked_{}", by="law")
def test_layers_may_be_run_step_by_step(cell, layer):
    # All layers at one time step before the next step: what a cell made of cells does.
    given = carried(stacked_weights(cell))
    y, *finals = cell.on(layer)(**given)
    for t in range(TIME):
        at, *carry = cell.on(layer)(**given | {"x": given["x"][:, t : t + 1]})
        given |= dict(zip(cell.states, carry, strict=True))
        assert_same(at[:, 0], y[:, t])
    assert_same(tuple(carry), tuple(finals))


@each_cell("stacked_{}", by="law")
def test_layers_over_a_masked_sequence_are_those_over_the_shorter_sequence(cell, layer):
    given = carried(stacked_weights(cell))
    for mask in (GAPS, np.arange(TIME) < LENGTHS[:, None]):
        y, *finals = cell.on(layer)(**given, mask=mask)
        assert_same(y[~mask], 0.0)
        for sample in range(BATCH):
            steps = np.flatnonzero(mask[sample])
            alone = {name: given[name][:, sample : sample + 1] for name in cell.states}
            short, *ends = cell.on(layer)(**given | alone | {"x": given["x"][sample : sample + 1, steps]})
            assert_same(y[sample, steps], short[0])
            assert_same(tuple(f[:, sample] for f in finals), tuple(end[:, 0] for end in ends))


@each_cell("stacked_{}", by="law")
def test_past_the_end_each_layer_goes_on_from_what_the_one_below_goes_on_with(cell, layer):
    given = carried(stacked_weights(cell))
    computed, *_ = cell.on(layer)(**given, lengths=LENGTHS, masked_output="computed")
    assert_same(computed, cell.on(layer)(**given)[0])


@each_cell("stacked_{}_vjp", by="law")
def test_gradient_of_layers_goes_down_through_them(cell, layer):
    given, (into, *of_finals) = carried(stacked_weights(cell)), cotangents(LAYERS, cell=cell)
    gradients = cell.on(layer)(*all_inputs(given, cell), None, None, (into, *of_finals))
    named = dict(zip(given, gradients, strict=False))
    inputs, layers = [given["x"]], layers_of(given, cell)
    for of_layer in layers:
        inputs.append(cell.alone(inputs[-1], *of_layer)[0])
    for n in reversed(range(LAYERS)):
        of_layer = (into, *(of_final[n] for of_final in of_finals))
        into, *expected = cell.back(inputs[n], *layers[n], of_layer)
        assert_same(tuple(layers_of(named, cell)[n]), tuple(expected))
    assert_same(gradients[0], into)


# --- from call to call ---


def calls(between="nothing", cell=LSTM):
    given = weights(cell=cell)
    order = {"x": given["x"][:, :2], "other": None, "later": given["x"][:, 2:]}
    if between == "predict":
        order["other"] = normal("other", BATCH, 3, FEATURES)
    return order | {name: given[name] for name in ("kernel", "recurrent_kernel", "bias", *cell.more)}


def from_rest(x, given, cell):
    rest = [np.zeros((BATCH, UNITS))] * len(cell.states)
    return cell.alone(x, *rest, *(given[name] for name in ("kernel", "recurrent_kernel", "bias", *cell.more)))


@each_cell("stateful_{}", by="law")
def test_two_calls_are_one_over_both_sequences(cell, layer):
    given = calls(cell=cell)
    y, y_later, *carry = cell.on(layer)(**given)
    joined = from_rest(np.concatenate([given["x"], given["later"]], axis=1), given, cell)
    assert_same((np.concatenate([y, y_later], axis=1), *carry), joined)


@each_cell("stateful_{}", by="law")
def test_a_prediction_moves_the_carry_of_a_layer_and_not_that_of_a_caller(cell, layer):
    given = calls("predict", cell)
    by_layer = cell.on(layer)(**given, between="predict", kept_by="layer")
    joined = from_rest(np.concatenate([given["x"], given["other"], given["later"]], axis=1), given, cell)
    assert_same(by_layer[1], joined[0][:, 5:])
    by_caller = cell.on(layer)(**given, between="predict", kept_by="caller")
    assert_same(by_caller, cell.on(layer)(**calls(cell=cell)))


@each_cell("stateful_{}", by="law")
def test_after_a_reset_the_second_call_is_the_first(cell, layer):
    given = calls(cell=cell)
    _, *last = cell.on(layer)(**given, between="reset")
    assert_same(tuple(last), from_rest(given["later"], given, cell))


@each_cell("stateful_{}_vjp", by="law")
def test_gradient_of_two_calls_is_that_of_one_over_both_sequences(cell, layer):
    given, (of_y, *of_carry) = calls(cell=cell), cotangents(cell=cell)
    gradients = cell.on(layer)(*all_inputs(given, cell), (of_y[:, :2], of_y[:, 2:], *of_carry))
    x = np.concatenate([given["x"], given["later"]], axis=1)
    rest = [np.zeros((BATCH, UNITS))] * len(cell.states)
    kept = [carried(given[name]) for name in ("kernel", "recurrent_kernel", "bias", *cell.more)]
    dx, *others = cell.back(carried(x), *rest, *kept, (of_y, *of_carry))
    assert_same(dx, np.concatenate([gradients[0], gradients[2]], axis=1))
    assert gradients[1] is None
    assert_same(tuple(others[len(rest) :]), tuple(gradients[3 : len(given)]))


# --- figures by hand ---


@each_cell("masked_{}", by="worked figures")
def test_a_state_of_known_figures_counts_the_steps_that_count(cell, layer):
    given, figures = of_known_figures(cell)
    y, *finals = cell.on(layer)(**given, mask=GAPS, masked_output="state")
    taken = np.cumsum(GAPS, axis=1)
    assert_same(y[..., 0], figures[0][taken])
    assert_same(tuple(state[:, 0] for state in finals), tuple(of_state[taken[:, -1]] for of_state in figures))


def of_known_figures(cell, *more):
    """Inputs for which the states are known, and each state after no step, one step and so on.

    Without weights gates are one half: a GRU halves its state, here 1, and an LSTM its cell, here 2, of
    which half the tanh comes out. A simple RNN whose recurrent kernel is negative and large flips its 1.
    """
    given = carried({name: 0.0 * array for name, array in weights(*more, cell=cell).items()})
    halves = 0.5 ** np.arange(TIME + 1)
    if cell is LSTM:
        given["c"] = given["c"] + 2.0
        return given, (np.append(0.0, 0.5 * np.tanh(2 * halves[1:])), 2 * halves)
    given["h"] = given["h"] + 1.0
    if cell is SIMPLE_RNN:
        given["recurrent_kernel"] = given["recurrent_kernel"] - SATURATED * np.eye(UNITS)
        return given, ((-1.0) ** np.arange(TIME + 1),)
    return given, (halves,)


@each_cell("bidirectional_{}", by="worked figures")
def test_states_of_known_figures_go_through_them_from_their_own_end(cell, layer):
    given, figures = of_known_figures(cell, 2)
    y, *finals = cell.on(layer)(**given, merge="sum")
    assert_same(y[0, :, 0], figures[0][1:] + figures[0][:0:-1])
    assert_same(tuple(state[0, 0, 0] for state in finals), tuple(of_state[-1] for of_state in figures))
    assert_same(tuple(state[1, 0, 0] for state in finals), tuple(of_state[-1] for of_state in figures))


@each_cell("stacked_{}", by="worked figures")
def test_every_layer_goes_through_known_figures_by_itself(cell, layer):
    given, figures = of_known_figures(cell, LAYERS)
    order = ("x", *cell.states, "kernel", "upper_kernels", "recurrent_kernel", "bias", *cell.more)
    upper = carried(np.zeros((LAYERS - 1, UNITS, cell.gates * UNITS)))
    given |= {"kernel": given["kernel"][0], "upper_kernels": upper}
    y, *finals = cell.on(layer)(*(given[name] for name in order))
    assert_same(y[0, :, 0], figures[0][1:])
    assert_same(tuple(state[:, 0, 0] for state in finals), tuple(f[-1] for f in figures))


@each_cell("stateful_{}", by="worked figures")
@pytest.mark.parametrize(
    ("between", "kept_by", "before"),
    [("nothing", "layer", 2), ("predict", "layer", 5), ("predict", "caller", 2), ("reset", "layer", 0)],
)
def test_a_state_that_starts_from_rest_counts_the_steps_since_then(cell, layer, between, kept_by, before):
    # An LSTM without weights whose candidate is 1 fills its cell by halves, to 1 - 2⁻ᵗ, and a GRU its state.
    # A simple RNN of bias b and recurrent kernel -2 b is 1 and -1 in turn.
    given = {name: None if a is None else carried(0.0 * a) for name, a in calls(between, cell).items()}
    open_gate = {"lstm": [0.0, 0.0, 1.0, 0.0], "gru": [0.0, 0.0, 1.0], "simple_rnn": [1.0]}[cell.name]
    given["bias"] = carried(SATURATED * np.repeat(open_gate, UNITS))
    if cell is SIMPLE_RNN:
        given["recurrent_kernel"] = carried(-2 * SATURATED * np.eye(UNITS))
    _, y_later, *finals = cell.on(layer)(**given, between=between, kept_by=kept_by)
    steps = before + np.arange(1, TIME - 1)
    filled = 1 - 0.5**steps if cell is not SIMPLE_RNN else -((-1.0) ** steps)
    assert_same(y_later[0, :, 0], 0.5 * np.tanh(filled) if cell is LSTM else filled)
    assert_same(finals[-1], filled[-1])


# --- a following convolution ---


@proves(conv, by="law")
def test_after_one_step_a_convolution_is_a_dense_layer():
    y, h, _ = lstm(**carried(weights(x=normal("x", BATCH, 1, FEATURES))))
    kernel = normal("conv", 1, UNITS, 6)
    assert_same(conv(y, kernel)[:, 0], dense(h, kernel[0]))


@proves(conv, by="law")
def test_a_convolution_as_long_as_the_sequence_is_a_dense_layer_of_all_steps():
    y, *_ = lstm(**carried(weights()))
    kernel = normal("conv", TIME, UNITS, 6)
    flat = np.reshape(y, (BATCH, TIME * UNITS)), np.reshape(kernel, (TIME * UNITS, 6))
    assert_same(conv(y, kernel, padding="valid")[:, 0], dense(*flat))


# --- bad input ---


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, "one of lengths and mask must be given"),
        ({"lengths": LENGTHS, "mask": GAPS}, "one of lengths and mask must be given"),
        ({"lengths": LENGTHS + 1}, "lengths must be between 0 and the number of steps, 5"),
        ({"lengths": LENGTHS[:2]}, "lengths must have shape"),
        ({"mask": GAPS[:, :2]}, "mask must have shape"),
        (
            {"mask": GAPS, "direction": "backward", "reversal": "valid"},
            "a mask must be turned round as a whole",
        ),
        ({"mask": GAPS, "masked_output": "computed"}, "computed outputs need lengths"),
        ({"mask": GAPS, "masked_output": "none"}, "masked_output must be one of zero, repeat"),
        ({"mask": GAPS, "reversal": "no"}, "reversal must be 'valid' or 'whole'; got 'no'"),
    ],
)
@each_cell("masked_{}")
def test_layers_over_padded_sequences_refuse_what_does_not_fit(cell, layer, changed, message):
    with pytest.raises(ValueError, match=message):
        cell.on(layer)(**weights(cell=cell) | changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"merge": "max"}, "merge must be one of concat, sum, mul, ave, None; got 'max'"),
        ({"returns": "all"}, "returns must be one of sequence, ends, last_step"),
        ({"h": np.ones((BATCH, UNITS))}, "h must have the axes"),
        ({"kernel": np.ones((3, FEATURES, UNITS))}, "kernel must have one part for each direction"),
        ({"bias": np.ones(UNITS)}, "bias must have the axes"),
        ({"bias": np.ones((2, UNITS + 1))}, "bias must have shape"),
    ],
)
@each_cell("bidirectional_{}")
def test_directions_that_do_not_fit_are_refused(cell, layer, changed, message):
    with pytest.raises(ValueError, match=message):
        cell.on(layer)(**weights(2, cell=cell) | changed)


@pytest.mark.parametrize("layer", [recurrent_sequences.masked_gru, recurrent_sequences.bidirectional_gru])
def test_a_recurrent_bias_is_refused_where_the_reset_comes_before_the_product(layer):
    more = [2] if layer is recurrent_sequences.bidirectional_gru else []
    lengths = {} if more else {"lengths": LENGTHS}
    with pytest.raises(ValueError, match="recurrent_bias must be None unless reset_after"):
        layer(**weights(*more, cell=GRU), **lengths, reset_after=False)


@each_cell("stacked_{}")
def test_layers_that_do_not_fit_are_refused(cell, layer):
    with pytest.raises(ValueError, match="h must have 3 layers"):
        cell.on(layer)(**stacked_weights(cell) | {"h": np.ones((2, BATCH, UNITS))})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"between": "train"}, "between must be one of nothing, predict, reset; got 'train'"),
        ({"kept_by": "nobody"}, "kept_by must be 'layer' or 'caller'; got 'nobody'"),
        ({"between": "predict"}, "other must be given where it is predicted"),
    ],
)
@each_cell("stateful_{}")
def test_calls_that_do_not_fit_are_refused(cell, layer, changed, message):
    with pytest.raises(ValueError, match=message):
        cell.on(layer)(**calls(cell=cell) | changed)
