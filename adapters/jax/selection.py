"""Selection of JAX."""

from __future__ import annotations

from .modules import function

NAN = {"nan": ("greatest", "NaN is the greatest number")}
LARGEST = {"largest": (True, "takes the greatest")}
LEAST = {"largest": (False, "takes the least")}
FIRST = {
    "data not in ('ties', 'nan') and dtype not in ('bfloat16', 'float16')": (
        "which of equals is taken is not said, nor where NaN stands; in half types some are equal"
    ),
}
VALUES = {"gives": "values, places", "returns": "values, places"}

function("top_k", "jax.lax.top_k", {"k": "k"}, **VALUES, fixed=NAN | LARGEST)
function("top_k", "jax.lax.approx_max_k", {"k": "k"}, **VALUES, where=FIRST, fixed=NAN | LARGEST)
function("top_k", "jax.lax.approx_min_k", {"k": "k"}, **VALUES, where=FIRST, fixed=NAN | LEAST)
