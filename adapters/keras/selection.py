"""Selection of Keras."""

from __future__ import annotations

from .layers import function

function(
    "top_k",
    "keras.ops.top_k",
    {"k": "k"},
    gives="values, places",
    returns="values, places",
    fixed={
        "largest": (True, "takes the greatest"),
        "nan": ("greatest", "where NaN stands is up to the backend"),
    },
    where={
        "data not in ('nan', 'ties') and dtype not in ('bfloat16', 'float16')": (
            "where NaN stands, and which of equals is taken, is up to the backend"
        )
    },
)
