"""Causes that a check tells: each is what a kernel does wrong, and where none explains a kernel none is told.

Beside each kernel stands what was once told of it, or of its like, and was wrong.
"""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

import assay
from assay.specs import all_specs

SPECS = all_specs()


def wide(array):
    return None if array is None else array if array.dtype.kind in "biu" else array.astype(np.float64)


def right(spec, *arrays, **parameters):
    """What the reference gives, computed in float64 and rounded once."""
    kept = next(a.dtype for a in arrays if a is not None and a.dtype.kind not in "biu")
    function = SPECS[spec].reference
    with np.errstate(all="ignore"):
        found = function(*map(wide, arrays), **SPECS[spec].accepted(function, parameters))
    outputs = found if isinstance(found, tuple) else (found,)
    rounded = tuple(np.asarray(y).astype(kept) for y in outputs)
    return rounded if isinstance(found, tuple) else rounded[0]


def findings(kernel, spec, *cases, **options):
    ids = [case if "/" in case else f"{spec}/default/float32/normal/{case}" for case in cases]
    report = assay.check(kernel, spec, fooled=False, cases=ids, **options)
    return {finding.check: finding for finding in report.data.findings}


def causes(kernel, spec, *cases, **options):
    return " ".join(findings(kernel, spec, *cases, **options)["values"].causes)


def in_bfloat16(array):
    return array.astype(ml_dtypes.bfloat16).astype(np.float64)


# --- masks, windows and padding, off by one ---


def attention_further(further):
    """Attention whose causal mask lets so many keys more through, and sums that are 0 / 0 of none."""

    def kernel(query, key, value, bias, mask, *, causal):
        scores = np.einsum("bqhd,bkhd->bhqk", wide(query), wide(key)) / math.sqrt(query.shape[-1])
        queries, keys = scores.shape[-2:]
        last = further + (keys - queries if causal == "bottom_right" else 0)
        seen = np.arange(keys) <= np.arange(queries)[:, None] + last
        seen = seen if mask is None else seen & mask
        with np.errstate(all="ignore"):
            top = np.where(seen, scores, -np.inf).max(-1, keepdims=True)
            weights = np.where(seen, np.exp(scores - np.where(np.isfinite(top), top, 0)), 0)
            weights = weights / weights.sum(-1, keepdims=True)
        return np.einsum("bhqk,bkhv->bqhv", weights, wide(value)).astype(query.dtype)

    return kernel


@pytest.mark.parametrize("causal", ["top_left", "bottom_right"])
@pytest.mark.parametrize(
    ("further", "told"), [(1, "sees the key after its own"), (-1, "does not see its own key")]
)
def test_a_causal_mask_off_by_one_is_a_cause_of_its_own(causal, further, told):
    """Once “not scaled”, where a single row tells little."""
    sizes = "2x5x6x2x4x3", "1x7x9x1x8x4"
    options = [f"dot_product_attention/causal={causal}/float32/normal/{size}" for size in sizes]
    told_of = findings(attention_further(further), "dot_product_attention", *options, causal=causal)
    told_by = " ".join(cause for finding in told_of.values() for cause in finding.causes)
    assert f"the causal mask is off by one: a query {told}" in told_by
    assert "scaled" not in told_by


def causal_conv(change):
    def kernel(x, kernel, bias, *, strides, dilation, padding, groups):
        options = {"strides": strides, "dilation": dilation, "groups": groups}
        reach = (kernel.shape[0] - 1) * dilation[0]
        return (
            change(x, kernel, bias, reach, options)
            if padding == "causal"
            else right("conv1d", x, kernel, bias, padding=padding, **options)
        )

    return kernel


def ahead(x, kernel, bias, reach, options):
    y = right("conv1d", x, kernel, bias, padding=((reach, 1),), **(options | {"strides": (1,)}))
    return y[:, 1 :: options["strides"][0]]


def late(x, kernel, bias, reach, options):
    shifted = np.concatenate([np.zeros_like(x[:, :1]), x[:, :-1]], axis=1)
    return right("conv1d", shifted, kernel, bias, padding="causal", **options)


