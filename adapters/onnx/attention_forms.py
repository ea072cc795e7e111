"""Further forms of attention of ONNX."""

from __future__ import annotations

from .attention import HEADS, NOTHING, TOP_LEFT, Y
from .framework import function

CAUSAL = {"is_causal": "causal == 'top_left'"}
FORM = {"calls": "node('Attention', 23)", "on": HEADS, "returns": Y}

function(
    "grouped_query_attention",
    "onnx.Attention",
    CAUSAL,
    where=TOP_LEFT,
    fixed=NOTHING | {"head_map": ("blocked", "neighbours share keys")},
    **FORM,
)
function("softcap_attention", "onnx.Attention", CAUSAL | {"softcap": "softcap"}, **FORM)
