"""Signals: spectra of the frames that a signal is cut into, and what is heard of them."""

from __future__ import annotations

import math

import numpy as np

from .chain import chained, part
from .checks import Array, require
from .convolution import depthwise_conv
from .windows import Padding

__all__ = ["mel_spectrogram", "mel_spectrogram_vjp", "stft_spectrogram", "stft_spectrogram_vjp"]

Frames = tuple[int, int, int]

FLOOR = 1e-7
"""The least power of which a root is taken, and the least magnitude of which a logarithm is."""

COSINE = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}
"""The constant of a window, and the part of a cosine that is taken off."""

MODES = ("log", "magnitude", "psd", "stft")


def stft_spectrogram(
    x: Array,
    *,
    frames: Frames,
    mode: str = "log",
    window: str = "hann",
    periodic: bool = False,
    scaling: str | None = "density",
    padding: Padding = "valid",
) -> Array:
    """Spectrogram by the short-time Fourier transform of each channel.

    ``R_k - i J_k = Σ_t w_t x[b, o s + t - p, c] exp(-2π i k t / F) / S`` for the places ``t < L`` of frame
    ``o``, strides ``s``, low padding ``p`` and the bins ``k ≤ F / 2``. Then ``P = R² + J²``, and

    - ``stft``: all ``R``, then all ``-J``;
    - ``psd``: ``P``, doubled but for the first bin and the last;
    - ``magnitude``: ``√max(P, 1e-7)``;
    - ``log``: the logarithm of the magnitude.

    The window is ``w_t = a - (1 - a) cos(2π t / (L - 1))``, or of ``periodic`` ones ``cos(2π t / L)``, with
    ``a = 1/2`` (``hann``) or ``0.54`` (``hamming``); ``S = √Σ w²`` (``density``), ``Σ |w|``
    (``spectrum``), or 1.

    Args:
        x: ``(batch, time, channels)``.
        frames: length ``L`` of a frame, distance ``s`` of neighbouring ones, and length ``F`` of the
            transform, an even one.
        mode: one of the above.
        window: one of the above.
        periodic: as above.
        scaling: ``density``, ``spectrum`` or None.
        padding: as of `conv`, of the time.

    Returns:
        ``(batch, frames, channels * bins)``, the bins running fastest; of ``stft`` twice as many bins.

    Raises:
        ValueError: frames do not reach from one to the next, a transform is shorter than a frame, no frame
            fits, or an option is none of these.

    Source: Allen (1977), Short term spectral analysis, synthesis, and modification by discrete Fourier
    transform; Harris (1978), On the use of windows for harmonic analysis with the discrete Fourier transform,
    for the windows; keras.layers.STFTSpectrogram for the scales and floors.
    """
    require(mode in MODES, f"mode must be one of {', '.join(MODES)}; got {mode!r}")
    require(
        scaling in ("density", "spectrum", None),
        f"scaling must be density, spectrum or None; got {scaling!r}",
    )
    length, step, transform = _frames(frames)
    one = _one(x)
    taper = _window(one, length, window, periodic)
    if scaling is not None:
        taper = taper / (np.sqrt(np.sum(taper * taper)) if scaling == "density" else np.sum(np.abs(taper)))
    kernel = np.repeat(_waves(one, taper, transform)[:, np.newaxis], x.shape[-1], axis=1)
    transformed = part(depthwise_conv, x, kernel, None, strides=step, padding=padding)
    return transformed if mode == "stft" else part(spectrum, transformed, channels=x.shape[-1], mode=mode)


stft_spectrogram_vjp = chained(stft_spectrogram, wrt=1)


