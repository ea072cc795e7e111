"""State spaces: loops in 40 digits, laws of pieces, steps and heads, and bad input."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.activations import silu
from assay.reference.linear_attention import gated_linear_attention
from assay.reference.state_spaces import (
    selective_scan,
    selective_scan_vjp,
    state_space_duality,
    state_space_duality_vjp,
)

STEPS, CHANNELS, STATES = 4, 2, 3


def drawn(name, *shape):
    return Stream(f"state_spaces/{name}").normal(shape)


SCAN = {
    "x": drawn("x", 1, STEPS, CHANNELS),
    "delta": drawn("δ", 1, STEPS, CHANNELS),
    "a": -np.abs(drawn("a", CHANNELS, STATES)),
    "b": drawn("b", 1, STEPS, STATES),
    "c": drawn("c", 1, STEPS, STATES),
    "d": drawn("d", CHANNELS),
    "z": drawn("z", 1, STEPS, CHANNELS),
    "bias": drawn("bias", CHANNELS),
    "state": drawn("h", 1, CHANNELS, STATES),
}
SEQUENCES = {"x", "delta", "b", "c", "z"}
DUALITY = {
    "x": drawn("X", 1, STEPS, 4, 2),
    "delta": drawn("Δ", 1, STEPS, 4),
    "a": -np.abs(drawn("A", 4)),
    "b": drawn("B", 1, STEPS, 2, STATES),
    "c": drawn("C", 1, STEPS, 2, STATES),
    "d": drawn("D", 4),
    "bias": drawn("Bias", 4),
    "state": drawn("H", 1, 4, 2, STATES),
}


def exactly(given):
    """The numbers of arrays in 40 digits."""
    return {name: np.frompyfunc(mpmath.mpf, 1, 1)(array) for name, array in given.items()}


@proves(selective_scan, by="high precision")
def test_the_scan_agrees_with_loops_in_40_digits():
    with mpmath.workdps(40):
        e = exactly(SCAN)
        y, held = np.full(SCAN["x"].shape, mpmath.mpf(0), dtype=object), e["state"]
        for t, n in itertools.product(range(STEPS), range(CHANNELS)):
            size = mpmath.log1p(mpmath.exp(e["delta"][0, t, n] + e["bias"][n]))
            for s in range(STATES):
                taken = size * e["x"][0, t, n] * e["b"][0, t, s]
                held[0, n, s] = mpmath.exp(size * e["a"][n, s]) * held[0, n, s] + taken
                y[0, t, n] += e["c"][0, t, s] * held[0, n, s]
            z = e["z"][0, t, n]
            y[0, t, n] = (y[0, t, n] + e["d"][n] * e["x"][0, t, n]) * z / (1 + mpmath.exp(-z))
        assert_same(selective_scan(**carried(SCAN)), (y, held))


@proves(state_space_duality, by="high precision")
def test_the_duality_agrees_with_loops_in_40_digits():
    with mpmath.workdps(40):
        e = exactly(DUALITY)
        y, held = np.full(DUALITY["x"].shape, mpmath.mpf(0), dtype=object), e["state"]
        for t, h, p in itertools.product(range(STEPS), range(4), range(2)):
            size = mpmath.log1p(mpmath.exp(e["delta"][0, t, h] + e["bias"][h]))
            y[0, t, h, p] = e["d"][h] * e["x"][0, t, h, p]
            for s in range(STATES):
                taken = size * e["x"][0, t, h, p] * e["b"][0, t, h // 2, s]
                held[0, h, p, s] = mpmath.exp(size * e["a"][h]) * held[0, h, p, s] + taken
                y[0, t, h, p] += e["c"][0, t, h // 2, s] * held[0, h, p, s]
        assert_same(state_space_duality(**carried(DUALITY)), (y, held))


@proves(selective_scan, by="worked figures")
def test_three_steps_that_keep_half():
    sequence, one = np.array([8.0, 4.0, 2.0]).reshape(1, 3, 1), np.ones((1, 3, 1))
    given = {"x": sequence, "delta": one, "a": np.log([[0.5]]), "b": one, "c": one, "d": np.array([10.0])}
    y, state = selective_scan(**carried(given), softplus=False)
    assert_same(y[0, :, 0], np.array([88.0, 48.0, 26.0]))
    assert_same(state[0], np.array([[6.0]]))


@proves(state_space_duality, by="law")
def test_the_duality_is_linear_attention_of_steps():
    x, delta, a, b, c = (carried(DUALITY[name]) for name in ("x", "delta", "a", "b", "c"))
    size = np.logaddexp(delta, 0.0)
    key, query = (np.repeat(array, 2, axis=2) for array in (b, c))
    y, state = gated_linear_attention(query, key, size[..., np.newaxis] * x, size * a, scale=1.0)
    assert_same(state_space_duality(x, delta, a, b, c), (y, np.swapaxes(state, -1, -2)))


@proves(selective_scan, by="law")
def test_a_scan_of_one_decay_to_each_channel_is_a_duality_of_heads_of_one_feature():
    same = SCAN | {"a": np.repeat(SCAN["a"][:, :1], STATES, axis=1)}
    y, state = selective_scan(**carried({n: x for n, x in same.items() if n != "z"}))
    one = {name: same[name][..., np.newaxis] for name in ("x", "state")}
    one["state"] = np.swapaxes(one["state"], -1, -2)
    shared = {name: same[name][:, :, np.newaxis] for name in ("b", "c")}
    others = {name: same[name] for name in ("delta", "d", "bias")}
    wanted, after = state_space_duality(**carried(one | shared | others), a=carried(same["a"][:, 0]))
    assert_same(y, wanted[..., 0])
    assert_same(state, after[:, :, 0])


@proves(selective_scan, state_space_duality, by="law")
@pytest.mark.parametrize("cut", [1, 3])
def test_two_pieces_with_the_state_between_them_are_the_whole(cut):
    for mixer, given in ((selective_scan, SCAN), (state_space_duality, DUALITY)):
        whole, last = mixer(**carried(given))
        first = {name: x[:, :cut] if name in SEQUENCES else x for name, x in given.items()}
        second = {name: x[:, cut:] if name in SEQUENCES else x for name, x in given.items()}
        before, state = mixer(**carried(first))
        behind, end = mixer(**carried(second) | {"state": state})
        assert_same(np.concatenate([before, behind], axis=1), whole)
        assert_same(end, last)


@proves(selective_scan, selective_scan_vjp, by="law")
def test_the_gate_comes_last_and_a_bias_is_added_to_each_step():
    without = {name: x for name, x in SCAN.items() if name not in ("z", "bias")}
    without["delta"] = carried(SCAN["delta"]) + carried(SCAN["bias"])
    given = {name: x if name == "delta" else carried(x) for name, x in without.items()}
    y, state = selective_scan(**given)
    assert_same(selective_scan(**carried(SCAN)), (y * silu(carried(SCAN["z"])), state))
    g = carried(drawn("gy", 1, STEPS, CHANNELS)), carried(drawn("gs", 1, CHANNELS, STATES))
    arrays = list(carried({**SCAN, "z": np.ones((1, STEPS, CHANNELS))}).values())
    arrays[6] = None
    of_bias = selective_scan_vjp(*arrays, None, g)[7]
    of_delta = selective_scan_vjp(*arrays, None, g)[1]
    assert_same(of_bias, np.sum(of_delta, axis=(0, 1)))


@proves(state_space_duality, state_space_duality_vjp, by="law")
def test_a_group_has_the_gradients_of_all_its_heads():
    wide = DUALITY | {name: np.repeat(DUALITY[name], 2, axis=2) for name in ("b", "c")}
    assert_same(state_space_duality(**carried(DUALITY)), state_space_duality(**carried(wide)))
    g = carried(drawn("GY", 1, STEPS, 4, 2)), carried(drawn("GS", 1, 4, 2, STATES))
    got = state_space_duality_vjp(*carried(DUALITY).values(), None, g)
    wanted = list(state_space_duality_vjp(*carried(wide).values(), None, g))
    for place in (3, 4):
        wanted[place] = np.sum(wanted[place].reshape(1, STEPS, 2, 2, STATES), axis=3)
    assert_same(got, tuple(wanted))


@pytest.mark.parametrize(
    ("mixer", "wrong", "complaint"),
    [
        (selective_scan, {"x": SCAN["x"][0]}, r"x must have the axes \(batch, steps, channels\)"),
        (selective_scan, {"x": SCAN["x"][:, :0]}, "x must have at least one step"),
        (selective_scan, {"b": SCAN["b"][:, :2]}, r"b must have shape \(1, 4, 3\)"),
        (selective_scan, {"a": SCAN["a"][:1]}, r"a must have shape \(2, 3\)"),
        (selective_scan, {"state": SCAN["state"][..., :1]}, r"state must have shape \(1, 2, 3\)"),
        (
            state_space_duality,
            {"x": DUALITY["x"][0]},
            r"x must have the axes \(batch, steps, heads, features\)",
        ),
        (state_space_duality, {"x": DUALITY["x"][:, :0]}, "x must have at least one step"),
        (state_space_duality, {"x": DUALITY["x"][:, :, :3]}, "heads of x must be a multiple of 2; got 3"),
        (state_space_duality, {"c": DUALITY["c"][..., :1]}, r"c must have shape \(1, 4, 2, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(mixer, wrong, complaint):
    given = SCAN if mixer is selective_scan else DUALITY
    with pytest.raises(ValueError, match=complaint):
        mixer(**given | wrong)