def undilated(x, kernel, bias, reach, options):
    low = kernel.shape[0] - 1
    return right("conv1d", x, kernel, bias, padding=((low, reach - low),), **options)


def centred(x, kernel, bias, reach, options):
    return right("conv1d", x, kernel, bias, padding="same", **options)


CAUSAL = {
    ahead: "the causal padding is off by one: a window ends after its own place",
    late: "the causal padding is off by one: a window ends before its own place",
    undilated: "the causal padding leaves dilation out",
    centred: "it computes padding=same: none, so many that as many windows fit as strides do",
}


@pytest.mark.parametrize("change", CAUSAL)
def test_one_cause_is_told_of_a_causal_convolution(change):
    """Once three wrong options before the right one: “same”, “same_lower” and a fault like either."""
    case = "conv1d/strides=2,dilation=2,padding=causal/float32/normal/3x17x4x6x3"
    (cause,) = findings(causal_conv(change), "conv1d", case)["values"].causes
    assert CAUSAL[change] in cause


def padded_on_the_other_side(x, kernel, bias, *, strides, padding, dilation, groups):
    other = {"same": "same_lower", "same_lower": "same"}.get(padding, padding)
    return right("conv2d", x, kernel, bias, strides=strides, padding=other, dilation=dilation, groups=groups)


def test_a_side_of_padding_taken_for_the_other_is_told():
    case = "conv2d/padding=same/float32/normal/2x7x9x4x6x3x2"
    assert "padding" in causes(padded_on_the_other_side, "conv2d", case)


@pytest.mark.parametrize(("change", "told"), [(-1, "short"), (1, "long")])
@pytest.mark.parametrize("spec", ["max_pool2d", "avg_pool2d"])
def test_windows_off_by_one_are_told(spec, change, told):
    def kernel(x, *, window, strides):
        wanted = right(spec, x, window=window, strides=strides, padding="valid")
        other = (window[0], window[1] + change)
        y = right(spec, x, window=other, strides=strides, padding=((0, 0), (0, max(change, 0))))
        return y[:, : wanted.shape[1], : wanted.shape[2]]

    assert f"windows are one tap too {told} along width" in causes(kernel, spec, "2x9x10x33")


# --- roundings ---


def cell_in_bfloat16(x, h, c, kernel, recurrent_kernel, bias):
    h, c, steps = wide(h), wide(c), []
    for step in wide(x).swapaxes(0, 1):
        gates = step @ wide(kernel) + h @ wide(recurrent_kernel) + (0 if bias is None else wide(bias))
        i, f, g, o = np.split(gates, 4, -1)
        c = in_bfloat16(c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i)))
        h = np.tanh(c) / (1 + np.exp(-o))
        steps.append(h)
    return tuple(y.astype(np.float32) for y in (np.stack(steps, 1), h, c))


def hidden_in_bfloat16(x, h, kernel, recurrent_kernel, bias, recurrent_bias):
    steps = []
    for step in range(x.shape[1]):
        _, h = right("gru", x[:, step : step + 1], h, kernel, recurrent_kernel, bias, recurrent_bias)
        h = in_bfloat16(h).astype(np.float32)
        steps.append(h)
    return np.stack(steps, 1), h


def test_a_state_kept_in_a_half_type_is_a_cause():
    """Once “tf32”, which explains whatever errs as little."""
    assert causes(cell_in_bfloat16, "lstm", "3x4x7x5") == (
        "it gives what the fault “the cell kept in bfloat16” gives"
    )
    assert "the hidden state kept in bfloat16" in causes(hidden_in_bfloat16, "gru", "3x4x7x5")


#: Winograd's F(6, 3) at the points 0, ±1, ±2 and ±1/2, and infinity: outputs, taps and inputs.
OF_OUTPUTS = np.array(
    [[p**power for p in (0, 1, -1, 2, -2, 0.5, -0.5)] + [power == 5] for power in range(6)], np.float32
)


