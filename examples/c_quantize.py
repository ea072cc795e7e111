"""Quantization of rows to eight bits in C, compiled on the spot with ``cc`` and called through ctypes.

    assay check examples/c_quantize.py:quantize --spec quantize format=int8 scope=row epsilon_at=floor
    assay check examples/c_quantize.py:broken --spec quantize format=int8 scope=row epsilon_at=floor

The broken twin cuts codes off where it should round them.
"""

import ctypes
import functools
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SOURCE = r"""
#include <math.h>

static float scale_of(const float *x, long n, float epsilon) {
    float greatest = epsilon;
    for (long i = 0; i < n; i++)
        greatest = fmaxf(greatest, fabsf(x[i]));
    return greatest / 127;
}

void quantize(const float *x, float *codes, float *scales, long rows, long n, float epsilon) {
    for (long r = 0; r < rows; r++, x += n, codes += n) {
        scales[r] = scale_of(x, n, epsilon);
        for (long i = 0; i < n; i++)
            codes[i] = fminf(fmaxf(rintf(x[i] / scales[r]), -127), 127);
    }
}

void quantize_cut(const float *x, float *codes, float *scales, long rows, long n, float epsilon) {
    for (long r = 0; r < rows; r++, x += n, codes += n) {
        scales[r] = scale_of(x, n, epsilon);
        for (long i = 0; i < n; i++)
            codes[i] = truncf(x[i] / scales[r]);
    }
}
"""


@functools.cache
def library() -> ctypes.CDLL:
    folder = Path(tempfile.mkdtemp(prefix="assay-c-quantize-"))
    source, built = folder / "quantize.c", folder / "quantize.so"
    source.write_text(SOURCE)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", built, source, "-lm"], check=True)
    return ctypes.CDLL(str(built))


def call(name: str, x: np.ndarray, epsilon: float, out: tuple[np.ndarray, np.ndarray]) -> None:
    x = np.ascontiguousarray(x, np.float32)
    pointers = (array.ctypes.data_as(ctypes.c_void_p) for array in (x, *out))
    lengths = (ctypes.c_long(length) for length in x.shape)
    getattr(library(), name)(*pointers, *lengths, ctypes.c_float(epsilon))


def quantize(x: np.ndarray, out: tuple[np.ndarray, np.ndarray], *, epsilon: float) -> None:
    call("quantize", x, epsilon, out)


def broken(x: np.ndarray, out: tuple[np.ndarray, np.ndarray], *, epsilon: float) -> None:
    call("quantize_cut", x, epsilon, out)
