"""Kinds of faults that kernels have, an adversary for each: what a reviewer of kernels sees, a check sees.

Every adversary is right on ordinary numbers of ordinary size in ordinary memory.
"""

from __future__ import annotations

import ctypes
import time
from collections import Counter
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import assay
from assay.adapters.kernel.function import find_function
from assay.specs import all_specs

SPECS = all_specs()


def found(kernel, spec, **options):
    data = assay.check(kernel, spec, **{"shrink": False, "fooled": False} | options).data
    return {finding.check: finding for finding in data.findings}, data


def wide(array):
    return None if array is None else array if array.dtype.kind in "biu" else array.astype(np.float64)


def reference(spec, **fixed):
    """The reference of a spec, in float64 inside, as a kernel."""
    function = SPECS[spec].reference

    def kernel(*arrays, **parameters):
        kept = next(a.dtype for a in arrays if a is not None and a.dtype.kind not in "biu")
        taken = SPECS[spec].accepted(function, parameters)
        with np.errstate(all="ignore"):
            return np.asarray(function(*map(wide, arrays), **taken, **fixed)).astype(kept)

    return kernel


def gradient(spec, **fixed):
    """The vector-Jacobian product of a spec, in float64 inside."""
    function, count = SPECS[spec].vjp, len(SPECS[spec].inputs)

    def vjp(*arrays, **parameters):
        inputs, cotangents = map(wide, arrays[:count]), tuple(map(wide, arrays[count:]))
        taken = SPECS[spec].accepted(function, parameters)
        given = cotangents if len(cotangents) > 1 else cotangents[0]
        with np.errstate(all="ignore"):
            gradients = function(*inputs, given, **taken, **fixed)
        return tuple(g.astype(arrays[-1].dtype) for g in gradients if g is not None)

    return vjp


silu = reference("silu")


def softmax(x, *, axis):
    return reference("softmax")(x, axis=axis)


def softmax_vjp(x, cotangent, *, axis):
    return gradient("softmax")(x, cotangent, axis=axis)


layer_norm, layer_norm_vjp = reference("layer_norm"), gradient("layer_norm")


def dense_view(array):
    """What a kernel sees that takes a pointer and a shape, and forgets the strides."""
    pointer = ctypes.cast(array.ctypes.data, ctypes.POINTER(ctypes.c_float))
    return np.ctypeslib.as_array(pointer, (max(array.size, 1),))[: array.size].reshape(array.shape).copy()


# --- the backward pass is a call like the other ---


def into_its_cotangent(x, cotangent, *, axis):
    cotangent *= 1  # in place: the sum below is taken of what it wrote
    found = softmax_vjp(x, cotangent, axis=axis)
    cotangent[...] = found[0]
    return found


def into_its_input(x, cotangent, *, axis):
    found = softmax_vjp(x, cotangent, axis=axis)
    x[...] = found[0]
    return found


def without_strides(x, cotangent, *, axis):
    return softmax_vjp(x, dense_view(cotangent), axis=axis)


def last_unwritten(x, cotangent, *, axis):
    found, right = np.empty_like(x), softmax_vjp(x, cotangent, axis=axis)[0]
    found[..., :-1] = right[..., :-1]
    return (found,)


def behind_its_cotangent(x, cotangent, *, axis):
    if cotangent.flags.c_contiguous:
        ctypes.memset(cotangent.ctypes.data + cotangent.nbytes, 0, cotangent.itemsize)
    return softmax_vjp(x, cotangent, axis=axis)


_buffers = {}


def the_same_buffer(x, cotangent, *, axis):
    buffer = _buffers.setdefault(x.shape, np.empty(x.shape, x.dtype))
    buffer[...] = softmax_vjp(x, cotangent, axis=axis)[0]
    return (buffer,)


def saving(x, *, axis):
    _buffers["y"] = softmax(x, axis=axis)
    return _buffers["y"].copy()


def from_what_was_saved(x, cotangent, *, axis):
    """The workspace of the last forward pass, whosoever that was."""
    y = _buffers["y"].astype(np.float64)
    wide = cotangent.astype(np.float64)
    return ((y * (wide - (y * wide).sum(axis, keepdims=True))).astype(x.dtype),)