def winograd(x, kernel, bias, *, padding):
    """F(6, 3) along the width, in float32; other windows as they should be."""
    if kernel.shape[:2] != (1, 3) or padding != "valid":
        return right("conv2d", x, kernel, bias, padding=padding)
    points = [0, 1, -1, 2, -2, 0.5, -0.5]
    taps, inputs = np.zeros((8, 3)), np.zeros((8, 8))
    for place, point in enumerate(points):
        others = [p for p in points if p != point]
        taps[place] = np.power(float(point), range(3)) / np.prod([point - p for p in others])
        inputs[place, :7] = np.poly(others)[::-1]
    taps[7, 2], inputs[7] = 1, np.poly(points)[::-1]
    taps, inputs = taps.astype(np.float32), inputs.astype(np.float32)
    width = x.shape[2] - 2
    more = np.pad(x, ((0, 0), (0, 0), (0, -width % 6), (0, 0)))
    tiles = [more[:, :, start : start + 8] for start in range(0, width, 6)]
    products = [
        np.einsum("pi,bhic->bhpc", inputs, tile)[..., None] * np.einsum("pt,tcf->pcf", taps, kernel[0])
        for tile in tiles
    ]
    outputs = [np.einsum("op,bhpcf->bhof", OF_OUTPUTS, product) for product in products]
    y = np.concatenate(outputs, axis=2)[:, :, :width]
    return (y if bias is None else y + bias).astype(x.dtype)


def test_errors_that_tf32_would_explain_but_does_not_make_are_not_laid_to_it():
    """Winograd's errors are as small as those of TF32, and others."""
    case = "conv2d/default/float32/wide/2x7x14x4x6x1x3"
    finding = findings(winograd, "conv2d", case)["values"]
    assert not any("tf32" in cause for cause in finding.causes)


@pytest.mark.parametrize("added", [0x1000, 0])
def test_inputs_rounded_to_tf32_or_cut_to_it_are_told(added):
    def shortened(array):
        bits = (np.ascontiguousarray(array).view(np.uint32) + np.uint32(added)) & np.uint32(0xFFFFE000)
        return bits.view(np.float32)

    def kernel(x, kernel, bias, *, padding):
        return right("conv2d", shortened(x), shortened(kernel), bias, padding=padding)

    assert "rounding as in the profile tf32" in causes(kernel, "conv2d", "2x7x9x4x6x3x2")


# --- losses ---


def without_even_share(logits, targets, class_weights, *, reduction, label_smoothing):
    sharp = right("softmax_cross_entropy", logits, targets, class_weights, reduction=reduction)
    return (sharp * (1 - label_smoothing)).astype(logits.dtype)


def to_the_others(logits, targets, class_weights, *, reduction, label_smoothing):
    share = label_smoothing * logits.shape[-1] / max(logits.shape[-1] - 1, 1)
    options = {"reduction": reduction, "label_smoothing": share}
    return right("softmax_cross_entropy", logits, targets, class_weights, **options)


@pytest.mark.parametrize(
    ("kernel", "told"),
    [
        (without_even_share, "the even share of the smoothing is missing"),
        (to_the_others, "the smoothing goes to the other classes alone"),
    ],
)
def test_a_term_of_the_smoothing_is_told(kernel, told):
    """Once “sum for the mean”, as a single number differs by a factor in any way."""
    case = "softmax_cross_entropy/label_smoothing=0.1/float32/normal/5x3x7"
    assert causes(kernel, "softmax_cross_entropy", case) == f"it gives what the fault “{told}” gives"


def mean_over_a_power_of_two(predictions, targets, *, reduction):
    total = np.square(wide(predictions) - wide(targets))
    if reduction != "mean":
        return right("mean_squared_error", predictions, targets, reduction=reduction)
    return (total.sum() / (1 << (len(total) - 1).bit_length()) / total[0].size).astype(predictions.dtype)


def test_a_mean_over_the_padded_length_is_told():
    told = causes(mean_over_a_power_of_two, "mean_squared_error", sized("mean_squared_error"))
    assert "up to a power of two" in told


