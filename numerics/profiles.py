"""Rounding profiles: where a sensible implementation of a layer rounds, and how much.

A profile says nothing of how a result is computed.  It lists the unit roundoffs that an implementation in
some format may apply to primitives, inside sums, to the inputs of contractions and to its output, and the
range that it works in.  ``carried`` turns a profile into an error bound and a variance for any reference.
"""

from dataclasses import dataclass
from functools import cached_property

from .dtypes import DTYPES, DType, dtype


@dataclass(frozen=True)
class Profile:
    """Where roundings happen.

    Attributes:
        name: what a report calls the profile.
        dtype: the format of inputs and outputs.
        working: the format that the result of each primitive is rounded to.
        accumulator: the format of partial sums.
        u_in: unit roundoff applied to the inputs of contractions, 0 for none.
        u_out: unit roundoff applied once to each final output, 0 for none.
        declared: whether a conforming implementation may round so without being asked to.  The others are
            there to *name* what explains a result; "tf32" is admitted where the device's flags ask for it.
        summary: one line for the report.
    """

    name: str
    dtype: DType
    working: DType
    accumulator: DType
    u_in: float = 0.0
    u_out: float = 0.0
    declared: bool = True
    summary: str = ""

    @cached_property
    def u(self) -> float:
        """Unit roundoff of each primitive's result."""
        return self.working.u

    @cached_property
    def u_acc(self) -> float:
        """Unit roundoff inside sums and contractions."""
        return self.accumulator.u

    @cached_property
    def smallest_normal(self) -> float:
        """Where the range of primitives' results ends below."""
        return self.working.smallest_normal

    @cached_property
    def largest(self) -> float:
        """The largest finite result of a primitive."""
        return self.working.largest

    @cached_property
    def underflow(self) -> float:
        """Absolute error of a result below ``smallest_normal``."""
        return underflow(self.working)


def underflow(dtype: DType) -> float:
    """Absolute error that a result below the format's ``smallest_normal`` may have.

    Flushing to zero is common for the formats with at least 8 exponent bits: x86's FTZ and DAZ flags and
    CUDA's ``-ftz`` act on them.  Neither acts on float16, whose subnormals survive arithmetic and conversion
    (Intel SDM, VCVTPS2PH: "MXCSR.FTZ is ignored"), so one of its spacings is the most that is lost.
    """
    return dtype.smallest_subnormal if dtype.name == "float16" else dtype.smallest_normal


_DOUBLE, _SINGLE, _BRAIN = DTYPES["float64"], DTYPES["float32"], DTYPES["bfloat16"]

# NVIDIA's TF32 keeps 10 fraction bits of each input (A100 whitepaper, 2020).
_U_TF32 = 2.0**-11


def _float64_profiles(double: DType) -> tuple[Profile, ...]:
    return (Profile("float64", double, double, double, summary="every primitive and every sum in float64"),)


def _float32_profiles(single: DType) -> tuple[Profile, ...]:
    return (
        Profile("float32", single, single, single, summary="every primitive and every sum in float32"),
        Profile(
            "tf32",
            single,
            single,
            single,
            u_in=_U_TF32,
            declared=False,
            summary="inputs of contractions rounded to 11 bits (TF32), the rest in float32",
        ),
        Profile(
            "bfloat16-inputs",
            single,
            single,
            single,
            u_in=_BRAIN.u,
            declared=False,
            summary="inputs of contractions rounded to bfloat16, the rest in float32",
        ),
    )


def _half_profiles(half: DType) -> tuple[Profile, ...]:
    return (
        Profile(
            "fused",
            half,
            _SINGLE,
            _SINGLE,
            u_out=half.u,
            summary=f"float32 inside, one rounding to {half.name} at the end",
        ),
        Profile(
            "op-by-op",
            half,
            half,
            _SINGLE,
            summary=f"each primitive rounds to {half.name}, sums accumulate in float32",
        ),
        Profile(
            "low-accumulator",
            half,
            half,
            half,
            declared=False,
            summary=f"each primitive rounds to {half.name}, and so does each partial sum",
        ),
    )


_PROFILES: dict[str, tuple[Profile, ...]] = {
    "float64": _float64_profiles(_DOUBLE),
    "float32": _float32_profiles(_SINGLE),
    "bfloat16": _half_profiles(_BRAIN),
    "float16": _half_profiles(DTYPES["float16"]),
}


def profiles(dtype_name: str) -> tuple[Profile, ...]:
    """All profiles of a format, tightest first.

    Raises:
        ValueError: ``dtype_name`` is no format under test.
    """
    return _PROFILES[dtype(dtype_name).name]
