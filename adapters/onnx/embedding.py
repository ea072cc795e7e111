"""Embeddings of ONNX."""

from __future__ import annotations

from .framework import function

function(
    "embedding",
    "onnx.Gather",
    calls="node('Gather', 13)",
    on="table, indices",
    unused=("padding_index",),
    where={
        "padding == 'blocked' or padding_index is None": "reads every row as it is",
        "data != 'negative' or negative == 'wrap'": "counts negative indices from the end",
        "data not in ('out_of_range', 'far_below') or out_of_range == 'error'": "an index beyond is an error",
    },
)
function(
    "one_hot",
    "onnx.OneHot",
    {"axis": "axis"},
    calls="node('OneHot', 11)",
    on="indices, np.array(depth), np.array([0, 1])",
    where={"data != 'out_of_range'": "counts negative classes from the end, and gives zeros for others"},
    unused=("out_of_range",),
)