def sized(spec):
    """The first size of a spec, as ids write it."""
    return "x".join(map(str, SPECS[spec].sizes[0]))


def test_an_ignored_label_that_counts_is_told():
    def kernel(logits, labels, class_weights, *, reduction, ignored):
        given = {"reduction": reduction, "ignored": ignored}
        if reduction != "mean":
            return right("sparse_softmax_cross_entropy", logits, labels, class_weights, **given)
        given["reduction"] = "sum"
        total = right("sparse_softmax_cross_entropy", logits, labels, class_weights, **given)
        weights = 1 if class_weights is None else wide(class_weights)[labels].mean()
        return (total / (weights * labels.size)).astype(logits.dtype)

    case = "sparse_softmax_cross_entropy/ignored=0/float32/normal/5x3x7"
    assert "all rows" in causes(kernel, "sparse_softmax_cross_entropy", case)


# --- statistics ---


def moments(x, axes, lanes_in_variance, width):
    x, count = wide(x), math.prod(x.shape[a] for a in axes)
    block = 1 << (count - 1).bit_length()
    mean = x.sum(axes, keepdims=True) / (block if width else count)
    squares = np.square(x - mean).sum(axes, keepdims=True)
    squares = squares + (block - count) * np.square(mean) * lanes_in_variance
    return mean, squares / (block if width else count)


def affine(y, scale, bias, dtype):
    y = y if scale is None else y * wide(scale)
    return (y if bias is None else y + wide(bias)).astype(dtype)


@pytest.mark.parametrize(
    ("width", "told"),
    [(False, "lanes of padding counted in the variance"), (True, "width of the block taken")],
)
@pytest.mark.parametrize("spec", ["layer_norm", "group_norm", "instance_norm"])
def test_lanes_of_padding_in_a_statistic_are_told(spec, width, told):
    def normalized(x, axes, epsilon):
        mean, variance = moments(x, axes, not width, width)
        return (wide(x) - mean) / np.sqrt(variance + epsilon)

    def of_layers(x, scale, bias, *, epsilon):
        axes = (-1,) if spec == "layer_norm" else tuple(range(1, x.ndim - 1))
        return affine(normalized(x, axes, epsilon), scale, bias, x.dtype)

    def of_groups(x, scale, bias, *, groups, epsilon):
        grouped = x.reshape(*x.shape[:-1], groups, -1)
        axes = (*range(1, grouped.ndim - 2), grouped.ndim - 1)
        return affine(normalized(grouped, axes, epsilon).reshape(x.shape), scale, bias, x.dtype)

    kernel = of_groups if spec == "group_norm" else of_layers
    assert f"{told}" in causes(kernel, spec, sized(spec))
    assert "up to a power of two" in causes(kernel, spec, sized(spec))


def test_lanes_of_zeros_in_any_sum_are_told():
    def log_softmax(x, *, axis):
        block = np.zeros((len(x), 1 << (x.shape[1] - 1).bit_length()))
        block[:, : x.shape[1]] = x
        return right("log_softmax", block.astype(x.dtype), axis=1)[:, : x.shape[1]]

    told = causes(log_softmax, "log_softmax", "3x17", axis=-1)
    assert (
        told
        == "it gives what the fault “lanes of padding counted along features, up to a power of two” gives"
    )


@pytest.mark.parametrize("spec", ["layer_norm", "rms_norm"])
def test_epsilon_squared_is_told_from_none(spec):
    """Once “epsilon of 0” and “epsilon as a floor”, which give the same on ordinary numbers."""

    def kernel(*arrays, epsilon):
        return right(spec, *arrays, epsilon=epsilon**2)

    def of_norm(x, scale, bias, *, epsilon):
        return kernel(x, scale, bias, epsilon=epsilon)

    def of_root(x, scale, *, epsilon):
        return kernel(x, scale, epsilon=epsilon)

    told = causes(of_norm if spec == "layer_norm" else of_root, spec, "3x2x17")
    assert told == "it gives what the fault “epsilon squared” gives"


# --- races, and memory ---


