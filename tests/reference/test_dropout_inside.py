"""Dropout inside recurrent layers and attention: laws, worked figures, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.attention import dot_product_attention, dot_product_attention_vjp
from assay.reference.dropout import dropout, dropout_vjp
from assay.reference.dropout_inside import (
    attention_dropout,
    attention_dropout_vjp,
    gru_dropout,
    gru_dropout_vjp,
    layer_norm_lstm_update_dropout,
    layer_norm_lstm_update_dropout_vjp,
    lstm_dropout,
    lstm_dropout_vjp,
    lstm_dropout_wrapper,
    lstm_dropout_wrapper_vjp,
    lstm_update_dropout,
    lstm_update_dropout_vjp,
    simple_rnn_dropout,
    simple_rnn_dropout_vjp,
    stacked_lstm_dropout,
    stacked_lstm_dropout_vjp,
)
from assay.reference.lstm_variants import layer_norm_lstm, layer_norm_lstm_vjp
from assay.reference.recurrent import gru, gru_vjp, lstm, lstm_vjp, simple_rnn, simple_rnn_vjp

BATCH, TIME, FEATURES, UNITS = 2, 3, 4, 5
SHAPES = {
    "x": (BATCH, TIME, FEATURES),
    "h": (BATCH, UNITS),
    "c": (BATCH, UNITS),
    "kernel": (FEATURES, 4 * UNITS),
    "recurrent_kernel": (UNITS, 4 * UNITS),
    "bias": (4 * UNITS,),
}
LSTM = {name: carried(Stream(f"lstm_dropout/{name}").normal(shape)) for name, shape in SHAPES.items()}
GIVEN = tuple(
    carried(Stream(f"lstm_dropout/{shape}").normal(shape))
    for shape in ((BATCH, TIME, UNITS), *[(BATCH, UNITS)] * 2)
)
DROPPING = {
    lstm_dropout: (lstm_dropout_vjp, 2),
    lstm_update_dropout: (lstm_update_dropout_vjp, 1),
    lstm_dropout_wrapper: (lstm_dropout_wrapper_vjp, 4),
}


def kept(*shape, chance=0.5):
    return Stream(f"lstm_dropout/kept/{shape}").uniform(shape) < chance


@pytest.mark.parametrize(("layer", "vjp", "masks"), [(f, *rest) for f, rest in DROPPING.items()])
@proves(*DROPPING, *(vjp for vjp, _ in DROPPING.values()), by="law")
def test_without_dropout_it_is_a_plain_lstm(layer, vjp, masks):
    assert_same(layer(**LSTM), lstm(**LSTM))
    assert_same(vjp(*LSTM.values(), *[None] * masks, GIVEN), lstm_vjp(*LSTM.values(), GIVEN))
    one = kept(BATCH, 1, UNITS) if layer is lstm_update_dropout else None
    assert_same(layer(*LSTM.values(), one, rate=0.5, training=False), lstm(**LSTM))


def scaled(x, mask):
    return np.where(mask, x / 0.5, 0.0)


@proves(lstm_dropout, lstm_dropout_wrapper, lstm_dropout_vjp, lstm_dropout_wrapper_vjp, by="law")
def test_dropout_of_what_enters_is_dropout_before_the_layer():
    mask, others = kept(BATCH, TIME, FEATURES), [LSTM[name] for name in SHAPES if name != "x"]
    before = scaled(LSTM["x"], mask)
    wanted, gradients = lstm(before, *others), lstm_vjp(before, *others, GIVEN)
    gradients = (scaled(gradients[0], mask), *gradients[1:])
    of_all_gates = mask[:, :, np.newaxis]
    assert_same(lstm_dropout(*LSTM.values(), of_all_gates, rate=0.5), wanted)
    assert_same(lstm_dropout_wrapper(*LSTM.values(), mask, rate=0.5), wanted)
    assert_same(lstm_dropout_vjp(*LSTM.values(), of_all_gates, None, GIVEN, rate=0.5), gradients)
    assert_same(lstm_dropout_wrapper_vjp(*LSTM.values(), mask, None, None, None, GIVEN, rate=0.5), gradients)


@proves(lstm_dropout_wrapper, lstm_dropout_wrapper_vjp, by="law")
def test_dropout_of_what_is_given_out_is_dropout_behind_the_layer():
    mask, (y, *carry) = kept(BATCH, TIME, UNITS), lstm(**LSTM)
    assert_same(lstm_dropout_wrapper(*LSTM.values(), None, mask, rate=0.5), (scaled(y, mask), *carry))
    behind = (scaled(GIVEN[0], mask), *GIVEN[1:])
    gradients = lstm_dropout_wrapper_vjp(*LSTM.values(), None, mask, None, None, GIVEN, rate=0.5)
    assert_same(gradients, lstm_vjp(*LSTM.values(), behind))


@proves(lstm_dropout, lstm_dropout_wrapper, by="law")
def test_a_state_dropped_as_it_is_carried_on_is_dropped_in_the_next_product():
    mask = kept(BATCH, TIME, UNITS)
    first = np.ones((BATCH, 1, UNITS), bool)
    y, h, c = lstm_dropout_wrapper(*LSTM.values(), None, None, mask, rate=0.5)
    # The initial state enters the first product as it is: here twice as large, and halved by no mask.
    doubled = {**LSTM, "h": LSTM["h"] * 0.5}
    shifted = np.concatenate([first, mask[:, :-1]], axis=1)[:, :, np.newaxis]
    inside = lstm_dropout(*doubled.values(), None, shifted, recurrent_rate=0.5)
    assert_same((y, h, c), (inside[0], scaled(inside[1], mask[:, -1]), inside[2]))


@proves(lstm_update_dropout, by="law")
def test_the_cell_is_never_lost_where_updates_are_dropped():
    nothing = np.zeros((BATCH, 1, UNITS), bool)
    remembering = LSTM | {"bias": np.repeat([0.0, np.inf, 0.0, 0.0], UNITS)}
    _, _, c = lstm_update_dropout(**remembering, update_mask=nothing, rate=0.5)
    assert_same(c, LSTM["c"])
    _, _, c = lstm_update_dropout(**remembering, update_mask=nothing, rate=0.5, dropping="cell")
    assert_same(c, np.zeros((BATCH, UNITS)))


@proves(lstm_update_dropout, lstm_dropout_wrapper, by="worked figures")
def test_open_gates_pass_on_what_is_kept():
    x, zeros = np.zeros((1, 2, 1)), np.zeros((1, 2))
    weights = (np.zeros((1, 8)), np.zeros((2, 8)), np.repeat([np.inf] * 4, 2))
    mask = np.array([[[True, False], [False, True]]])
    y, h, c = lstm_update_dropout(x, zeros, zeros, *weights, mask, rate=0.5)
    assert_same(c, [[2.0, 2.0]])
    assert_same(np.arctanh(carried(y)), carried(np.array([[[2.0, 0.0], [2.0, 2.0]]])))
    y, h, c = lstm_dropout_wrapper(x, zeros, zeros, *weights, None, None, mask, ~mask, rate=0.5)
    assert_same(c, [[2.0, 0.0]])
    assert_same(h, [[0.0, 2.0 * np.tanh(3.0)]])
    assert_same(y, np.tanh([[[1.0, 1.0], [1.0, 3.0]]]))


@proves(lstm_dropout, by="worked figures")
def test_each_gate_sees_its_own_mask():
    x, zeros, kernel = np.ones((1, 1, 1)), np.zeros((1, 1)), np.array([[0.0, 0.0, 0.25, 0.0]])
    weights = (kernel, 0 * kernel, np.array([np.inf, np.inf, 0.0, np.inf]))
    kept_by_g, lost_by_g = ([[[[not state], [not state], [state], [not state]]]] for state in (True, False))
    _, _, c = lstm_dropout(x, zeros, zeros, *weights, np.array(kept_by_g), rate=0.5)
    assert_same(c, np.tanh([[0.5]]))
    _, _, c = lstm_dropout(x, zeros, zeros, *weights, np.array(lost_by_g), rate=0.5)
    assert_same(c, [[0.0]])
    h, recurrent = np.ones((1, 1)), (0 * kernel, kernel, weights[2])
    _, _, c = lstm_dropout(x, h, zeros, *recurrent, None, np.array(kept_by_g), recurrent_rate=0.5)
    assert_same(c, np.tanh([[0.5]]))


def weights_of(gates, **more):
    """Inputs of a layer of so many gates, of the same numbers as those of the LSTM."""
    given = {name: LSTM[name] for name in ("x", "h")}
    for name in ("kernel", "recurrent_kernel", "bias"):
        given[name] = LSTM[name][..., : gates * UNITS]
    return given | more


RNN, RESET_BEFORE = weights_of(1), weights_of(3, recurrent_bias=None)
GRU = weights_of(3, recurrent_bias=LSTM["c"][0])
ARGUMENTS = ("layer", "vjp", "plain", "plain_vjp", "given", "options")
OTHERS = {
    "the simple RNN": (simple_rnn_dropout, simple_rnn_dropout_vjp, simple_rnn, simple_rnn_vjp, RNN, {}),
    "the GRU": (gru_dropout, gru_dropout_vjp, gru, gru_vjp, GRU, {}),
    "the GRU that resets first": (
        gru_dropout, gru_dropout_vjp, gru, gru_vjp, RESET_BEFORE, {"reset_after": False}
    ),
}  # fmt: skip


@pytest.mark.parametrize(ARGUMENTS, OTHERS.values(), ids=OTHERS)
@proves(gru_dropout, gru_dropout_vjp, simple_rnn_dropout, simple_rnn_dropout_vjp, by="law")
def test_without_dropout_the_layer_remains(layer, vjp, plain, plain_vjp, given, options):
    wanted, gradients = plain(**given, **options), plain_vjp(*given.values(), GIVEN[:2], **options)
    for rates in ({}, {"rate": 0.5, "recurrent_rate": 0.5, "training": False}):
        assert_same(layer(**given, **rates, **options), wanted)
        found = vjp(*given.values(), None, None, GIVEN[:2], **rates, **options)
        assert_same(tuple(g for g in found if g is not None), tuple(g for g in gradients if g is not None))


@pytest.mark.parametrize(ARGUMENTS, OTHERS.values(), ids=OTHERS)
@proves(gru_dropout, gru_dropout_vjp, simple_rnn_dropout, simple_rnn_dropout_vjp, by="law")
def test_one_mask_of_inputs_is_dropout_before_the_layer(layer, vjp, plain, plain_vjp, given, options):
    mask = kept(BATCH, TIME, FEATURES)
    before = given | {"x": scaled(given["x"], mask)}
    (into_x, *gradients) = plain_vjp(*before.values(), GIVEN[:2], **options)
    of_gates = mask if given is RNN else mask[:, :, np.newaxis]
    assert_same(layer(**given, input_mask=of_gates, rate=0.5, **options), plain(**before, **options))
    found = vjp(*given.values(), of_gates, None, GIVEN[:2], rate=0.5, **options)
    wanted = (scaled(into_x, mask), *gradients)
    assert_same(tuple(g for g in found if g is not None), tuple(g for g in wanted if g is not None))


@proves(gru_dropout, simple_rnn_dropout, by="law")
def test_units_dropped_from_every_product_are_rows_of_the_recurrent_kernel_that_are_zero():
    mask = np.arange(UNITS) % 2 == 0
    every = np.broadcast_to(mask, (BATCH, 1, UNITS))
    for layer, plain, given in ((simple_rnn_dropout, simple_rnn, RNN), (gru_dropout, gru, GRU)):
        pruned = given | {"recurrent_kernel": scaled(given["recurrent_kernel"], mask[:, np.newaxis])}
        of_gates = every if layer is simple_rnn_dropout else every[:, :, np.newaxis]
        assert_same(layer(**given, recurrent_mask=of_gates, recurrent_rate=0.5), plain(**pruned))


@proves(gru_dropout, by="worked figures")
@pytest.mark.parametrize("reset_after", [True, False])
def test_each_gate_of_a_gru_sees_its_own_mask_and_what_it_keeps_is_not_dropped(reset_after):
    # From h = 1, with r = 1/2: z = σ(2 u m_z), n = tanh(1/2 · 2 m_n), and z of the state itself is kept.
    x, h = np.zeros((1, 1, 1)), carried(np.ones((1, 1)))
    weights = (np.zeros((1, 3)), np.array([[0.0, np.log(3.0) / 2, 1.0]]), np.zeros(3))
    inside = np.zeros(1) if reset_after else None
    for of_z, of_n in ((True, True), (True, False), (False, True), (False, False)):
        mask = np.array([[[[True], [of_z], [of_n]]]])
        y, _ = gru_dropout(x, h, *weights, inside, None, mask, recurrent_rate=0.5, reset_after=reset_after)
        z, n = 0.75 if of_z else 0.5, np.tanh(1.0) if of_n else 0.0
        assert_same(y[0, 0], [z + (1 - z) * n])


@proves(simple_rnn_dropout, by="worked figures")
def test_the_state_is_dropped_on_its_way_to_the_next_step_alone():
    x, h = carried(np.array([[[1.0], [1.0]]])), np.ones((1, 1))
    weights = (np.array([[0.5]]), np.array([[1.5]]), np.zeros(1))
    inputs, states = np.array([[[True], [False]]]), np.array([[[False], [True]]])
    y, last = simple_rnn_dropout(x, h, *weights, inputs, states, rate=0.5, recurrent_rate=0.25)
    first = np.tanh(1.0)
    assert_same(y[0, :, 0], [first, np.tanh(2.0 * first)])
    assert_same(last, y[:, 1])


def test_a_gru_has_a_recurrent_bias_where_it_resets_after():
    for reset_after, given in ((True, RESET_BEFORE), (False, GRU)):
        with pytest.raises(ValueError, match="recurrent_bias must be given where reset_after is True, and"):
            gru_dropout(**given, reset_after=reset_after)
    with pytest.raises(ValueError, match=r"recurrent_mask must have shape \(2, 3, 3, 5\)"):
        gru_dropout(**GRU, recurrent_mask=kept(BATCH, TIME, 2, UNITS), recurrent_rate=0.5)


NORMS = {"scale": (4 * UNITS,), "cell_scale": (UNITS,), "cell_bias": (UNITS,)}
NORMALIZED = LSTM | {name: carried(Stream(f"dropped/{name}").normal(shape)) for name, shape in NORMS.items()}


@proves(layer_norm_lstm_update_dropout, layer_norm_lstm_update_dropout_vjp, by="law")
@pytest.mark.parametrize("carried_on", ["cell", "normalized"])
def test_with_every_update_kept_it_is_the_layer_norm_lstm(carried_on):
    given = [*NORMALIZED.values()]
    plain = [*given[:7], None, *given[7:]]
    wanted = layer_norm_lstm(*plain, carried=carried_on)
    gradients = layer_norm_lstm_vjp(*plain, GIVEN, carried=carried_on)
    for options in ({"rate": 0.0}, {"rate": 0.5, "training": False}):
        assert_same(layer_norm_lstm_update_dropout(*given, **options, carried=carried_on), wanted)
        found = layer_norm_lstm_update_dropout_vjp(*given, None, GIVEN, **options, carried=carried_on)
        assert_same(found, (*gradients[:7], *gradients[8:]))


@proves(layer_norm_lstm_update_dropout, layer_norm_lstm_update_dropout_vjp, by="law")
def test_updates_scaled_by_open_input_gates_are_updates_kept_twice():
    # With all updates kept at rate 1/2 an input gate of one half is as good as one that is open.
    open_gate = np.repeat([0.0, 1.0, 1.0, 1.0], UNITS)
    halves, ones = (NORMALIZED | {"scale": NORMALIZED["scale"] * open_gate} for _ in range(2))
    ones = ones | {"bias": np.where(open_gate == 0, np.inf, LSTM["bias"])}
    halves = halves | {"bias": LSTM["bias"] * open_gate}
    every = np.ones((BATCH, 1, UNITS), bool)
    assert_same(
        layer_norm_lstm_update_dropout(*halves.values(), every, rate=0.5),
        layer_norm_lstm_update_dropout(*ones.values()),
    )
    through = layer_norm_lstm_update_dropout_vjp(*halves.values(), every, GIVEN, rate=0.5)
    plain = layer_norm_lstm_update_dropout_vjp(*ones.values(), None, GIVEN)
    assert_same((*through[1:3], *through[7:]), (*plain[1:3], *plain[7:]))


@proves(layer_norm_lstm_update_dropout, by="worked figures")
def test_normalized_updates_that_are_dropped_leave_the_cell_as_it_is():
    # The sums are 0 where nothing is fed in; i = g = 1 and f = 1/2, so that c = (2, 0) / 2 + (0, 2).
    x, h, c = np.zeros((1, 1, 1)), np.zeros((1, 2)), np.array([[2.0, 0.0]])
    bias = np.repeat([np.inf, 0.0, np.inf, np.inf], 2)
    weights = (np.zeros((1, 8)), np.zeros((2, 8)), bias, np.ones(8), np.full(2, 2.0), np.ones(2))
    mask = np.array([[[False, True]]])
    y, _, cell = layer_norm_lstm_update_dropout(x, h, c, *weights, mask, rate=0.5, epsilon=0.75)
    assert_same(cell, [[1.0, 2.0]])
    # Centred (-1/2, 1/2) over √(1/4 + 3/4), times 2, plus 1.
    assert_same(y[0, 0], np.tanh([0.0, 2.0]))
    _, _, cell = layer_norm_lstm_update_dropout(
        x, h, c, *weights, mask, rate=0.5, epsilon=0.75, carried="normalized"
    )
    assert_same(cell, [[0.0, 2.0]])


def test_masks_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"update_mask must have shape \(2, 3, 5\)"):
        layer_norm_lstm_update_dropout(**NORMALIZED, update_mask=kept(BATCH, TIME, 4), rate=0.5)
    with pytest.raises(ValueError, match=r"input_mask must have shape \(2, 3, 4, 4\)"):
        lstm_dropout(**LSTM, input_mask=kept(BATCH, TIME, 3, FEATURES), rate=0.5)
    with pytest.raises(ValueError, match="dropping must be 'update' or 'cell'; got 'gate'"):
        lstm_update_dropout(**LSTM, dropping="gate")
    with pytest.raises(ValueError, match=r"rate must be at least 0 and below 1; got 1\.0"):
        lstm_dropout_wrapper(**LSTM, rate=1.0)
    with pytest.raises(ValueError, match=r"c must have shape \(2, 5\)"):
        lstm_dropout(**LSTM | {"c": LSTM["c"][:1]})


# --- between layers ---

STACKED = {
    "x": LSTM["x"],
    "h": np.stack((LSTM["h"], LSTM["c"])),
    "c": np.stack((LSTM["c"], LSTM["h"])),
    "kernel": LSTM["kernel"],
    "upper_kernels": LSTM["recurrent_kernel"][np.newaxis],
    "recurrent_kernel": np.stack((LSTM["recurrent_kernel"], LSTM["recurrent_kernel"][::-1])),
    "bias": np.stack((LSTM["bias"], LSTM["bias"][::-1])),
}
OF_STACK = (GIVEN[0], *(np.stack((given, 2.0 * given)) for given in GIVEN[1:]))


def layer_of(n):
    kernels = STACKED["kernel"], STACKED["upper_kernels"][0]
    return (
        *(STACKED[name][n] for name in ("h", "c")),
        kernels[n],
        *(STACKED[name][n] for name in ("recurrent_kernel", "bias")),
    )


@proves(stacked_lstm_dropout, stacked_lstm_dropout_vjp, by="law")
def test_dropout_between_two_layers_is_dropout_between_two_layers():
    mask = kept(BATCH, TIME, UNITS)
    below, h, c = lstm(STACKED["x"], *layer_of(0))
    dropped = dropout(below, mask, rate=0.5)
    y, upper_h, upper_c = lstm(dropped, *layer_of(1))
    wanted = (y, np.stack((h, upper_h)), np.stack((c, upper_c)))
    assert_same(stacked_lstm_dropout(**STACKED, mask=mask[:, np.newaxis], rate=0.5), wanted)
    upper, lower = ((OF_STACK[0], *(g[1] for g in OF_STACK[1:])), [g[0] for g in OF_STACK[1:]])
    into, *of_upper = lstm_vjp(dropped, *layer_of(1), upper)
    (between,) = dropout_vjp(below, mask, into, rate=0.5)
    into_x, *of_lower = lstm_vjp(STACKED["x"], *layer_of(0), (between, *lower))
    found = stacked_lstm_dropout_vjp(*STACKED.values(), mask[:, np.newaxis], OF_STACK, rate=0.5)
    dh, dc, (of_kernel, of_upper_kernel), *others = zip(of_lower, of_upper, strict=True)
    assert_same(
        found,
        (into_x, np.stack(dh), np.stack(dc), of_kernel, of_upper_kernel[np.newaxis], *map(np.stack, others)),
    )


@proves(stacked_lstm_dropout, by="worked figures")
def test_only_what_the_lower_layer_gives_to_the_upper_is_dropped():
    # All gates are open but the forget gates; the upper candidate reads 1/4 of a kept h / tanh(1), doubled.
    zeros, opened = np.zeros((2, 1, 1)), [np.inf, -np.inf, np.inf, np.inf]
    upper = carried(np.array([[[0.0, 0.0, 0.25, 0.0]]])) / np.tanh(1.0)
    bias = np.array([opened, [np.inf, -np.inf, 0.0, np.inf]])
    mask = np.array([[[[True], [False]]]])
    y, h, c = stacked_lstm_dropout(
        np.zeros((1, 2, 1)), zeros, zeros, np.zeros((1, 4)), upper, np.zeros((2, 1, 4)), bias, mask, rate=0.5
    )
    assert_same(y[0, :, 0], [np.tanh(np.tanh(0.5)), 0.0])
    assert_same(h[:, 0, 0], [np.tanh(1.0), 0.0])
    assert_same(c[:, 0, 0], [1.0, 0.0])


def test_masks_between_layers_are_one_fewer_than_layers():
    with pytest.raises(ValueError, match=r"mask must have shape \(2, 1, 3, 5\)"):
        stacked_lstm_dropout(**STACKED, mask=kept(BATCH, 2, TIME, UNITS), rate=0.5)


# --- in attention ---

QUERY, KEY, VALUE = (
    carried(Stream(f"attention_dropout/{n}").normal((2, length, 3, depth)))
    for n, (length, depth) in enumerate(((4, 5), (6, 5), (6, 7)))
)


@proves(attention_dropout, attention_dropout_vjp, by="law")
def test_attention_without_dropout_is_attention():
    g = carried(Stream("attention_dropout/g").normal((2, 4, 3, 7)))
    assert_same(attention_dropout(QUERY, KEY, VALUE), dot_product_attention(QUERY, KEY, VALUE))
    plain = dot_product_attention_vjp(QUERY, KEY, VALUE, None, None, g)[:3]
    assert_same(attention_dropout_vjp(QUERY, KEY, VALUE, None, g), plain)
    nothing = np.zeros((1, 1, 4, 6), bool)
    assert_same(attention_dropout(QUERY, KEY, VALUE, nothing, rate=0.5), np.zeros((2, 4, 3, 7)))
    assert_same(
        attention_dropout(QUERY, KEY, VALUE, nothing, rate=0.5, training=False),
        dot_product_attention(QUERY, KEY, VALUE),
    )


@proves(attention_dropout, attention_dropout_vjp, by="worked figures")
def test_weights_that_are_kept_no_longer_sum_to_one():
    query, value = np.zeros((1, 1, 1, 1)), np.array([[[[1.0]], [[2.0]], [[4.0]], [[8.0]]]])
    mask, g = np.array([[[[True, False, False, True]]]]), np.ones((1, 1, 1, 1))
    assert_same(attention_dropout(query, value, value, mask, rate=0.75), [[[[9.0]]]])
    into_query, into_key, into_value = attention_dropout_vjp(query, value, value, mask, g, rate=0.75)
    assert_same(into_value[0, :, 0, 0], [1.0, 0.0, 0.0, 1.0])
    assert_same(into_key, np.zeros((1, 4, 1, 1)))
    # Σₖ w (dₖ - Σ w d) k with w = 1/4 and d = (4, 0, 0, 32): (4 - 9) + (-9) 2 + (-9) 4 + 23 · 8 over 4.
    assert_same(into_query, [[[[31.25]]]])


def test_a_mask_of_other_weights_is_refused():
    with pytest.raises(ValueError, match=r"mask must have shape \(2, 3, 4, 6\)"):
        attention_dropout(QUERY, KEY, VALUE, np.ones((2, 1, 4, 5), bool), rate=0.5)
    with pytest.raises(ValueError, match=r"key must have shape \(2, 6, 3, 5\)"):
        attention_dropout(QUERY, KEY[..., :2], VALUE)
