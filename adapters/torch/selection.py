"""Selection of PyTorch."""

from __future__ import annotations

from .modules import function

FIRST = {
    "data != 'ties' and dtype not in ('bfloat16', 'float16')": (
        "which of equals is taken is not said; in half types some numbers are equal whatever the data"
    ),
}
NAN = {"nan": ("greatest", "NaN is the greatest number")}

function(
    "top_k",
    "torch.topk",
    {"k": "k", "largest": "largest"},
    gives="values, places",
    returns="values, places.int()",
    where=FIRST,
    fixed=NAN,
)
