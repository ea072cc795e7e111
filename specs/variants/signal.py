"""Faults of spectrograms."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..language.variant import Fault

Array = Any


def _bins(result: Array, channels: int, parts: int) -> Array:
    return np.reshape(result, (*result.shape[:-1], channels, parts, -1))


def _conjugated(result: Array, channels: int) -> Array:
    both = _bins(result, channels, 2)
    return np.reshape(both * np.array([[1.0], [-1.0]]), result.shape)


def _in_turns(result: Array, channels: int) -> Array:
    return np.reshape(np.swapaxes(_bins(result, channels, 2), -1, -2), result.shape)


def _first_doubled(result: Array, channels: int) -> Array:
    bins = _bins(result, channels, 1)
    return np.reshape(np.concatenate([2 * bins[..., :1], bins[..., 1:]], axis=-1), result.shape)


FAULTS = {
    "stft_spectrogram": (
        Fault(
            name="waves that turn the other way",
            results={"y": _conjugated},
            where="mode == 'stft'",
        ),
        Fault(
            name="real and imaginary parts in turns",
            results={"y": _in_turns},
            where="mode == 'stft'",
        ),
        Fault(
            name="the first bin doubled as the others",
            results={"y": _first_doubled},
            where="mode == 'psd'",
        ),
    ),
}
