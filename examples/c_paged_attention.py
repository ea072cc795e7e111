"""Attention to a paged cache in C, compiled on the spot with ``cc`` and called through ctypes.

    assay check examples/c_paged_attention.py:attention --spec paged_attention
    assay check examples/c_paged_attention.py:broken --spec paged_attention

The broken twin goes through every row of a sequence's pages, and gives those without a token a weight of 0:
right until memory that nobody has written holds NaN, for 0 times NaN is NaN.
"""

import ctypes
import functools
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SOURCE = r"""
#include <math.h>

static float product(const float *a, const float *b, long n) {
    float sum = 0;
    for (long i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

void attention(const float *query, const float *keys, const float *values, const int *table,
               const int *lengths, float *y, long batch, long heads, long blocks, long rows, long groups,
               long depth, long width, long left, float scale, int every) {
    for (long b = 0; b < batch; b++)
        for (long h = 0; h < heads; h++, query += depth, y += width) {
            long group = h / (heads / groups), length = lengths[b];
            long first = left < 0 || length - 1 < left ? 0 : length - 1 - left;
            float top = -INFINITY, total = 0;
            for (long v = 0; v < width; v++)
                y[v] = 0;
            for (long j = every ? 0 : first; j < (every ? blocks * rows : length); j++) {
                long row = (table[b * blocks + j / rows] * rows + j % rows) * groups + group;
                int seen = first <= j && j < length;
                float score = seen ? scale * product(query, keys + row * depth, depth) : -INFINITY;
                float higher = fmaxf(top, score);
                float kept = top == higher ? 1 : expf(top - higher);
                float weight = seen ? expf(score - higher) : 0;
                total = total * kept + weight;
                for (long v = 0; v < width; v++)
                    y[v] = y[v] * kept + weight * values[row * width + v];
                top = higher;
            }
            for (long v = 0; v < width && total > 0; v++)
                y[v] /= total;
        }
}
"""


@functools.cache
def library() -> ctypes.CDLL:
    folder = Path(tempfile.mkdtemp(prefix="assay-c-paged-attention-"))
    source = folder / "paged_attention.c"
    source.write_text(SOURCE)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", source, "-o", folder / "library.so", "-lm"], check=True)
    return ctypes.CDLL(str(folder / "library.so"))


def run(query, key_pages, value_pages, table, lengths, left, every):
    batch, heads, depth = query.shape
    _, rows, groups, width = value_pages.shape
    given = [np.ascontiguousarray(x) for x in (query, key_pages, value_pages, table, lengths)]
    y = np.empty((batch, heads, width), query.dtype)
    places = [ctypes.c_void_p(x.ctypes.data) for x in (*given, y)]
    sizes = [batch, heads, table.shape[1], rows, groups, depth, width, -1 if left is None else left]
    library().attention(*places, *map(ctypes.c_long, sizes), ctypes.c_float(depth**-0.5), ctypes.c_int(every))
    return y


def attention(query: np.ndarray, key_pages, value_pages, table, lengths, *, left):
    return run(query, key_pages, value_pages, table, lengths, left, every=False)


def broken(query: np.ndarray, key_pages, value_pages, table, lengths, *, left):
    return run(query, key_pages, value_pages, table, lengths, left, every=True)