BACKWARD = {
    "into_its_cotangent": (into_its_cotangent, "inputs", "changes the cotangent of y in the backward pass"),
    "into_its_input": (into_its_input, "inputs", "changes its input x in the backward pass"),
    "without_strides": (without_strides, "backward", "gradient of x"),
    "last_unwritten": (last_unwritten, "written", "gradient of x[0, 16] still holds"),
    "behind_its_cotangent": (
        behind_its_cotangent,
        "bounds",
        "outside of cotangent of y in the backward pass",
    ),
    "the_same_buffer": (the_same_buffer, "ownership", "a call in the backward pass changed"),
}


@pytest.mark.parametrize("name", BACKWARD)
def test_a_backward_pass_is_watched_as_the_forward_pass_is(name):
    vjp, check, words = BACKWARD[name]
    kinds = ("", "@cotangents-strided", "@cotangents-broadcast")
    cases = [f"softmax/axis=0/float32/normal/{size}{kind}" for size in ("3x17", "2x5") for kind in kinds]
    findings, _ = found(softmax, "softmax", vjp=vjp, cases=cases)
    assert set(findings) == {check}
    assert words in findings[check].message


def test_what_was_saved_for_the_backward_pass_must_outlast_another_forward_pass():
    case = "softmax/default/float32/normal/3x17"
    findings, _ = found(saving, "softmax", vjp=from_what_was_saved, cases=[case])
    assert "a second forward pass before the backward one changes" in findings["backward"].message


@pytest.mark.parametrize("layout", ["strided", "transposed", "pitched", "broadcast"])
def test_every_layout_of_cotangents_is_asked(layout):
    _, data = found(softmax, "softmax", vjp=without_strides)
    assert f"softmax/default/float32/normal/3x17@cotangents-{layout}" in data.asked
    findings, _ = found(
        softmax,
        "softmax",
        vjp=without_strides,
        cases=[f"softmax/default/float32/normal/3x17@cotangents-{layout}"],
    )
    assert set(findings) == {"backward"}


def test_outputs_are_differentiated_one_at_a_time():
    name = "interval_dense"
    spec = (
        SPECS[name]
        if name in SPECS
        else next(s for s in SPECS.values() if len(s.outputs) == 2 and not s.recover)
    )
    right = gradient(spec.name)

    def first_decides(*arrays, **parameters):
        """Nothing to do where the first cotangent is 0."""
        gradients = right(*arrays, **parameters)
        return gradients if np.any(arrays[len(spec.inputs)]) else tuple(0 * g for g in gradients)

    def forward(*arrays, **parameters):
        kept = arrays[0].dtype
        outputs = spec.reference(*map(wide, arrays), **spec.accepted(spec.reference, parameters))
        return tuple(y.astype(kept) for y in outputs)

    assert found(forward, spec.name, vjp=right, sizes="smoke")[1].passed
    findings, _ = found(forward, spec.name, vjp=first_decides, sizes="smoke")
    assert set(findings) == {"backward"}
    assert findings["backward"].probe.endswith(f"@only-{spec.outputs[1]}")


# --- layouts ---


def rows_without_pitch(x, *, axis):
    dense = x.strides[-1] == x.itemsize and x.dtype == np.float32 and x.strides[0] >= x.itemsize * x.shape[1]
    return softmax(dense_view(x) if dense else x, axis=axis)


def weights_without_strides(x, scale, bias, *, epsilon):
    return layer_norm(x, scale if scale is None else dense_view(scale), bias, epsilon=epsilon)


def flattens_in_memory_order(x, scale, bias, *, epsilon):
    """Rows in the order in which they lie, each of them dense."""
    dense = x.strides[-1] == x.itemsize and min(x.strides) > 0 and x.strides[0] < x.strides[1]
    return layer_norm(dense_view(x) if dense else x, scale, bias, epsilon=epsilon)


def like_its_targets(logits, targets, weights, **parameters):
    """Row losses into memory with the strides of a row of the targets: one place for all if that is 0."""
    losses = reference("softmax_cross_entropy")(logits, targets, weights, **parameters)
    if parameters["reduction"] == "none" and targets.strides[0] == 0:
        losses = np.broadcast_to(losses[-1:], losses.shape).copy()
    return losses


