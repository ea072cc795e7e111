"""Specs of the constraints of kernels: projections and reparametrizations."""

from __future__ import annotations

from ..reference import constraints as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

KERNEL = Input("kernel", "features, units", meaning="what is constrained")
AXIS = Parameter("axis", (0, 1), "the axis along which norms are taken: 0 for what each unit is fed by")
NO_AXIS = Constraint(
    "C1",
    "-2 <= axis < 2",
    "axis must be an axis of the kernel",
    broken_by={"axis": 2},
    also_broken_by=({"axis": -3},),
)
# The second epsilon is near the norms of tiny kernels; the third is that of keras.config.
EPSILONS = (1e-12, 0.05, 1e-7)
SIZES = ((17, 5), (2, 12), (33, 7))

SALIMANS = Source("Salimans and Kingma (2016), Weight normalization", "https://arxiv.org/abs/1602.07868")

unit_norm = Spec(
    reference=reference.unit_norm,
    inputs=(KERNEL,),
    parameters=(
        AXIS,
        Parameter("epsilon", EPSILONS, "keeps the divisor from zero"),
        Parameter(
            "epsilon_at",
            ("floor", "floor_of_square", "added", "none"),
            "where epsilon acts: max(n, ε), √max(n², ε), n + ε, nowhere",
            facet=True,
        ),
    ),
    sizes=(SIZES[1], SIZES[0], SIZES[2]),  # zero vectors are common where they are short
    data=("normal", "tiny", "wide", "zeros", "nan"),
    constraints=(NO_AXIS,),
    sources=(SALIMANS,),
)

max_norm = Spec(
    reference=reference.max_norm,
    inputs=(KERNEL,),
    parameters=(
        # Only beside the norms of tiny kernels is 1e-7 seen.
        Parameter("max_value", (2.0, 0.5, 0.005), "the greatest norm"),
        AXIS,
        Parameter(
            "epsilon_at",
            ("none", "added", "beyond"),
            "where 1e-7 is added to the norm: nowhere, everywhere, where the vector is shortened",
            facet=True,
        ),
    ),
    sizes=SIZES,
    data=("normal", "tiny", "wide", "nan"),
    constraints=(NO_AXIS,),
    sources=(
        Source(
            "Srivastava et al. (2014), Dropout, section 5.1", "https://jmlr.org/papers/v15/srivastava14a.html"
        ),
    ),
)

min_max_norm = Spec(
    reference=reference.min_max_norm,
    inputs=(KERNEL,),
    parameters=(
        Parameter("min_value", (0.9, 0.0), "the least norm"),
        Parameter("max_value", (1.0, 3.0), "the greatest norm"),
        Parameter("rate", (1.0, 0.25), "how far norms move to the nearest bound"),
        AXIS,
        Parameter("epsilon_at", ("added", "none"), "whether 1e-7 is added to the norm", facet=True),
    ),
    sizes=SIZES,
    data=("normal", "tiny", "wide", "nan"),
    constraints=(NO_AXIS,),
)

non_neg = Spec(
    reference=reference.non_neg,
    inputs=(KERNEL,),
    parameters=(
        Parameter("zero_gradient", (0.0, 0.5, 1.0), "share of the gradient that passes at zero", facet=True),
        Parameter("nan_gradient", ("zero", "pass"), "gradient where the kernel is NaN", facet=True),
    ),
    sizes=SIZES,
    data=("normal", "zeros", "specials"),
)

NAMED = "*(features,)[:norm_of in ('feature', 'pair')], *(units,)[:norm_of in ('unit', 'pair')]"

