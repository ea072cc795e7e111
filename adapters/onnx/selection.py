"""Selection of ONNX."""

from __future__ import annotations

from ..binding import takes
from .framework import function

function(
    "top_k",
    "onnx.TopK",
    {"largest": "largest"},
    calls="node('TopK', 11, 2)",
    on="x, np.array([k])",
    where=takes("nan", "greatest", "takes NaN for greater than any number", "nan"),
)
