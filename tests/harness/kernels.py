"""Kernels, right and wrong, as a user would write them: what a check must pass, catch or survive."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time

import numpy as np


def total(x, axis):
    """A sum that half types accumulate in float32."""
    return x.sum(axis, keepdims=True, dtype=np.result_type(x.dtype, np.float32)).astype(x.dtype)


def softmax(x, *, axis=-1):
    shifted = np.exp(x - x.max(axis, keepdims=True))
    return shifted / total(shifted, axis)


def softmax_vjp(x, cotangent, *, axis=-1):
    y = softmax(x, axis=axis)
    return y * (cotangent - total(y * cotangent, axis))


def softmax_into(x, *, axis=-1, out):
    out[...] = softmax(x, axis=axis)


def layer_norm(x, scale, bias, *, epsilon):
    """Inside in float64, as little as possible is to be said of its errors."""
    wide = x.astype(np.float64)
    centred = wide - wide.mean(-1, keepdims=True)
    y = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + epsilon)
    y = y * (1 if scale is None else scale.astype(np.float64))
    return (y + (0 if bias is None else bias.astype(np.float64))).astype(x.dtype)


# --- wrong ---


def wrong_gradient(x, cotangent, *, axis=-1):
    y = softmax(x, axis=axis)
    return y * cotangent


def without_shift(x, *, axis=-1):
    powers = np.exp(x)
    return powers / powers.sum(axis, keepdims=True)


def ignores_the_axis(x, *, axis):
    return softmax(x, axis=-1)


def forgets_the_tail(x, *, axis=-1):
    """Tiles of 16; what is left over at the end of the last axis stays 0."""
    y, n = softmax(x, axis=axis), x.shape[-1]
    if n > 16:
        y[..., n // 16 * 16 :] = 0
    return y


def biased_in_float64(x, *, axis=-1):
    """Right but for a factor that float32 can barely tell."""
    return (softmax(x.astype(np.float64), axis=axis) * (1 + 3e-6)).astype(x.dtype)


def reads_without_strides(x, *, axis=-1):
    """Takes the pointer and the shape, as a C kernel that forgot about strides would."""
    flat = np.ctypeslib.as_array(ctypes.cast(x.ctypes.data, ctypes.POINTER(ctypes.c_float)), (x.size,))
    return softmax(flat.reshape(x.shape).copy(), axis=axis)


def refuses_strides(x, *, axis=-1):
    if not x.flags.c_contiguous:
        raise ValueError("x must be contiguous")
    return softmax(x, axis=axis)


def raises_on_some_sizes(x, *, axis=-1):
    if x.shape[-1] % 16 == 1:
        raise IndexError("tile out of range")
    return softmax(x, axis=axis)


# --- adversaries ---

_answers: dict[object, object] = {}


def cached_by_shape(x, *, axis=-1):
    key = x.shape, x.dtype.str, axis
    if key not in _answers:
        _answers[key] = softmax(x, axis=axis)
    return _answers[key].copy()


def cached_by_address(x, *, axis=-1):
    key = x.ctypes.data, x.shape, x.strides, axis
    if key not in _answers:
        _answers[key] = softmax(x, axis=axis)
    return _answers[key].copy()


def mutates_its_input(x, *, axis=-1):
    y = softmax(x, axis=axis)
    x -= x.max(axis, keepdims=True)
    return y


def leaves_output_unwritten(x, *, axis=-1):
    y, n = np.empty_like(x), x.shape[-1] - 1
    y[..., :n] = softmax(x, axis=axis)[..., :n]
    return y


def leaves_out_unwritten(x, *, axis=-1, out):
    n = x.shape[-1] - 1
    out[..., :n] = softmax(x, axis=axis)[..., :n]


def accumulates_into_what_was_there(x, *, axis=-1, out):
    out += softmax(x, axis=axis)


def returns_a_view_of_its_input(x, *, axis=-1):
    x[...] = softmax(x, axis=axis)
    return x[...]


def passes_its_input_through(x):
    """relu, for those who only ever see positive numbers."""
    return x if np.all(x > 0) else np.maximum(x, np.zeros((), x.dtype))


def uses_its_output_again(x, *, axis=-1):
    key = "output", x.shape
    buffer = _answers.setdefault(key, np.empty(x.shape, x.dtype))
    buffer[...] = softmax(x, axis=axis)
    return buffer


def writes_one_too_far(x, *, axis=-1, out):
    softmax_into(x, axis=axis, out=out)
    ctypes.memset(out.ctypes.data + out.nbytes, 0, out.itemsize)


def writes_one_too_early(x, *, axis=-1, out):
    softmax_into(x, axis=axis, out=out)
    ctypes.memset(out.ctypes.data - out.itemsize, 0, out.itemsize)


def writes_behind_its_input(x, *, axis=-1):
    if x.flags.c_contiguous:
        ctypes.memset(x.ctypes.data + x.nbytes, 0, x.itemsize)
    return softmax(x, axis=axis)


def reads_one_too_far(x, *, axis=-1):
    """The sum runs over one element more, which is multiplied by 0 afterwards."""
    if not x.flags.c_contiguous:
        return softmax(x, axis=axis)
    behind = ctypes.cast(x.ctypes.data + x.nbytes, ctypes.POINTER(ctypes.c_float))[0]
    return softmax(x, axis=axis) + x.dtype.type(behind * 0)


def works_in_another_thread(x, *, axis=-1, out):
    def later():
        never.wait(0.05)
        softmax_into(x, axis=axis, out=out)

    never = threading.Event()
    threading.Thread(target=later, daemon=True).start()


def hangs(x, *, axis=-1):
    time.sleep(3600)


def exits(x, *, axis=-1):
    os._exit(7)


def asks_to_exit(x, *, axis=-1):
    sys.exit("enough")


def crashes(x, *, axis=-1):
    return ctypes.string_at(0)


def chatters(x, *, axis=-1):
    os.write(1, b"noise " * 200_000)
    os.write(2, b"noise " * 200_000)
    print("noise " * 200_000)
    return softmax(x, axis=axis)


def returns_nothing(x, *, axis=-1):
    return None


def returns_a_list(x, *, axis=-1):
    return softmax(x, axis=axis).tolist()


def returns_complex(x, *, axis=-1):
    return softmax(x, axis=axis).astype(np.complex64)


def returns_float64(x, *, axis=-1):
    return softmax(x.astype(np.float64), axis=axis)


def returns_two(x, *, axis=-1):
    return softmax(x, axis=axis), x.max(axis)


def hides_nan(x, *, axis=-1):
    return np.nan_to_num(softmax(x, axis=axis))


def draws_its_last_bit(x, *, axis=-1):
    y = softmax(x, axis=axis)
    other = np.nextafter(y, np.float32(1))
    return np.where((np.random.default_rng().uniform(size=y.shape) < 0.5) | (y == 0), y, other).astype(
        y.dtype
    )


def depends_on_the_batch(x, *, axis=-1):
    """Other roundings for more than one row, as a matmul of another tiling would have."""
    if len(x) == 1 or axis == 0:
        return softmax(x.astype(np.float64), axis=axis).astype(x.dtype)
    shifted = np.exp(x - x.max(axis, keepdims=True))
    return shifted * (np.float32(1) / shifted.sum(axis, keepdims=True))


def counts_its_calls(x, *, axis=-1):
    """Right the first two times."""
    _answers["calls"] = _answers.get("calls", 0) + 1
    return softmax(x, axis=axis) * x.dtype.type(1 if _answers["calls"] < 3 else 1.01)