weight_norm = Spec(
    reference=reference.weight_norm,
    inputs=(
        Input("direction", "*(height, width)[:spatial], features, units", meaning="v, trained"),
        Input("magnitude", NAMED, kind="weight", meaning="g, trained"),
    ),
    parameters=(
        Parameter("spatial", (0, 2), "axes of a convolution's window; none for a dense layer"),
        Parameter(
            "norm_of",
            ("unit", "all", "feature", "pair"),
            "one norm of what each unit is fed by, of all, of what each feature feeds, of each window",
        ),
        Parameter("epsilon", EPSILONS[:2], "keeps the divisor from zero"),
        Parameter(
            "epsilon_at",
            ("none", "inside", "floor", "floor_of_square"),
            "where epsilon acts: nowhere, √(n² + ε), max(n, ε), √max(n², ε)",
            facet=True,
        ),
    ),
    sizes=((3, 2, 17, 5), (1, 1, 1, 4), (2, 3, 4, 33)),
    data=("normal", "tiny", "wide", "nan"),
    constraints=(
        Constraint(
            "C1",
            "norm_of != 'unit' or magnitude[0] == direction[-1]",
            "magnitude must have one element per unit",
            broken_by={"magnitude": "units + 1"},
        ),
    ),
    # A window of a dense layer is a number.
    excluded=("norm_of == 'pair' and not spatial",),
    sources=(SALIMANS,),
)

spectral_norm = Spec(
    reference=reference.spectral_norm,
    inputs=(
        Input("kernel", "*(height, width)[:spatial], features, units", meaning="what is trained"),
        Input(
            "vector",
            "(units if axis == 'units' else features) if starts_from == 'units' else "
            "(features if axis == 'units' else units) * (height * width if spatial else 1)",
            kind="weight",
            meaning="what the power iterations start from",
            constant=True,
        ),
    ),
    states=("vector",),
    parameters=(
        Parameter("spatial", (0, 2), "axes of a convolution's window; none for a dense layer"),
        Parameter("power_iterations", (1, 3), "power iterations of one call"),
        Parameter("starts_from", ("units", "features"), "which singular vector is kept", facet=True),
        Parameter("axis", ("units", "features"), "the axis beside which the others are one"),
        # With the second, tiny kernels are divided by no norm, and carry the least error.
        Parameter("epsilon", (1e-12, 0.5, 1e-7), "keeps the divisors from zero"),
        Parameter("epsilon_at", ("floor", "inside"), "where epsilon acts: max(n, ε), √(n² + ε)", facet=True),
    ),
    sizes=((2, 1, 1, 2), (3, 2, 7, 5), (2, 3, 4, 17)),
    data=("normal", "tiny", "offset", "nan"),
    constraints=(
        Constraint(
            "C1",
            "starts_from == 'features' or vector[0] == kernel[-1 if axis == 'units' else -2]",
            "vector must have one element per unit",
            broken_by={"vector": "units + 1"},
        ),
        Constraint(
            "C2",
            "power_iterations >= 1",
            "there must be an iteration",
            broken_by={"power_iterations": 0},
            also_broken_by=({"power_iterations": -1},),
        ),
    ),
    # With so large an epsilon the vectors fade from one iteration to the next, to nothing.
    # Of a bfloat16 several iterations leave no digit; of tiny numbers' squares, float16 leaves none.
    excluded=(
        "data == 'tiny' and epsilon == 0.5 and power_iterations > 1",
        "data == 'tiny' and dtype == 'float16'",
        "dtype == 'bfloat16' and power_iterations > 1",
    ),
    sources=(Source("Miyato et al. (2018), Spectral normalization", "https://arxiv.org/abs/1802.05957"),),
)

spectral_norm_inference = Spec(
    reference=reference.spectral_norm_inference,
    inputs=(
        Input("kernel", "features, units", meaning="what was trained"),
        Input("left", "features", kind="weight", meaning="singular vector that was kept", constant=True),
        Input("right", "units", kind="weight", meaning="the other one", constant=True),
    ),
    parameters=(
        Parameter(
            "inference",
            ("kept", "iterated", "raw"),
            "divided by lᵀ W r of the vectors kept, or after one more iteration, or as it is",
            facet=True,
        ),
    ),
    sizes=((7, 5), (2, 1)),
    data=("normal", "offset"),
    sources=spectral_norm.sources,
)
