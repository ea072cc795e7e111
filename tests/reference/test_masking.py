"""Masks that layers pass on: worked figures, and laws that tie the average to what counts alone."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.masking import (
    LAYERS,
    WEIGHTED,
    lstm_beside_padding,
    lstm_beside_padding_vjp,
    masked_average,
    masked_average_vjp,
    masked_stack,
    masked_stack_vjp,
    masking,
    masking_vjp,
)
from assay.reference.recurrent import gru, gru_vjp, lstm, lstm_vjp

MASK = np.array([[True, False, True, True, False]])
each_layer = pytest.mark.parametrize("layer", LAYERS)


def draw(name, *shape):
    return Stream(f"masking/{name}").normal(shape)


def arrays_of(layer):
    """One sequence of five steps, or indices, and what the layer has of kernels."""
    x = None if layer == "embedding" else carried(draw("x", 1, 5, 3))
    indices = np.array([[2, 0, 1, 2, 2]]) if layer == "embedding" else None
    kernel = carried(draw("kernel", 4 if layer == "embedding" else 3, 8)) if layer in WEIGHTED else None
    return x, indices, kernel, carried(draw("recurrent", 2, 8)) if layer == "lstm" else None


@proves(masked_average, by="worked figures")
def test_average_of_worked_figures():
    # Twice 3, 5 and 10 where the mask is kept, and a step of zeros with them where it is lost.
    x, mask = np.array([[[3.0], [7.0], [5.0], [10.0]]]), np.array([[True, False, True, True]])
    kernel = np.array([[2.0]])
    assert_same(masked_average(x, None, mask, kernel), [[12.0]])
    assert_same(masked_average(x, None, mask, kernel, mask_after="lost"), [[9.0]])
    assert_same(masked_average(x, None, mask, layer="concatenate"), [[6.0, 6.0]])


@proves(masked_average_vjp, by="worked figures")
def test_gradient_of_the_average_of_worked_figures():
    x, mask = np.array([[[3.0], [7.0], [5.0], [10.0]]]), np.array([[True, False, True, False]])
    g, kernel = np.array([[4.0]]), np.array([[2.0]])
    # Half of 4 for each of two steps, times 2; for the kernel 4 times the average, 4.
    dx, dkernel, _ = masked_average_vjp(x, None, mask, kernel, None, g)
    assert_same((dx, dkernel), ([[[4.0], [0.0], [4.0], [0.0]]], [[16.0]]))
    dx, dkernel, _ = masked_average_vjp(x, None, mask, kernel, None, g, mask_after="lost")
    assert_same((dx, dkernel), ([[[2.0], [0.0], [2.0], [0.0]]], [[8.0]]))


@proves(masked_average, masked_average_vjp, by="law")
@each_layer
def test_a_kept_mask_averages_what_counts_alone(layer):
    x, indices, *kernels = arrays_of(layer)
    y = masked_average(x, indices, MASK, *kernels, layer=layer)
    shorter = [None if a is None else a[MASK][np.newaxis] for a in (x, indices)]
    every = np.ones((1, 3), dtype=bool)
    assert_same(y, masked_average(*shorter, every, *kernels, layer=layer))
    g = carried(draw("g", *y.shape))
    dx, *of_kernels = masked_average_vjp(x, indices, MASK, *kernels, g, layer=layer)
    of_shorter, *same = masked_average_vjp(*shorter, every, *kernels, g, layer=layer)
    if x is not None:
        assert_same(dx[MASK], of_shorter[0])
    for gradient, other in zip(of_kernels, same, strict=True):
        assert (gradient is None) == (other is None)
        if gradient is not None:
            assert_same(gradient, other)


@proves(masked_average, by="law")
@each_layer
def test_a_mask_of_every_step_is_the_same_kept_or_lost(layer):
    x, indices, *kernels = arrays_of(layer)
    every = np.ones((1, 5), dtype=bool)
    kept, lost = (
        masked_average(x, indices, every, *kernels, layer=layer, mask_after=after)
        for after in ("kept", "lost")
    )
    assert_same(kept, lost)


@proves(masked_average, by="law")
@pytest.mark.parametrize("layer", ["dense", "conv1d", "layer_norm", "attention", "operator"])
def test_a_lost_mask_shares_the_sum_with_masked_steps_that_give_nothing(layer):
    x, indices, *kernels = arrays_of(layer)
    kept, lost = (
        masked_average(x, indices, MASK, *kernels, layer=layer, mask_after=after)
        for after in ("kept", "lost")
    )
    assert_same(lost, kept * (3 / 5))


def test_what_does_not_fit_is_refused():
    x, kernel = draw("x", 1, 5, 3), draw("kernel", 3, 8)
    with pytest.raises(ValueError, match=r"mask must have shape \(1, 5\) = \(batch, steps\); got \(1, 4\)"):
        masked_average(x, None, MASK[:, 1:], kernel)
    with pytest.raises(ValueError, match="mask must let a step of each sequence count"):
        masked_average(x, None, ~np.ones_like(MASK), kernel)
    with pytest.raises(ValueError, match=r"layer must be one of dense, time_distributed, .*; got 'flatten'"):
        masked_average(x, None, MASK, kernel, layer="flatten")
    with pytest.raises(ValueError, match="mask_after must be kept or lost; got 'gone'"):
        masked_average(x, None, MASK, kernel, mask_after="gone")
    with pytest.raises(ValueError, match="dense takes x, which an embedding alone does not"):
        masked_average(None, None, MASK, kernel)
    with pytest.raises(ValueError, match="dense takes a kernel"):
        masked_average(x, None, MASK)
    with pytest.raises(ValueError, match="dropout takes no kernel"):
        masked_average(x, None, MASK, kernel, layer="dropout")
    with pytest.raises(ValueError, match="lstm takes a recurrent_kernel"):
        masked_average(x, None, MASK, kernel, layer="lstm")


# --- NaN in the padding ---

LENGTHS = np.array([2, 4])


def padded_lstm(padding):
    """Two sequences with this padding, and a carry and the weights of an LSTM of two units."""
    x = np.where((np.arange(4) < LENGTHS[:, None])[..., np.newaxis], draw("steps", 2, 4, 3), padding)
    shapes = {"h": (2, 2), "c": (2, 2), "kernel": (3, 8), "recurrent": (2, 8), "bias": (8,)}
    return [carried(x), *(carried(draw(name, *shape)) for name, shape in shapes.items())]


@proves(lstm_beside_padding, lstm_beside_padding_vjp, by="law")
@pytest.mark.parametrize("padding", [0.0, 1e6, np.nan])
def test_padding_is_nothing_to_a_sequence(padding):
    x, h, c, *weights = padded_lstm(padding)
    y, *carry = lstm_beside_padding(x, h, c, *weights, LENGTHS)
    g = [carried(draw(f"g{n}", *a.shape)) for n, a in enumerate((y, *carry))]
    dx, dh, dc, *of_weights = lstm_beside_padding_vjp(x, h, c, *weights, LENGTHS, tuple(g))
    assert_same(y[0, 2:], np.zeros((2, 2)))
    assert_same(dx[0, 2:], np.zeros((2, 3)))
    total = []
    for n, length in enumerate(LENGTHS):
        at = slice(n, n + 1)
        alone = lstm(x[at, :length], h[at], c[at], *weights)
        assert_same((y[at, :length], *(state[at] for state in carry)), alone)
        into = (g[0][at, :length], g[1][at], g[2][at])
        of_x, of_h, of_c, *parts = lstm_vjp(x[at, :length], h[at], c[at], *weights, into)
        assert_same((dx[at, :length], dh[at], dc[at]), (of_x, of_h, of_c))
        total.append(parts)
    for gradient, parts in zip(of_weights, zip(*total, strict=True), strict=True):
        assert_same(gradient, parts[0] + parts[1])


@proves(lstm_beside_padding, by="high precision")
def test_steps_of_zero_weights_halve_the_cell_until_the_padding():
    # Every gate is 1/2 and what it lets in is 0: a cell of 4 becomes 2, and 1 after the second step.
    x, none = np.array([[[5.0], [5.0], [np.nan]]]), np.zeros((1, 4))
    y, h, c = lstm_beside_padding(
        x, np.zeros((1, 1)), carried(np.full((1, 1), 4.0)), none, none, np.zeros(4), np.array([2])
    )
    first, second = mpmath.tanh(2) / 2, mpmath.tanh(1) / 2
    assert_same(y, [[[first], [second], [mpmath.mpf(0)]]])
    assert_same((h, c), ([[second]], [[1.0]]))


@proves(lstm_beside_padding_vjp, by="worked figures")
def test_nan_in_the_padding_spoils_its_sequence_and_all_weights_where_values_alone_are_selected():
    x, *rest = padded_lstm(np.nan)
    g = tuple(np.ones(shape) for shape in ((2, 4, 2), (2, 2), (2, 2)))
    right = lstm_beside_padding_vjp(x, *rest, LENGTHS, g)
    dx, dh, _, *of_weights = lstm_beside_padding_vjp(x, *rest, LENGTHS, g, masking="select_values")
    assert_same((dx[0], dh[0]), (np.full((4, 3), np.nan), np.full(2, np.nan)))
    assert_same((dx[1], dh[1]), (right[0][1], right[1][1]))
    for gradient in of_weights:
        assert_same(gradient, np.full(gradient.shape, np.nan))
    x = carried(np.nan_to_num(x.value))
    assert_same(lstm_beside_padding_vjp(x, *rest, LENGTHS, g, masking="select_values"), right)


def test_lengths_that_do_not_fit_are_refused():
    x, *rest = padded_lstm(0.0)
    with pytest.raises(ValueError, match=r"lengths must have shape \(2,\) = \(batch\); got \(3,\)"):
        lstm_beside_padding(x, *rest, np.array([1, 2, 3]))


@proves(masking, masking_vjp, by="worked figures")
def test_a_step_of_the_value_alone_is_padding():
    x = np.array([[[1.0, 0], [0, 0], [np.nan, 0], [5, 6]]])
    mask = np.array([[True, True, True, False]])
    y, present = masking(x, mask)
    assert_same(y, [[[1, 0], [0, 0], [np.nan, 0], [0, 0]]])
    assert_same(present * 1, [[1, 0, 1, 0]])
    assert_same(masking(x, mask, mask_value=5.0)[1] * 1, [[1, 1, 1, 0]])
    assert_same(masking_vjp(x, mask, np.ones(x.shape))[0][..., 0], [[1, 0, 1, 0]])


@proves(masking, masking_vjp, by="law")
def test_the_value_of_padding_does_not_matter():
    x, mask, g = draw("x", 2, 5, 3), np.repeat(MASK, 2, axis=0), draw("g", 2, 5, 3)
    assert_same(masking(x, mask)[0], masking(x, mask, mask_value=-1.5)[0])
    assert_same(masking(x, mask)[1] * 1, mask * 1)
    assert_same(masking_vjp(x, mask, g), masking_vjp(x, mask, g, mask_value=-1.5))


@pytest.mark.parametrize(
    ("shape", "message"), [((2, 3), "x must have the axes"), ((2, 4, 3), "mask must have shape")]
)
def test_padding_refuses_bad_input(shape, message):
    with pytest.raises(ValueError, match=message):
        masking(np.ones(shape), np.ones((2, 3), bool))


def weights_of_stack():
    shapes = {"kernel": (3, 8), "recurrent": (2, 8), "bias": (8,), "upper": (2, 6), "own": (2, 6), "b": (6,)}
    return [carried(draw(f"stack {name}", *shape)) for name, shape in shapes.items()]


@proves(masked_stack, masked_stack_vjp, by="law")
@pytest.mark.parametrize("mask_value", [0.0, -1.5])
@pytest.mark.parametrize("masked_output", ["repeat", "zero"])
def test_a_stack_over_a_masked_sequence_is_one_layer_after_the_other_over_the_shorter_sequence(
    mask_value, masked_output
):
    x, weights, rest = carried(draw("x", 1, 5, 3)), weights_of_stack(), np.zeros((1, 2))
    options = {"mask_value": mask_value, "masked_output": masked_output}
    y = masked_stack(x, MASK, *weights, **options)
    short = x[:, MASK[0]]
    below, *_ = lstm(short, rest, rest, *weights[:3])
    above, _ = gru(below, rest, *weights[3:])
    assert_same(y[:, MASK[0]], above)
    assert_same(y[:, 1], above[:, 0] if masked_output == "repeat" else 0.0 * above[:, 0])
    assert_same(masked_stack(x, MASK, *weights, return_sequences=False, **options), y[:, 4])
    g = carried(draw("into", 1, 5, 2)) * MASK[..., np.newaxis]
    dx, *of_weights = masked_stack_vjp(x, MASK, *weights, g, **options)
    into, _, *of_upper = gru_vjp(below, rest, *weights[3:], None, (g[:, MASK[0]], rest))
    of_short, _, _, *of_lower = lstm_vjp(short, rest, rest, *weights[:3], (into, rest, rest))
    assert_same(dx[:, MASK[0]], of_short)
    assert_same(dx[:, ~MASK[0]], 0.0)
    assert_same(tuple(of_weights), (*of_lower, *of_upper[:3]))


@proves(masked_stack, by="worked figures")
def test_a_stack_whose_gates_are_half_open_moves_at_the_steps_that_count():
    # Without weights but the biases of both candidates: the cell of the LSTM fills by halves of tanh 10⁴, and
    # so does the unit above, whatever the LSTM puts out.
    x, zeros = np.ones((1, 5, 3)), [0.0 * weight.value for weight in weights_of_stack()]
    zeros[5] = np.array([0.0, 0.0, 0.0, 0.0, 1e4, 1e4])
    y = masked_stack(x, MASK, *zeros)
    assert_same(y[0, :, 0], [0.5, 0.5, 0.75, 0.875, 0.875])
    zero = masked_stack(x, MASK, *zeros, masked_output="zero")
    assert_same(zero[0, :, 0], [0.5, 0.0, 0.75, 0.875, 0.0])
