"""Specs of gated units."""

from __future__ import annotations

from ..reference import gated_units as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

X = Input("x", "batch, features", meaning="what is let through, and gates")
EVEN = Constraint("C1", "features % 2 == 0", "x must have an even length", broken_by={"features": 17})
SIZES = ((4, 18), (6, 130))

gated_linear_unit = Spec(
    reference=reference.gated_linear_unit,
    inputs=(X,),
    parameters=(
        Parameter("activation", tuple(reference.ACTIVATIONS), "of the gate"),
        Parameter("gate", ("second", "first"), "which half is the gate", facet=True),
        Parameter("layout", tuple(reference.LAYOUTS), "how the halves lie in the array", facet=True),
    ),
    constraints=(EVEN,),
    # Of NaN relu's gradient is whatever it is: that is asked of relu itself.
    excluded=("activation == 'relu' and data == 'nan'",),
    sizes=SIZES,
    data=("normal", "wide", "saturated", "zeros", "nan"),
    sources=(Source("Shazeer (2020), GLU variants improve transformer", "https://arxiv.org/abs/2002.05202"),),
)

clamped_swiglu = Spec(
    reference=reference.clamped_swiglu,
    inputs=(X,),
    parameters=(
        Parameter("alpha", (1.702, 1.0), "by which the logistic is steeper"),
        Parameter("limit", (7.0, 2.0), "that the gate is held below, and the rest within"),
        Parameter("beta", (1.0, 0.0), "added to what is let through", facet=True),
        Parameter("gate", ("first", "second"), "which half is the gate", facet=True),
        Parameter("layout", ("interleaved", "concatenated"), "how the halves lie in the array", facet=True),
        Parameter(
            "kink_gradient",
            (1.0, 0.5, 0.0),
            "the share of the gradient that passes just at a limit",
            facet=True,
        ),
        Parameter(
            "nan_gradient",
            ("pass", "zero", "multiply"),
            "of a half that is NaN: whole, 0, or times 0",
            facet=True,
        ),
    ),
    constraints=(EVEN,),
    # Integers up to 2 meet the smaller limit; of half types other numbers may.
    excluded=(
        "nan_gradient != 'pass' and data != 'nan'",
        "kink_gradient != 1 and (data != 'ties' or limit != 2) and dtype not in ('bfloat16', 'float16')",
    ),
    sizes=SIZES,
    data=("normal", "ties", "wide", "saturated", "nan"),
    sources=(
        Source("OpenAI (2025), gpt-oss-120b and gpt-oss-20b model card", "https://arxiv.org/abs/2508.10925"),
    ),
)
