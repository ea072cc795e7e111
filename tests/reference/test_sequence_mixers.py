"""Sequence mixers: loops in integers, laws of pieces and states, and bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.activations import silu
from assay.reference.sequence_mixers import causal_conv1d, causal_conv1d_vjp
from assay.specs import all_specs
from assay.specs.language.cases import cases


def integers(name, *shape):
    return Stream(f"sequence_mixers/{name}").integers(-9, 10, shape).astype(float)


X, KERNEL, BIAS, STATE = integers("x", 2, 7, 3), integers("k", 4, 3), integers("b", 3), integers("s", 2, 3, 3)


@proves(causal_conv1d, by="worked figures")
def test_three_steps_of_a_window_of_two():
    x, kernel = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1), np.array([[10.0], [1.0]])
    y, state = causal_conv1d(carried(x), carried(kernel))
    assert_same(y[0, :, 0], np.array([1.0, 12.0, 23.0]))
    assert_same(state, np.array([[[3.0]]]))
    y, _ = causal_conv1d(carried(x), carried(kernel), carried(np.array([5.0])), carried(np.array([[[4.0]]])))
    assert_same(y[0, :, 0], np.array([46.0, 17.0, 28.0]))


@proves(causal_conv1d, causal_conv1d_vjp, by="naive loop")
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7])
def test_windows_longer_than_the_piece_agree_with_a_loop(steps):
    x, g, h = X[:, :steps], integers("g", 2, steps, 3), integers("h", 2, 3, 3)
    y, of_k, of_b = np.zeros((2, steps, 3)), np.zeros((4, 3)), np.zeros(3)
    z, of_z = np.concatenate([STATE, x], axis=1), np.zeros((2, 3 + steps, 3))
    of_z[:, steps:] += h
    for b, t, c in itertools.product(range(2), range(steps), range(3)):
        y[b, t, c] += BIAS[c]
        of_b[c] += g[b, t, c]
        for w in range(4):
            y[b, t, c] += KERNEL[w, c] * z[b, t + w, c]
            of_z[b, t + w, c] += KERNEL[w, c] * g[b, t, c]
            of_k[w, c] += z[b, t + w, c] * g[b, t, c]
    given = [carried(a) for a in (x, KERNEL, BIAS, STATE)]
    assert_same(causal_conv1d(*given), (y, z[:, steps:]))
    got = causal_conv1d_vjp(*given, None, (carried(g), carried(h)))
    assert_same(got, (of_z[:, 3:], of_k, of_b, of_z[:, :3]))


@proves(causal_conv1d, by="law")
@pytest.mark.parametrize("cut", [1, 2, 5])
def test_two_pieces_with_the_state_between_them_are_the_whole(cut):
    whole, last = causal_conv1d(carried(X), carried(KERNEL), carried(BIAS), activation="silu")
    first, state = causal_conv1d(carried(X[:, :cut]), carried(KERNEL), carried(BIAS), activation="silu")
    second, end = causal_conv1d(carried(X[:, cut:]), carried(KERNEL), carried(BIAS), state, activation="silu")
    assert_same(np.concatenate([first, second], axis=1), whole)
    assert_same(end, last)


@proves(causal_conv1d, causal_conv1d_vjp, by="law")
def test_no_state_is_a_state_of_zeros_and_silu_comes_last():
    given, zeros = (carried(X), carried(KERNEL), carried(BIAS)), carried(np.zeros_like(STATE))
    assert_same(causal_conv1d(*given), causal_conv1d(*given, zeros))
    assert_same(causal_conv1d(*given, activation="silu")[0], silu(causal_conv1d(*given)[0]))
    g = carried(integers("g", 2, 7, 3)), carried(integers("h", 2, 3, 3))
    *without, nothing = causal_conv1d_vjp(*given, None, None, g)
    *with_zeros, _ = causal_conv1d_vjp(*given, zeros, None, g)
    assert nothing is None
    assert_same(tuple(without), tuple(with_zeros))


@pytest.mark.parametrize(
    ("given", "options", "complaint"),
    [
        ((X[0], KERNEL), {}, r"x must have the axes \(batch, steps, channels\)"),
        ((X, KERNEL[0]), {}, r"kernel must have the axes \(width, channels\)"),
        ((X, KERNEL[:, :2]), {}, "kernel must have 3 channels; got 2"),
        ((X, KERNEL, BIAS[:2]), {}, r"bias must have shape \(3,\) = \(channels\)"),
        ((X, KERNEL, BIAS, STATE[:, :2]), {}, r"state must have shape \(2, 3, 3\)"),
        ((X, KERNEL), {"activation": "relu"}, "activation must be none or silu; got 'relu'"),
    ],
)
def test_what_does_not_fit_is_refused(given, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        causal_conv1d(*given, **options)


# --- sequences one after the other ---


def packed_cases():
    """A case of each mixer whose sequences are packed, and begin with states of their own."""
    for spec in all_specs().values():
        if "packed" in spec.defaults:
            found = cases(spec, "standard", dtypes=["float32"])
            case = next(c for c in found if c.valid and c.names["packed"] and c.names["stateful"])
            yield pytest.param(case, id=spec.name, marks=proves(spec.reference, by="law"))


@pytest.mark.parametrize("case", list(packed_cases()))
def test_a_packed_sequence_is_what_it_is_alone(case):
    given, options = (
        {n: x.astype(float) for n, x in case.inputs().items()},
        case.spec.accepted(case.spec.reference, case.arguments),
    )
    arrays = [(i, given.get(i.name)) for i in case.spec.inputs if i.name != "sizes"]
    sizes = given["sizes"].astype(int)
    y, states = case.spec.reference(*(x if x is None else carried(x) for _, x in arrays), sizes, **options)
    row, ends = np.reshape(y, (1, -1, *y.shape[2:])), np.cumsum(sizes)
    assert set(sizes) >= {0, case.names["steps"]}
    assert_same(row[:, ends[-1] :], np.zeros(row[:, ends[-1] :].shape))
    for number, (end, size) in enumerate(zip(ends, sizes, strict=True)):
        before = given["state"][number : number + 1]
        if size:
            own = [_of_sequence(x, i.axes, end - size, size) for i, x in arrays[:-1]]
            alone, after = case.spec.reference(*own, carried(before), **options)
            assert_same(row[:, end - size : end], alone)
        assert_same(states[number : number + 1], after if size else before)


def _of_sequence(x, axes, start, size):
    """What one sequence has of an array, which has an entry for each step or is shared by all."""
    if x is None or not axes.startswith("batch, steps"):
        return x if x is None else carried(x)
    return carried(x.reshape(1, -1, *x.shape[2:])[:, start : start + size])


@pytest.mark.parametrize(
    ("sizes", "complaint"), [([1], "shape"), ([-1, 3], "negative"), ([8, 7], "above 14")]
)
def test_sizes_that_do_not_fit_are_refused(sizes, complaint):
    with pytest.raises(ValueError, match=complaint):
        causal_conv1d(X, KERNEL, BIAS, STATE, np.array(sizes))