LAYOUTS = {
    "pitched": (rows_without_pitch, "softmax", {}),
    "others-strided": (weights_without_strides, "layer_norm", {}),
    "permuted": (flattens_in_memory_order, "layer_norm", {}),
    "others-expanded": (like_its_targets, "softmax_cross_entropy", {"reduction": "none", "weighted": False}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_inputs_in_every_layout(layout):
    kernel, spec, held = LAYOUTS[layout]
    findings, _ = found(kernel, spec, sizes="smoke", **held)
    assert set(findings) == {"layouts"}
    case = findings["layouts"].probe.partition("@")[0]
    assert set(found(kernel, spec, cases=[f"{case}@{layout}"], **held)[0]) == {"layouts"}


def test_axes_before_the_last_are_permuted_at_every_rank():
    _, data = found(reference("group_norm"), "group_norm", sizes="smoke")
    assert data.passed
    for layout in ("permuted", "channels_first"):
        assert any("spatial=2" in case and case.endswith(f"@{layout}") for case in data.asked)


# --- sizes ---


def one_block_of_columns(x, *, axis):
    y = softmax(x, axis=axis)
    y[:, 1024:] = 0
    return y


def last_row_block_lost(x, *, axis):
    y = softmax(x, axis=axis)
    if len(x) > 1024:
        y[len(x) // 512 * 512 :] = 0
    return y


def rows_counted_in_16_bits(x, *, axis):
    y = softmax(x, axis=axis)
    y[2**16 :] = y[: len(y[2**16 :])]
    return y


@pytest.mark.parametrize("kernel", [one_block_of_columns, last_row_block_lost, rows_counted_in_16_bits])
def test_sizes_have_regimes(kernel):
    findings, _ = found(kernel, "softmax", axis=-1)
    assert set(findings) == {"sizes"}


@pytest.mark.parametrize("kernel", [one_block_of_columns, last_row_block_lost])
def test_gradients_have_regimes_too(kernel):
    def vjp(x, cotangent, *, axis):
        return (kernel(softmax_vjp(x, cotangent, axis=axis)[0], axis=axis),)

    def backward(x, cotangent, *, axis):
        right = softmax_vjp(x, cotangent, axis=axis)[0]
        spoilt = kernel(x, axis=axis) == 0
        return (np.where(spoilt & (right != 0), 0, right),)

    findings, _ = found(softmax, "softmax", vjp=backward, axis=-1)
    assert set(findings) == {"gradients"}
    assert vjp is not backward


def test_axes_of_one_length_are_taken_for_one_another():
    right = reference("bilinear")

    def by_shape(left, right_input, kernel, bias):
        turned = kernel.shape[1] == kernel.shape[2]
        return right(left, right_input, kernel.swapaxes(1, 2) if turned else kernel, bias)

    findings, _ = found(by_shape, "bilinear", cases=[])
    assert "sizes" in findings
    assert len({*findings["sizes"].probe.rpartition("/")[2].split("x")}) == 1


def test_sums_over_thousands_of_rows_show_a_half_accumulator():
    right = gradient("dense")

    def in_halves(x, kernel, bias, cotangent):
        gradients = list(right(x, kernel, bias, cotangent))
        if len(x) > 1000:
            total = np.zeros(kernel.shape, x.dtype)
            for row, g in zip(x, cotangent, strict=True):
                total += row[:, None] * g
            gradients[1] = total
        return tuple(gradients)

    findings, _ = found(reference("dense"), "dense", vjp=in_halves, dtypes="float16")
    assert "gradients" in findings
    assert "gradient of x" in findings["gradients"].right
    assert "1025" in findings["gradients"].probe


# --- options ---


def test_shapes_are_varied_whether_a_kernel_names_the_option_or_not():
    right = reference("group_norm")

    def of_two_axes(x, scale, bias, *, groups, epsilon):
        flat = right(x.reshape(-1, x.shape[-1]), scale, bias, groups=groups, epsilon=epsilon)
        return flat.reshape(x.shape)

    findings, _ = found(of_two_axes, "group_norm", sizes="smoke")
    assert "spatial=" in findings["values"].probe


@pytest.mark.parametrize("empty_row", [True, False])
def test_pairs_of_options_are_met_whatever_else_a_kernel_takes(empty_row):
    right = reference("dot_product_attention")

    def call(query, key, value, bias, mask, causal, scale, **more):
        lost = mask is not None and causal == "top_left"
        kept = np.ones_like(mask) if lost else mask
        return right(query, key, value, bias, kept, causal=causal, scale=scale, **more)

    def few(query, key, value, bias, mask, *, causal, scale):
        return call(query, key, value, bias, mask, causal, scale)

    def many(query, key, value, bias, mask, *, causal, scale, empty_row):
        return call(query, key, value, bias, mask, causal, scale, empty_row=empty_row)

    findings, _ = found(many if empty_row else few, "dot_product_attention", sizes="sweep")
    assert "values" in findings
    assert "use_mask=true" in findings["values"].probe
    assert "causal=top_left" in findings["values"].probe


def test_what_an_option_is_held_at_occurs_in_the_data():
    right = reference("sparse_softmax_cross_entropy")

    def ignores_nothing(logits, labels, weights, *, reduction, ignored):
        return right(logits, np.maximum(labels, 0), weights, reduction=reduction)

    def ignores(logits, labels, weights, *, reduction, ignored):
        return right(logits, labels, weights, reduction=reduction, ignored=ignored)

    assert found(ignores, "sparse_softmax_cross_entropy", sizes="smoke", ignored=-100)[1].passed
    assert "values" in found(ignores_nothing, "sparse_softmax_cross_entropy", sizes="smoke", ignored=-100)[0]


def test_an_option_without_effect_is_said_first():
    kernel, vjp = reference("relu"), gradient("relu")
    options = {"vjp": vjp, "nan_gradient": "pass"}
    few = assay.check(kernel, "relu", cases=["relu/nan_gradient=pass/float32/normal/3x17"], **options)
    assert few.data.warnings == ("nan_gradient=pass has no effect in any of the 1 cases that have it",)
    assert "! nan_gradient=pass has no effect" in "".join(str(few).splitlines()[1:3])
    assert assay.check(kernel, "relu", sizes="smoke", **options).data.warnings == ()


# --- data ---


def maximum_from_a_sentinel(x, *, axis):
    top = np.maximum(x.max(axis, keepdims=True), -1e4).astype(np.float64)
    powers = np.exp(x - top)
    return (powers / powers.sum(axis, keepdims=True)).astype(x.dtype)


def skips_nan_beside_minus_infinity(x, *, axis):
    y, mixed = (
        softmax(x, axis=axis),
        np.isneginf(x).any(axis, keepdims=True) & np.isnan(x).any(axis, keepdims=True),
    )
    return np.where(mixed, np.where(np.isnan(x), 0, softmax(np.where(np.isnan(x), -np.inf, x), axis=axis)), y)


def nothing_for_nothing(x, *, axis):
    y, empty = softmax(x, axis=axis), np.isneginf(x).all(axis, keepdims=True)
    return np.where(empty & (x.shape[axis] > 1), 0, y).astype(x.dtype)


def last_lane_forgotten(x, *, axis):
    """The maximum is taken of whole pairs: a single last element may lie above it, and overflow."""
    moved = np.moveaxis(x, axis, -1)
    top = np.moveaxis(moved[..., : max(moved.shape[-1] // 2 * 2, 1)].max(-1, keepdims=True), -1, axis)
    ahead = (x - top > 30).any(axis, keepdims=True)
    return np.where(ahead & np.isfinite(top) & (np.abs(x) < 60), 0, softmax(x, axis=axis)).astype(x.dtype)


def swallowed_in_weights(x, scale, bias, *, epsilon):
    return layer_norm(x, None if scale is None else np.nan_to_num(scale), bias, epsilon=epsilon)


def squares_in_the_half_type(x, scale, *, epsilon):
    square = np.square(x.astype(np.float64)).mean(-1, keepdims=True)
    large = np.isfinite(x) & (np.abs(x.astype(np.float64)) >= 256)
    lost = large.any(-1, keepdims=True) & (x.dtype == np.float16)
    y = np.where(lost, 0, x / np.sqrt(square + epsilon))
    return (y * (1 if scale is None else scale.astype(np.float64))).astype(x.dtype)


def indices_of_8_bits(indices, table, **parameters):
    return reference("embedding")(indices.astype(np.uint8).astype(np.int32), table, **parameters)


def indices_of_16_bits(indices, table, **parameters):
    return reference("embedding")(indices.astype(np.uint16).astype(np.int32), table, **parameters)


HELD = {"out_of_range": "error", "negative": "out_of_range", "padding": "blocked"}
DATA = {
    "low": (maximum_from_a_sentinel, "softmax", {}),
    "mixed": (skips_nan_beside_minus_infinity, "softmax", {}),
    "nothing": (nothing_for_nothing, "softmax", {"axis": -1}),
    "late": (last_lane_forgotten, "softmax", {"axis": -1}),
    "weights_nan": (swallowed_in_weights, "layer_norm", {}),
    "squares": (squares_in_the_half_type, "rms_norm", {"dtypes": "float16"}),
}


@pytest.mark.parametrize("data", DATA)
def test_data_that_show_what_ordinary_data_hide(data):
    kernel, spec, options = DATA[data]
    findings, _ = found(kernel, spec, sizes="smoke", **options)
    assert findings
    assert {finding.probe.split("/")[3] for finding in findings.values()} == {data}


@pytest.mark.parametrize("kernel", [indices_of_8_bits, indices_of_16_bits])
def test_indices_beyond_8_and_16_bits(kernel):
    findings, _ = found(kernel, "embedding", **HELD)
    assert findings


@pytest.mark.parametrize("data", ["low", "late"])
def test_the_gradient_meets_the_same_data(data):
    def vjp(x, cotangent, *, axis):
        right = softmax_vjp(x, cotangent, axis=axis)
        spoilt = (x < -5e4).any() if data == "low" else (np.ptp(x) > 30 and np.ptp(x) < 50)
        return (0 * right[0],) if spoilt else right

    findings, _ = found(softmax, "softmax", vjp=vjp, sizes="smoke")
    assert {finding.probe.split("/")[3] for finding in findings.values()} == {data}


def test_every_data_set_and_every_size_meets_more_than_the_defaults():
    _, data = found(layer_norm, "layer_norm")
    parts = [case.partition("@")[0].split("/") for case in data.asked]
    for name in ("offset", "late", "squares", "infinities"):
        assert any(options != "default" for _, options, _, of, _ in parts if of == name)
    sizes = {size for _, options, _, of, size in parts if options != "default" and of != "normal"}
    assert len(sizes) > 5


# --- lanes ---


def with_a_scalar_rest(step):
    """A vector loop of eight lanes, and a rest that is computed another way."""

    def kernel(x):
        y = silu(x)
        flat, rest = y.reshape(-1), x.size % 8
        if rest:
            usual = np.abs(flat[-rest:] - 1) < 1
            flat[-rest:][usual] *= x.dtype.type(1 + step)
        return y

    return kernel


def test_a_value_has_the_same_bits_in_every_lane_or_it_is_told():
    kernel = with_a_scalar_rest(2.0**-23)
    _, data = found(kernel, "silu", sizes="smoke")
    assert data.passed
    assert "the same sample has other bits at index" in data.facts["lanes"]
    assert "gives the same bits everywhere" in found(silu, "silu", sizes="smoke")[1].facts["lanes"]


def test_lanes_that_differ_by_more_than_rounding_fail():
    findings, _ = found(with_a_scalar_rest(1e-3), "silu", cases=["silu/default/float32/normal/2x8"])
    assert set(findings) == {"lanes"}


# --- one rounding ---


def primitive_by_primitive(x, *, axis):
    shifted = np.exp(x - x.max(axis, keepdims=True))
    return shifted / shifted.sum(axis, keepdims=True, dtype=np.float32).astype(x.dtype)


def test_a_half_type_can_be_held_to_one_rounding():
    options = {"dtypes": "bfloat16", "sizes": "smoke"}
    _, loose = found(primitive_by_primitive, "softmax", **options)
    assert loose.passed
    assert "round at every primitive (op-by-op)" in loose.warnings[0]
    findings, _ = found(primitive_by_primitive, "softmax", fused=True, **options)
    assert "op-by-op" in " ".join(findings["values"].causes)
    _, tight = found(softmax, "softmax", fused=True, **options)
    assert (tight.passed, tight.profile, tight.warnings) == (True, "fused", ())
    assert np.dtype(ml_dtypes.bfloat16).itemsize == 2


# --- what is told ---


def test_the_lengths_at_which_a_kernel_fails_are_told():
    def blocks_of_32(x, *, axis):
        y = softmax(x, axis=axis)
        return y if x.shape[-1] % 32 == 0 else y * x.dtype.type(1.01)

    findings, _ = found(blocks_of_32, "softmax", axis=-1)
    assert "along features all lengths fail but multiples of 32" in findings["values"].patterns


def test_lanes_of_padding_in_the_variance_are_a_cause():
    def block_of_zeros(x, scale, bias, *, epsilon):
        length = x.shape[-1]
        block = np.zeros((*x.shape[:-1], 1 << (length - 1).bit_length()))
        block[..., :length] = x
        mean = block.sum(-1, keepdims=True) / length
        variance = np.square(block - mean).sum(-1, keepdims=True) / length
        y = (x - mean) / np.sqrt(variance + epsilon)
        y = y if scale is None else y * scale
        return (y if bias is None else y + bias).astype(x.dtype)

    findings, _ = found(block_of_zeros, "layer_norm")
    (cause,) = findings["values"].causes
    assert "lanes of padding counted in the variance, up to a power of two" in cause
    assert "along channels all lengths fail but powers of two" in findings["values"].patterns


def test_gradients_that_are_right_and_errors_in_units_of_tolerance_are_told():
    def vjp(x, scale, bias, cotangent, *, epsilon):
        right = layer_norm_vjp(x, scale, bias, cotangent, epsilon=epsilon)
        return (right[0] * 2, *right[1:])

    case = "layer_norm/default/float32/normal/3x2x17"
    findings, _ = found(layer_norm, "layer_norm", vjp=vjp, cases=[case])
    assert findings["gradients"].right == ("y", "gradient of scale", "gradient of bias")
    assert "0 within tolerance" in findings["gradients"].errors
    assert "102" not in findings["gradients"].errors


def test_a_green_report_says_what_was_not_asked_before_it_counts_faults():
    report = assay.check(layer_norm, "layer_norm")
    assert [text.partition(":")[0] for text in report.data.unasked] == ["dtypes", "gradients", "sizes"]
    text = str(report)
    assert 0 < text.index("Not asked") < text.index("What would fool this check")


def test_a_case_is_asked_again_with_all_that_was_held():
    report = assay.check(
        with_a_scalar_rest(1),
        "silu",
        cases=["silu/default/float32/normal/2x9"],
        shrink=False,
        tiles=(48,),
        fused=True,
    )
    assert "tiles=(48,), fused=True" in str(report).replace("\n", " ")


# --- time ---


def test_a_size_that_would_take_long_is_left_out_and_said():
    def row_by_row(x, *, axis):
        until = time.process_time() + 2e-4 * len(x)
        while time.process_time() < until:
            pass
        return softmax(x, axis=axis)

    _, data = found(row_by_row, "softmax", axis=-1, tiles=(2,))
    assert data.passed
    assert not any("65537" in case for case in data.asked)
    assert any("65537x3" in text and "would take too long" in text for text in data.unasked)
    _, named = found(row_by_row, "softmax", axis=-1, cases=["softmax/default/float32/normal/4099x2"])
    assert named.asked == ("softmax/default/float32/normal/4099x2",)


def test_calls_of_the_same_shapes_are_compiled_once():
    jax = pytest.importorskip("jax")
    traced = Counter()

    def traced_softmax(x, *, axis):
        traced[x.shape, axis] += 1
        return jax.nn.softmax(x, axis)

    _, data = found(traced_softmax, "softmax", like="jax", sizes="smoke")
    assert data.passed
    assert len(traced) < len(data.asked)
    assert max(traced.values()) == 2  # the value alone, and the gradients


@pytest.mark.parametrize("size", [(512, 8, 16)])
def test_a_large_size_is_asked_ordinary_data_and_the_rest_shorter(size):
    calls = []

    def counted(x, scale, *, epsilon):
        calls.append(x.size)
        return reference("rms_norm")(x, scale, epsilon=epsilon)

    _, data = found(counted, "rms_norm", sizes=[size])
    assert data.passed
    large = [case for case in data.asked if case.endswith("512x8x16")]
    assert large == ["rms_norm/default/float32/normal/512x8x16"]
    assert any("/offset/" in case for case in data.asked)
    assert sum(n == 512 * 8 * 16 for n in calls) == 2
    assert "each of 8 samples along batch" in data.facts["batch"]


def test_a_failure_that_hangs_on_earlier_calls_gives_the_sequence():
    counts_its_calls = find_function(Path(__file__).with_name("kernels.py"), "counts_its_calls")
    finding = assay.check(
        counts_its_calls,
        "softmax",
        isolate=True,
        shrink=False,
        fooled=False,
        cases=["softmax/default/float32/normal/3x17", "softmax/default/float32/normal/2x5"],
    ).data.findings[0]
    assert finding.after == "softmax/default/float32/normal/3x17"
    assert finding.probe == "softmax/default/float32/normal/2x5"
