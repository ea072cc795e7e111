"""A GELU in C, compiled on the spot with ``cc`` and called through ctypes.

    assay check examples/c_gelu.py:gelu --spec gelu
    assay check examples/c_gelu.py:broken --spec gelu
    assay check examples/c_gelu.py:overrun --spec gelu

The broken twin computes the tanh form where the exact one is asked for. The other one is right as well, but
works in vectors of four and writes whole ones: up to three elements past the end.
"""

import ctypes
import functools
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SOURCE = r"""
#include <math.h>

void gelu(const float *x, float *y, long n) {
    for (long i = 0; i < n; i++)
        y[i] = (float)(0.5 * fmax(x[i], -40) * erfc(-x[i] * M_SQRT1_2));  // -inf times 0 is NaN
}

void gelu_tanh(const float *x, float *y, long n) {
    for (long i = 0; i < n; i++) {
        double v = x[i], inner = 0.7978845608028654 * (v + 0.044715 * v * v * v);
        y[i] = (float)(fmax(v, -40) / (1 + exp(-2 * inner)));
    }
}

void gelu_overrun(const float *x, float *y, long n) {
    float vector[4];
    for (long i = 0; i < n; i += 4) {
        for (long j = 0; j < 4; j++)
            vector[j] = i + j < n ? x[i + j] : 0;
        gelu(vector, y + i, 4);
    }
}
"""


@functools.cache
def library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory(prefix="assay-c-gelu-") as folder:
        source, built = Path(folder) / "gelu.c", Path(folder) / "gelu.so"
        source.write_text(SOURCE)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", built, source, "-lm"], check=True)
        return ctypes.CDLL(str(built))  # which stays loaded when its file is gone


def call(name: str, x: np.ndarray, out: np.ndarray) -> None:
    x = np.ascontiguousarray(x, np.float32)
    pointers = (array.ctypes.data_as(ctypes.c_void_p) for array in (x, out))
    getattr(library(), name)(*pointers, ctypes.c_long(x.size))


def gelu(x: np.ndarray, out: np.ndarray) -> None:
    call("gelu", x, out)


def broken(x: np.ndarray, out: np.ndarray) -> None:
    call("gelu_tanh", x, out)


def overrun(x: np.ndarray, out: np.ndarray) -> None:
    call("gelu_overrun", x, out)