def spectrum(transformed: Array, *, channels: int, mode: str) -> Array:
    """What is made of a transform, whose parts ``R`` and ``-J`` follow each other in every channel."""
    real, imaginary = _parts(transformed, channels)
    power = real * real + imaginary * imaginary
    size = power * _doubled(power.shape[-1]) if mode == "psd" else np.sqrt(np.maximum(power, FLOOR))
    shape = (*transformed.shape[:-1], transformed.shape[-1] // 2)
    return np.reshape(np.log(size) if mode == "log" else size, shape)


def spectrum_vjp(transformed: Array, cotangent: Array, *, channels: int, mode: str) -> tuple[Array]:
    """Gradient of `spectrum`: 0 where there is less than the floor."""
    real, imaginary = _parts(transformed, channels)
    power = real * real + imaginary * imaginary
    share = np.reshape(cotangent, power.shape)
    if mode == "psd":
        share = 2.0 * _doubled(power.shape[-1]) * share
    else:
        held = np.maximum(power, FLOOR)
        share = np.where(power > FLOOR, share / (np.sqrt(held) if mode == "magnitude" else held), 0.0)
    both = np.stack([share * real, share * imaginary], axis=-2)
    return (np.reshape(both, transformed.shape),)


def _parts(transformed: Array, channels: int) -> tuple[Array, Array]:
    """``R`` and ``-J``, each ``(batch, frames, channels, bins)``."""
    bins = transformed.shape[-1] // (2 * channels)
    both = np.reshape(transformed, (*transformed.shape[:-1], channels, 2, bins))
    return both[..., 0, :], both[..., 1, :]


def _doubled(bins: int) -> Array:
    """2 for each bin but the first and the last, whose negative frequencies are no others."""
    return np.where((np.arange(bins) == 0) | (np.arange(bins) == bins - 1), 1.0, 2.0)


def _frames(frames: Frames) -> Frames:
    length, step, transform = frames
    require(1 <= step <= length, f"frames of {length} must be 1 to {length} apart; got {step}")
    require(length <= transform, f"a transform must be no shorter than a frame of {length}; got {transform}")
    require(transform % 2 == 0, f"a transform must be of an even length; got {transform}")
    return length, step, transform


def _one(x: Array) -> Array:
    """A one that is like ``x``, so that what is computed from it carries the error of doing so."""
    return np.ones_like(np.reshape(x, (-1,))[:1]) if x.size else np.ones(1)


def _pi(one: Array) -> Array:
    """π with the error of a rounded product: by itself a constant is exact, and so is its product with ½."""
    return one * 3.0 * (math.pi / 3.0)


def _window(one: Array, length: int, name: str, periodic: bool) -> Array:
    """The weights of the places of a frame."""
    require(name in COSINE, f"window must be one of {', '.join(COSINE)}; got {name!r}")
    constant, part_of_cosine = COSINE[name]
    turns = np.arange(length) / max(length if periodic else length - 1, 1)
    return one * constant - one * part_of_cosine * np.cos(2.0 * _pi(one) * turns)


def _waves(one: Array, taper: Array, transform: int) -> Array:
    """The real parts of the waves of all bins, then the imaginary ones: ``(length, 2 bins)``."""
    turns = np.arange(len(taper))[:, np.newaxis] * (one * np.arange(transform // 2 + 1) / transform)
    angles = 2.0 * _pi(one) * turns
    return np.concatenate([np.cos(angles), -np.sin(angles)], axis=1) * taper[:, np.newaxis]


# --- mel ---


def mel_spectrogram(
    x: Array,
    *,
    frames: Frames,
    mels: int,
    rate: float,
    lowest: float = 20.0,
    highest: float | None = None,
    power: int = 2,
    decibels: bool = True,
    floor: float = 1e-10,
    unit: float = 1.0,
    span: float = 80.0,
) -> Array:
    """Mel spectrogram: what is heard in each frame, in bands as wide as the ear takes them.

    ``M[b, m, o] = Σ_k |X[b, o, k]|^p T[k, m]`` with the transforms ``X`` of frames about the places ``o s``,
    under a periodic Hann window in the middle of each, the signal being reflected at its ends; and then, in
    decibels, ``D = 10 log10 max(M, floor) - 10 log10 max(unit, floor)``, below ``max D - span`` only that,
    where the greatest is that of the whole batch.

    ``T`` are triangles, from 0 over 1 to 0 between ``mels + 2`` equally distant places on the scale
    ``1127 ln(1 + f / 700)`` of the frequencies ``f_k = k rate / F``, from ``lowest`` to ``highest``, none of
    them for ``k = 0``.

    Args:
        x: ``(batch, time)``.
        frames: length ``L`` of the window, distance ``s`` of neighbouring frames, and their length ``F``,
            that of the transform, an even one.
        mels: number of bands.
        rate: of the samples, in Hertz.
        lowest: where the lowest band begins, in Hertz.
        highest: where the highest one ends; None for half the rate.
        power: ``p``, 1 or 2.
        decibels: whether a logarithm is taken.
        floor: the least that a logarithm is taken of.
        unit: what has 0 decibels.
        span: how far the least may lie below the greatest, in decibels.

    Returns:
        ``(batch, mels, ⌊time / s⌋ + 1)``.

    Raises:
        ValueError: as `stft_spectrogram`, the signal is too short to be reflected, or ``power`` is neither.

    Source: O'Shaughnessy (1987), Speech communication: human and machine, for the scale; Young et al. (2006),
    The HTK book, section 5.4, for the triangles; keras.layers.MelSpectrogram for the span.
    """
    require(power in (1, 2), f"power must be 1 or 2; got {power}")
    require(mels >= 1, f"mels must be positive; got {mels}")
    length, step, transform = _frames(frames)
    one = _one(x)
    before = (transform - length) // 2
    taper = np.pad(_window(one, length, "hann", True), (before, transform - length - before))
    signal = part(reflected, x, width=transform // 2)
    waves = _waves(one, taper, transform)[:, np.newaxis]
    transformed = part(depthwise_conv, signal, waves, None, strides=step)
    bands = part(
        banded, transformed, triangles=_triangles(one, transform, mels, rate, lowest, highest), power=power
    )
    if decibels:
        bands = part(loudness, bands, floor=floor, unit=one * unit, span=span)
    return bands


mel_spectrogram_vjp = chained(mel_spectrogram)


def reflected(x: Array, *, width: int) -> Array:
    """A signal with its own reflection beside both ends, as ``(batch, time, 1)``."""
    length = x.shape[-1]
    require(width < length, f"a signal must be longer than {width} to be reflected; got {length}")
    places = [*range(width, 0, -1), *range(length), *range(length - 2, length - 2 - width, -1)]
    return np.take(x, places, axis=1)[..., np.newaxis]


def reflected_vjp(x: Array, cotangent: Array, *, width: int) -> tuple[Array]:
    """Gradient of `reflected`: each place adds up what it and its images have."""
    length, given = x.shape[-1], cotangent[..., 0]
    inside = given[:, width : width + length]
    low = np.flip(given[:, :width], 1)
    high = np.flip(given[:, width + length :], 1)
    low = np.pad(low, ((0, 0), (1, length - 1 - width)))
    high = np.pad(high, ((0, 0), (length - 1 - width, 1)))
    return (inside + low + high,)


def banded(transformed: Array, *, triangles: Array, power: int) -> Array:
    """The magnitude of each bin, or its square, in bands: ``(batch, mels, frames)``."""
    real, imaginary = _parts(transformed, 1)
    squared = np.squeeze(real * real + imaginary * imaginary, axis=2)
    size = np.sqrt(squared)
    return np.swapaxes(np.matmul(size if power == 1 else size * size, triangles), 1, 2)


def banded_vjp(transformed: Array, cotangent: Array, *, triangles: Array, power: int) -> tuple[Array]:
    """Gradient of `banded`; of a magnitude that is 0 it is 0."""
    real, imaginary = _parts(transformed, 1)
    share = np.matmul(np.swapaxes(cotangent, 1, 2), triangles.T)[:, :, np.newaxis]
    if power == 1:
        size = np.sqrt(real * real + imaginary * imaginary)
        share = np.where(size == 0, 0.0, share / np.where(size == 0, 1.0, size))
    else:
        share = 2.0 * share
    both = np.stack([share * real, share * imaginary], axis=-2)
    return (np.reshape(both, transformed.shape),)


def loudness(bands: Array, *, floor: float, unit: Array, span: float) -> Array:
    """Bands in decibels."""
    level = 10.0 * np.log10(np.maximum(bands, floor)) - 10.0 * np.log10(np.maximum(unit, floor))
    return np.maximum(level, np.max(level) - span)


def loudness_vjp(bands: Array, cotangent: Array, *, floor: float, unit: Array, span: float) -> tuple[Array]:
    """Gradient of `loudness`: the greatest has that of all that lie too far below it; 0 at the floor."""
    level = 10.0 * np.log10(np.maximum(bands, floor))
    greatest = np.max(level)
    heard = level > greatest - span
    beside = np.sum(np.where(heard, 0.0, cotangent))
    first = np.reshape(np.arange(bands.size) == np.argmax(np.reshape(level, -1)), bands.shape)
    share = np.where(heard, cotangent, 0.0) + np.where(first, beside, 0.0)
    kept = bands > floor
    return (np.where(kept, 10.0 / math.log(10.0) * share / np.where(kept, bands, 1.0), 0.0),)


def _triangles(
    one: Array, transform: int, mels: int, rate: float, lowest: float, highest: float | None
) -> Array:
    """How much of each bin each band hears: ``(bins, mels)``."""
    bins = transform // 2
    frequencies = one * (np.arange(1, bins + 1) * (rate / 2 / bins))
    places = _mel(frequencies)[:, np.newaxis]
    ends = _mel(one * lowest), _mel(one * (rate / 2 if highest is None else highest))
    edges = ends[0] + (ends[1] - ends[0]) * (np.arange(mels + 2) / (mels + 1))
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    heard = np.minimum((places - low) / (middle - low), (high - places) / (high - middle))
    return np.pad(np.maximum(heard, 0.0), ((1, 0), (0, 0)))


def _mel(frequency: Array) -> Array:
    """The place of a frequency, in Hertz, on the scale of the ear."""
    return 1127.0 * np.log(1.0 + frequency / 700.0)
