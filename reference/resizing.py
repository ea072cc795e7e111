"""Resizing: arrays sampled anew along each spatial axis of ``(batch, …, channels)``.

Along an axis every method is a matrix of weights, one row for each new element, so that the gradient is the
product with its transpose.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from .checks import Array, require, require_shape
from .selection import plain

__all__ = ["affine_grid", "affine_grid_vjp", "grid_sample", "grid_sample_vjp", "resize", "resize_vjp"]

RADIUS = {"linear": 1, "cubic": 2, "lanczos3": 3, "lanczos5": 5}
"""How far a kernel reaches, in elements of ``x``."""


def resize(
    x: Array,
    *,
    lengths: Sequence[int],
    method: str = "linear",
    coordinates: str = "half_pixel",
    coefficient: float = -0.5,
    border: str = "renormalized",
    bins: str = "fractional",
    antialias: bool = False,
    surplus: float = 0.0,
) -> Array:
    """Resizing to given lengths, axis by axis: ``y[…, o, …] = Σ_i W[o, i] x[…, i, …]``.

    Place ``o`` of ``m`` lies at ``c`` among ``n`` elements: ``(o + ½) n / m - ½`` (``half_pixel``),
    ``o (n - 1) / (m - 1)`` (``align_corners``; 0 where ``m`` is 1), or ``o n / m`` (``asymmetric``). Then

    - ``nearest``: ``y[o] = x[⌊(o + ½) n / m⌋]`` or, asymmetric, ``x[⌊o n / m⌋]``; with aligned corners
      ``x[⌊c + ½⌋]``;
    - ``linear``, ``cubic``, ``lanczos3``, ``lanczos5``: ``W[o, i] = k(c - i)``, with
      ``k(t) = max(1 - |t|, 0)``; that of Keys, ``(a + 2) |t|³ - (a + 3) t² + 1`` within 1 and
      ``a |t|³ - 5 a t² + 8 a |t| - 4 a`` within 2; and
      ``r sin(π t) sin(π t / r) / (π t)²`` within r, for r of 3 or 5;
    - ``area``: the mean over what the place covers, from ``o n / m`` to ``(o + 1) n / m``.

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        lengths: what the spatial axes become, from the first on; more numbers are not used.
        method: one of the above.
        coordinates: one of the above; ``area`` and Lanczos' kernels take ``half_pixel`` alone.
        coefficient: ``a`` of the cubic kernel.
        border: what becomes of weights outside of ``x``: they are left out and the others divided by their
            sum (``renormalized``), or they fall to the outermost element (``clamped``).
        bins: whether ``area`` weighs the elements that a place covers in part by that part (``fractional``),
            or takes each whole.
        antialias: whether a kernel is stretched by ``n / m`` where that is above 1.
        surplus: by how much ``n`` times the factor that was asked for is more than ``m``, from 0 to below 1:
            ``m + surplus`` stands in the place of ``m`` in what is said of half pixels, of low ends and of
            stretching.

    Returns:
        ``(batch, *lengths, channels)``.

    Raises:
        ValueError: a length is below 1, or there are too few; another ``method``; ``surplus`` is none.

    Source: Keys (1981), Cubic convolution interpolation for digital image processing, equation 15 and around;
    Turkowski (1990), Filters for common resampling tasks, for the Lanczos window.
    """
    for axis, m in _axes(x, lengths, method, surplus):
        if method == "nearest":
            x = np.take(x, _nearest(x.shape[axis], m, coordinates, surplus), axis=axis)
        else:
            n = x.shape[axis]
            weights = _weights(x, n, m, method, coordinates, coefficient, border, bins, antialias, surplus)
            x = _along(x, axis, weights)
    return x


def resize_vjp(
    x: Array,
    cotangent: Array,
    *,
    lengths: Sequence[int],
    method: str = "linear",
    coordinates: str = "half_pixel",
    coefficient: float = -0.5,
    border: str = "renormalized",
    bins: str = "fractional",
    antialias: bool = False,
    surplus: float = 0.0,
) -> tuple[Array]:
    """Gradient of `resize`: each element takes of the places what it has given them."""
    for axis, m in _axes(x, lengths, method, surplus):
        n = x.shape[axis]
        if method == "nearest":
            given = np.array(_nearest(n, m, coordinates, surplus))
            each = [np.flatnonzero(given == i) for i in range(n)]
            taken = [np.sum(np.take(cotangent, places, axis=axis), axis=axis) for places in each]
            cotangent = np.stack(taken, axis=axis)
        else:
            weights = _weights(x, n, m, method, coordinates, coefficient, border, bins, antialias, surplus)
            cotangent = _along(cotangent, axis, weights.T)
    return (cotangent,)


def _axes(x: Array, lengths: Sequence[int], method: str, surplus: float) -> list[tuple[int, int]]:
    """The spatial axes of a resizing that may be asked, each with its new length."""
    rank = x.ndim - 2
    require(rank >= 1, f"x must have the axes (batch, …, channels); got shape {x.shape}")
    known = method in ("nearest", "area", *RADIUS)
    require(known, f"method must be nearest, area, {', '.join(RADIUS)}; got {method!r}")
    wanted = tuple(lengths[:rank])
    enough = len(wanted) == rank and min(wanted) >= 1
    require(enough, f"lengths must be {rank} numbers of at least 1; got {lengths}")
    require(0 <= surplus < 1, f"surplus must be from 0 to below 1; got {surplus}")
    return list(enumerate(wanted, start=1))


def _along(x: Array, axis: int, weights: Array) -> Array:
    """The product of a matrix with the slices along an axis."""
    return np.moveaxis(np.matmul(np.moveaxis(x, axis, -1), weights.T), -1, axis)


def _nearest(n: int, m: int, coordinates: str, surplus: float) -> list[int]:
    """Which of ``n`` elements stands at each of ``m`` places, in integers."""
    whole = Fraction(m) + Fraction(surplus).limit_denominator(1000)
    if coordinates == "asymmetric":
        return [math.floor(o * n / whole) for o in range(m)]
    if coordinates == "half_pixel":
        return [math.floor((2 * o + 1) * n / (2 * whole)) for o in range(m)]
    return [(2 * o * (n - 1) + max(m - 1, 1)) // (2 * max(m - 1, 1)) for o in range(m)]


def _weights(
    x: Array,
    n: int,
    m: int,
    method: str,
    coordinates: str,
    coefficient: float,
    border: str,
    bins: str,
    antialias: bool,
    surplus: float,
) -> Array:
    """Weights of ``n`` elements at ``m`` places, as ``(m, n)``.

    They are computed from a one that is like ``x``, so that they carry the error of places in floating point.
    """
    one = np.ones_like(np.reshape(x, (-1, 1))[:1]) if x.size else np.ones((1, 1))
    if method == "area":
        return _covered(one, n, m) if bins == "fractional" else _whole_bins(one, n, m)
    outside = RADIUS[method] if border == "clamped" else 0
    elements = np.arange(-outside, n + outside, dtype=np.float64)
    whole = m + surplus if surplus else m
    stretched = antialias and n > whole
    exact = _places(np.ones((1, 1)), n, m, coordinates, whole) - elements
    exact = exact / (n / whole if stretched else 1.0)
    offsets = (_places(one, n, m, coordinates, whole) - elements) / (one * n / whole if stretched else one)
    weights = KERNELS[method](offsets, np.abs(exact), coefficient)
    if border == "clamped":
        return _folded(weights, outside)
    return weights / np.sum(weights, axis=1, keepdims=True)


def _places(one: Array, n: int, m: int, coordinates: str, whole: float) -> Array:
    """Where among ``n`` elements each of ``m`` places lies, ``whole`` of which would cover all."""
    place = np.reshape(np.arange(m, dtype=np.float64), (m, 1))
    if coordinates == "align_corners":
        return place * (one * (n - 1) / max(m - 1, 1))
    if coordinates == "asymmetric":
        return place * (one * n / whole)
    return (place + np.full((m, 1), 0.5)) * (one * n / whole) - 0.5


def _folded(weights: Array, outside: int) -> Array:
    """Weights of elements beyond either end added to those of the outermost ones."""
    n = weights.shape[1] - 2 * outside
    ends = np.zeros((weights.shape[1], n))
    ends[np.arange(len(ends)), np.clip(np.arange(len(ends)) - outside, 0, n - 1)] = 1.0
    return np.matmul(weights, ends)


def _covered(one: Array, n: int, m: int) -> Array:
    """How much of each element a place covers, of all that it covers."""
    low = np.reshape(np.arange(m, dtype=np.float64), (m, 1)) * (one * n / m)
    element = np.reshape(np.arange(n, dtype=np.float64), (1, n))
    shared = np.minimum(low + one * n / m, element + 1.0) - np.maximum(low, element)
    shared = np.maximum(shared, 0.0)
    return shared / np.sum(shared, axis=1, keepdims=True)


def _whole_bins(one: Array, n: int, m: int) -> Array:
    """Equal weights of the elements that a place covers, if only in part."""
    bins = [range(o * n // m, -(-(o + 1) * n // m)) for o in range(m)]
    inside = np.array([[float(i in covered) for i in range(n)] for covered in bins])
    return (inside * one) / np.sum(inside, axis=1, keepdims=True)


# --- kernels: of offsets, which of them lie where being told apart by their exact sizes ---


def _triangle(offset: Array, size: Array, coefficient: float) -> Array:
    return np.maximum(1.0 - np.abs(offset), 0.0)


def _keys(offset: Array, size: Array, coefficient: float) -> Array:
    t, a = np.abs(offset), coefficient
    near = ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0
    far = ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a
    return np.where(size < 1.0, near, np.where(size < 2.0, far, 0.0))


def _lanczos(offset: Array, size: Array, coefficient: float, radius: float) -> Array:
    t = np.where(size == 0.0, 1.0, offset)
    wave = radius * np.sin(np.pi * t) * np.sin(np.pi * t / radius) / (np.pi * t * (np.pi * t))
    return np.where(size == 0.0, 1.0, np.where(size < radius, wave, 0.0))


KERNELS: dict[str, Callable[[Array, Array, float], Array]] = {
    "linear": _triangle,
    "cubic": _keys,
    "lanczos3": functools.partial(_lanczos, radius=3.0),
    "lanczos5": functools.partial(_lanczos, radius=5.0),
}


# --- where a transformed image is sampled ---


def affine_grid(theta: Array, *, lengths: Sequence[int], align_corners: bool = False) -> Array:
    """Places at which an image is sampled that an affine map transforms.

    ``y[b, h, w, :] = θ[b] (u_w, v_h, 1)``, and of three axes ``θ[b] (u_w, v_h, t_d, 1)``; the last axis comes
    first. Each of ``n`` places is at ``(2 i + 1 - n) / n``, so that -1 and 1 are the edges of the image, or
    with ``align_corners`` at ``(2 i + 1 - n) / (n - 1)``, so that they are the centres of its outermost
    elements

    Args:
        theta: ``(batch, axes, axes + 1)`` for two or three axes.
        lengths: height and width, or depth, height and width, of the result; more numbers are not used.
        align_corners: as above; a lone place is at 0.

    Returns:
        ``(batch, *lengths, axes)``.

    Raises:
        ValueError: ``theta`` is no such array, or a length is below 1.

    Source: Jaderberg, Simonyan, Zisserman and Kavukcuoglu (2015), Spatial transformer networks,
    arXiv:1506.02025, equation 1.
    """
    return np.einsum("...k,bck->b...c", _sampled(theta, lengths, align_corners), theta)


def affine_grid_vjp(
    theta: Array, cotangent: Array, *, lengths: Sequence[int], align_corners: bool = False
) -> tuple[Array]:
    """Gradient of `affine_grid`: the cotangents contracted with the places."""
    places = _sampled(theta, lengths, align_corners)
    flat = np.reshape(places, (-1, places.shape[-1]))
    return (np.einsum("nk,bnc->bck", flat, np.reshape(cotangent, (len(theta), len(flat), theta.shape[1]))),)


def _sampled(theta: Array, lengths: Sequence[int], align_corners: bool) -> Array:
    """Each place before it is transformed, and a 1: ``(*lengths, axes + 1)``."""
    rank = theta.shape[1] if theta.ndim == 3 else 0
    require(rank in (2, 3), f"theta must be (batch, axes, axes + 1) of two or three axes; got {theta.shape}")
    require_shape("theta", theta, (len(theta), rank, rank + 1), "batch, axes, axes + 1")
    wanted = tuple(lengths[:rank])
    enough = len(wanted) == rank and min(wanted) >= 1
    require(enough, f"lengths must be {rank} numbers of at least 1; got {lengths}")
    one = np.ones_like(np.reshape(theta, (-1,))[:1]) if theta.size else np.ones(1)
    coordinates = []
    for axis, n in reversed(list(enumerate(wanted))):
        at = one * (2.0 * np.arange(n) + 1.0 - n) / (max(n - 1, 1) if align_corners else n)
        along = np.reshape(at, tuple(n if i == axis else 1 for i in range(rank)))
        coordinates.append(np.broadcast_to(along, wanted))
    return np.stack([*coordinates, np.broadcast_to(np.reshape(one, (1,) * rank), wanted)], axis=-1)


# --- an image that is read at any places ---

MODES, OUTSIDE = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
BICUBIC = -0.75
"""The coefficient of the cubic kernel."""


def grid_sample(
    x: Array, grid: Array, *, mode: str = "bilinear", outside: str = "zeros", align_corners: bool = False
) -> Array:
    """An image, or a volume, read at places of a grid.

    ``y[b, o, :] = Σ_i Π_a k(c_a - i_a) x[b, i, :]`` with the place ``c_a = ((g_a + 1) n_a - 1) / 2`` among
    the ``n_a`` elements of axis a, or with ``align_corners`` ``c_a = (g_a + 1) (n_a - 1) / 2``; the last axis
    is the first of the grid. For ``bilinear`` ``k(t) = max(1 - |t|, 0)``; for ``bicubic`` it is that of Keys
    with the coefficient -3/4; for ``nearest`` the element at c is taken, rounded half to even.

    Args:
        x: ``(batch, height, width, channels)``, or with a depth before the height.
        grid: ``(batch, *places, axes)``, in which -1 and 1 are the edges of the image, or the centres of its
            outermost elements.
        mode: one of the above; a volume is not read bicubically.
        outside: what is read beyond the image: ``zeros``; the outermost element (``border``); or the image
            again in reverse, and so forth, about its edges, or the centres of its outermost elements
            (``reflection``). Places are moved so, but in ``bicubic`` each element that is read.
        align_corners: as above.

    Returns:
        ``(batch, *places, channels)``.

    Raises:
        ValueError: a shape does not fit, or a mode is unknown.

    Source: Jaderberg, Simonyan, Zisserman and Kavukcuoglu (2015), Spatial transformer networks,
    arXiv:1506.02025, equation 3; Keys (1981) for the kernel; torch.nn.functional.grid_sample for what is
    outside.
    """
    weights, _ = _read(x, grid, mode, outside, align_corners)
    read, space = _names(len(weights))
    y = np.einsum(f"{','.join(read)},{space}->bpz", *weights, x)
    return np.reshape(y, (*grid.shape[:-1], x.shape[-1]))


def grid_sample_vjp(
    x: Array,
    grid: Array,
    cotangent: Array,
    *,
    mode: str = "bilinear",
    outside: str = "zeros",
    align_corners: bool = False,
) -> tuple[Array, Array]:
    """Gradient of `grid_sample`: elements take what they gave; places take the slopes of the weights.

    Where a kernel of the places has a kink, at an element, the slope is that on its right. Places that were
    moved to the border have none, nor have those upon it.
    """
    weights, slopes = _read(x, grid, mode, outside, align_corners)
    read, space = _names(len(weights))
    given = np.reshape(cotangent, (len(x), math.prod(grid.shape[1:-1]), x.shape[-1]))
    of_x = np.einsum(f"{','.join(read)},bpz->{space}", *weights, given)
    of_places = []
    for axis, slope in enumerate(slopes):
        factors = [slope if a == axis else weight for a, weight in enumerate(weights)]
        of_places.append(np.einsum(f"{','.join(read)},{space},bpz->bp", *factors, x, given))
    return of_x, np.reshape(np.stack(of_places[::-1], axis=-1), grid.shape)


def _names(rank: int) -> tuple[list[str], str]:
    """Subscripts of the weights of each axis, and of the image."""
    return [f"bp{axis}" for axis in "ijk"[:rank]], f"b{'ijk'[:rank]}z"


def _read(
    x: Array, grid: Array, mode: str, outside: str, align_corners: bool
) -> tuple[list[Array], list[Array]]:
    """Of each axis, how much of its elements each place reads, and the slopes in the grid of that."""
    rank = x.ndim - 2
    require(rank in (2, 3), f"x must have two or three axes in space; got shape {x.shape}")
    require_shape("grid", grid, (len(x), *grid.shape[1 : rank + 1], rank), "batch, *places, axes")
    known = MODES[: 3 if rank == 2 else 2]
    require(mode in known, f"mode must be one of {', '.join(known)}; got {mode!r}")
    require(outside in OUTSIDE, f"outside must be one of {', '.join(OUTSIDE)}; got {outside!r}")
    found = []
    for axis, n in enumerate(x.shape[1:-1]):
        at = np.reshape(grid[..., rank - 1 - axis], (len(x), math.prod(grid.shape[1:-1]), 1))
        half = (n - 1) / 2 if align_corners else n / 2
        place = (at + 1.0) * half if align_corners else ((at + 1.0) * n - 1.0) / 2.0
        weight, slope = _taps(place, n, mode, outside, align_corners)
        found.append((weight, slope * half))
    weights, slopes = zip(*found, strict=True)
    return list(weights), list(slopes)


def _taps(place: Array, n: int, mode: str, outside: str, align_corners: bool) -> tuple[Array, Array]:
    """How much of ``n`` elements is read at each place, ``(batch, places, n)``, and the slopes of that."""
    if mode == "bicubic":
        first, last = (int(end(plain(place))) for end in (np.min, np.max))
        elements = np.arange(min(first, 0) - 3, max(last, n - 1) + 4)
        _, moved = _moved(elements[:, np.newaxis], n, outside, align_corners)
        read = moved if outside != "zeros" else elements[:, np.newaxis]
        kept = np.where(read == np.arange(n), 1.0, 0.0)
        offset = place - elements
        size = np.abs(plain(offset))
        return np.matmul(_keys(offset, size, BICUBIC), kept), np.matmul(_keys_slope(offset, size), kept)
    sign = 1.0
    if outside != "zeros":
        sign, place = _moved(place, n, outside, align_corners)
    beyond = np.arange(n) - place
    if mode == "nearest":
        return np.where(np.rint(place) == np.arange(n), 1.0, 0.0), np.zeros(beyond.shape)
    right, left = (beyond > 0) & (beyond <= 1), (beyond > -1) & (beyond <= 0)
    slope = np.where(right, 1.0, np.where(left, -1.0, 0.0))
    return np.maximum(1.0 - np.abs(beyond), 0.0), slope * sign


def _moved(place: Array, n: int, outside: str, align_corners: bool) -> tuple[Array, Array]:
    """The slope of the move into ``n`` elements, and places so moved."""
    sign = 1.0
    if outside == "reflection":
        sign, place = _reflected(place, n, align_corners)
    return np.where((place > 0) & (place < n - 1), sign, 0.0), np.clip(place, 0.0, n - 1.0)


def _reflected(place: Array, n: int, align_corners: bool) -> tuple[Array, Array]:
    """Whether places are read forward (1) or in reverse (-1), and places between the mirrors."""
    low, span = (0.0, n - 1.0) if align_corners else (-0.5, float(n))
    if span == 0:
        return np.zeros(place.shape), 0.0 * place
    distance = np.abs(place - low)
    times = np.floor(plain(distance) / span)
    forward = times % 2 == 0
    beyond = np.where(forward, distance - times * span, (times + 1.0) * span - distance)
    return np.where((plain(place) >= low) == forward, 1.0, -1.0), beyond + low


def _keys_slope(offset: Array, size: Array) -> Array:
    """The derivative of `_keys`."""
    t, a = np.abs(offset), BICUBIC
    near = (3.0 * (a + 2.0) * t - 2.0 * (a + 3.0)) * t
    far = (3.0 * a * t - 10.0 * a) * t + 8.0 * a
    return np.sign(offset) * np.where(size < 1.0, near, np.where(size < 2.0, far, 0.0))
