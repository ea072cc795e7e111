"""The floating-point formats under test: their constants, one correct rounding, and their exact bits.

Worker processes import this module beside a framework, so it needs NumPy and ml_dtypes only.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
AnyArray = npt.NDArray[Any]


@dataclass(frozen=True)
class DType:
    """A binary format: ``name``, NumPy ``storage``, and ``precision`` in bits with the hidden one."""

    name: str
    storage: np.dtype[Any]
    precision: int

    @property
    def u(self) -> float:
        """Unit roundoff 2**-p: the largest relative error of one rounding to nearest (Higham, ASNA, 2.1)."""
        return 2.0**-self.precision

    @cached_property
    def smallest_normal(self) -> float:
        """Smallest positive number of full precision."""
        return float(_finfo(self).smallest_normal)

    @cached_property
    def smallest_subnormal(self) -> float:
        """Smallest positive number, the spacing of all numbers below ``smallest_normal``."""
        return float(_finfo(self).smallest_subnormal)

    @cached_property
    def largest(self) -> float:
        """Largest finite number."""
        return float(_finfo(self).max)


def _finfo(dtype: DType) -> Any:
    return ml_dtypes.finfo(dtype.storage)  # type: ignore[no-untyped-call]


DTYPES: dict[str, DType] = {
    "float64": DType("float64", np.dtype(np.float64), 53),
    "float32": DType("float32", np.dtype(np.float32), 24),
    "bfloat16": DType("bfloat16", np.dtype(ml_dtypes.bfloat16), 8),
    "float16": DType("float16", np.dtype(np.float16), 11),
}


def dtype(name: str) -> DType:
    """The format called ``name``.

    Raises:
        ValueError: ``name`` is none of ``DTYPES``.
    """
    if name not in DTYPES:
        raise ValueError(f"dtype is {name!r}, but must be one of {', '.join(DTYPES)}")
    return DTYPES[name]


def round_to(values: npt.ArrayLike, dtype: DType) -> AnyArray:
    """Round float64 ``values`` once, to nearest with ties to even, into the format's storage.

    Overflow gives infinity and subnormals are kept, as IEEE 754 has it.
    """
    with np.errstate(all="ignore"):
        return _stored(np.asarray(values, dtype=np.float64), dtype)


def nearest(values: npt.ArrayLike, dtype: DType) -> Array:
    """What ``round_to`` stores, in float64."""
    with np.errstate(all="ignore"):
        return nearest_quietly(np.asarray(values, dtype=np.float64), dtype)


def nearest_quietly(exact: Array, dtype: DType) -> Array:
    """`nearest` of a float64 array, for callers under whom NumPy's warnings are off already."""
    return exact if dtype.name == "float64" else _stored(exact, dtype).astype(np.float64)


def _stored(exact: Array, dtype: DType) -> AnyArray:
    if dtype.name == "bfloat16":
        # ml_dtypes casts float64 through float32, which rounds twice: 1 + 2**-8 + 2**-40 would give 1.
        return _round_to_odd_float32(exact).astype(dtype.storage)
    return exact.astype(dtype.storage)


def _round_to_odd_float32(exact: Array) -> npt.NDArray[np.float32]:
    """Round to float32 so that a later rounding to at most 22 bits is as good as one rounding.

    An inexact result takes the neighbour whose last bit is 1 (Boldo & Melquiond, "Emulation of FMA and
    correctly rounded sums: proved algorithms using rounding to odd", IEEE Trans. Computers 57(4), 2008).
    """
    nearest = exact.astype(np.float32)
    bits = nearest.view(np.uint32)
    magnitude, size = np.abs(nearest.astype(np.float64)), np.abs(exact)
    move = (magnitude != size) & np.isfinite(nearest) & (bits % 2 == 0)
    step = np.where(size > magnitude, np.uint32(1), np.uint32(0xFFFFFFFF))
    return np.where(move, bits + step, bits).astype(np.uint32).view(np.float32)


def widen(values: AnyArray) -> Array:
    """The same numbers in float64: exact for every format of ``DTYPES``."""
    # A signalling NaN would set the flag for invalid operations.
    with np.errstate(invalid="ignore"):
        return np.asarray(values).astype(np.float64)


# For each type that crosses a process border: the unsigned integers, little-endian, that hold its bits.
_WIRE: dict[str, tuple[np.dtype[Any], np.dtype[Any]]] = {
    **{name: (d.storage, np.dtype(f"<u{d.storage.itemsize}")) for name, d in DTYPES.items()},
    "int32": (np.dtype(np.int32), np.dtype("<u4")),
    "int64": (np.dtype(np.int64), np.dtype("<u8")),
    "bool": (np.dtype(np.bool_), np.dtype("u1")),
}


def encode(array: AnyArray) -> tuple[str, tuple[int, ...], bytes]:
    """Name of the type, shape, and bits of ``array`` in C order, little-endian; NaN payloads are kept.

    Raises:
        ValueError: the array's type is no floating-point format of ``DTYPES``, int32, int64 or bool.
    """
    name = array.dtype.name
    if name not in _WIRE:
        raise ValueError(f"an array of {name} cannot be encoded; allowed are {', '.join(_WIRE)}")
    native, wire = _WIRE[name]
    bits = array.astype(native, copy=False).view(wire.newbyteorder("="))
    return name, array.shape, bits.astype(wire, copy=False).tobytes()


def decode(name: str, shape: tuple[int, ...], data: bytes) -> AnyArray:
    """The array that ``encode`` was given, writable and in native byte order.

    Raises:
        ValueError: ``name`` is no type that ``encode`` writes, or ``data`` does not fill ``shape``.
    """
    if name not in _WIRE:
        raise ValueError(f"arrays of {name!r} cannot be decoded; allowed are {', '.join(_WIRE)}")
    native, wire = _WIRE[name]
    bits = np.frombuffer(data, dtype=wire).reshape(shape)
    return bits.astype(wire.newbyteorder("=")).view(native)
