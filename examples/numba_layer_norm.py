"""A layer normalization in Numba, written into ``out``.

    assay check examples/numba_layer_norm.py:layer_norm --spec layer_norm
    assay check examples/numba_layer_norm.py:broken --spec layer_norm

The broken twin takes the variance in one pass, as mean of squares less square of the mean: right on ordinary
numbers, and far off where the mean is large beside the spread.
"""

import numba
import numpy as np


@numba.njit
def two_passes(x, scale, bias, epsilon, out):
    for row in range(x.shape[0]):
        mean = x[row].sum() / np.float32(x.shape[1])
        centred = x[row] - mean
        variance = (centred * centred).sum() / np.float32(x.shape[1])
        out[row] = centred / np.sqrt(variance + epsilon) * scale + bias


@numba.njit
def one_pass(x, scale, bias, epsilon, out):
    for row in range(x.shape[0]):
        mean = x[row].sum() / np.float32(x.shape[1])
        variance = (x[row] * x[row]).sum() / np.float32(x.shape[1]) - mean * mean
        out[row] = (x[row] - mean) / np.sqrt(max(variance, np.float32(0)) + epsilon) * scale + bias


def run(kernel, x, scale, bias, epsilon, out):
    channels = x.shape[-1]
    scale = np.ones(channels, x.dtype) if scale is None else np.ascontiguousarray(scale)
    bias = np.zeros(channels, x.dtype) if bias is None else np.ascontiguousarray(bias)
    rows = np.ascontiguousarray(x).reshape(-1, channels)
    kernel(rows, scale, bias, x.dtype.type(epsilon), out.reshape(-1, channels))


def layer_norm(x: np.ndarray, scale, bias, *, epsilon, out):
    run(two_passes, x, scale, bias, epsilon, out)


def broken(x: np.ndarray, scale, bias, *, epsilon, out):
    run(one_pass, x, scale, bias, epsilon, out)