def softmax(x, *, axis):
    return right("softmax", x, axis=axis)


_calls = {"count": 0}


def every_other_call(x, *, axis):
    """As a race may do whose timing goes with the calls."""
    y = softmax(x, axis=axis)
    _calls["count"] += 1
    y[..., -1:] *= x.dtype.type(1 - _calls["count"] % 2 / 2)
    return y


def at_random(x, *, axis):
    y = softmax(x, axis=axis)
    _calls["count"] = (_calls["count"] * 1103515245 + 12345) % 2**31
    y[..., -1:] *= x.dtype.type(0.25 + _calls["count"] / 2**33)
    return y


@pytest.mark.parametrize("kernel", [every_other_call, at_random])
def test_a_race_is_told_for_what_it_is(kernel):
    """Once “reads past the end of an input”."""
    found = findings(kernel, "softmax", "3x17", "2x5", "4x9")
    assert "written" not in found
    (cause,) = found["values"].causes
    assert "calls on the same inputs give different results" in cause


def from_a_workspace(x, *, axis):
    """A workspace that was never cleared, of which as much is added as counts for something."""
    workspace = np.empty(x.shape, x.dtype)
    with np.errstate(all="ignore"):
        return softmax(x, axis=axis) + np.where(np.abs(workspace) > 1e-3, x.dtype.type(1), 0)


def test_memory_that_was_never_written_is_told_from_what_lies_behind_an_array():
    found = findings(from_a_workspace, "softmax", "3x17", "2x5")
    assert "in memory that it took: it reads what it never wrote" in found["written"].message


# --- what is no number ---


def off_by_one_percent_and_nan(x, scale, bias, *, epsilon):
    y = right("layer_norm", x, scale, bias, epsilon=epsilon) * np.float32(1.01)
    return np.where(np.abs(x) > 1.5, np.float32(np.nan), y).astype(x.dtype)


def test_special_values_hide_no_plain_finding():
    found = findings(off_by_one_percent_and_nan, "layer_norm", "3x2x17")
    assert set(found) == {"values", "special values"}
    assert "beside what is no number" in found["values"].message
    assert "all are off by one factor: 1.01" in found["values"].patterns
    assert "off by 1 %" in " ".join(found["values"].causes)


# --- none ---


def test_no_cause_is_told_that_a_further_question_refutes():
    """On the case that fails it gives what another option gives; the same option at other sizes passes."""

    def kernel(x, *, axis):
        return right("softmax", x, axis=0 if x.shape == (3, 17) else axis)

    assert findings(kernel, "softmax", "3x17")["values"].causes == ()


def test_no_cause_is_told_of_what_none_explains():
    def kernel(x, *, axis):
        y = softmax(x, axis=axis)
        return y * (1 + np.float32(0.25) * np.sin(np.arange(y.size, dtype=np.float32)).reshape(y.shape))

    assert findings(kernel, "softmax", "3x17", "2x5")["values"].causes == ()


@pytest.mark.parametrize("block", [16, 32, 64])
def test_the_width_of_a_block_is_told(block):
    """At 17 channels several widths are the same."""

    def of_root(x, scale, *, epsilon):
        count = -(-x.shape[-1] // block) * block
        y = wide(x) / np.sqrt(np.square(wide(x)).sum(-1, keepdims=True) / count + epsilon)
        return affine(y, scale, None, x.dtype)

    assert causes(of_root, "rms_norm", "3x2x17").endswith(f"up to a multiple of {block}” gives")


def test_special_values_are_explained_beside_what_is_plainly_wrong():
    def kernel(x, *, axis):
        with np.errstate(all="ignore"):
            y = np.exp(x) / np.exp(x).sum(axis, keepdims=True)
            return y * (1 + np.float32(0.25) * np.sin(np.arange(y.size, dtype=np.float32)).reshape(y.shape))

    found = findings(kernel, "softmax", "3x17", "softmax/default/float32/wide/3x17")
    assert found["values"].causes == ()
    assert "no maximum subtracted" in " ".join(found["special values"].causes)
