"""Spectrograms: their definitions in forty digits, figures worked by hand, laws, and bad input."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.signal import (
    loudness,
    loudness_vjp,
    mel_spectrogram,
    mel_spectrogram_vjp,
    stft_spectrogram,
    stft_spectrogram_vjp,
)

X = Stream("signal/x").normal((2, 17, 2))
MEL = {"frames": (9, 5, 16), "mels": 3, "rate": 8000.0}


@proves(stft_spectrogram, stft_spectrogram_vjp, by="worked figures")
def test_an_impulse_has_all_bins_by_the_window_at_its_place():
    x = carried(np.reshape([0.0, 0, 1, 0], (1, 4, 1)))
    options = {
        "frames": (4, 4, 4),
        "periodic": True,
        "scaling": "spectrum",
    }  # (0, 1/2, 1, 1/2), which add up to 2
    assert_same(stft_spectrogram(x, mode="stft", **options).ravel(), [0.5, -0.5, 0.5, 0, 0, 0], size=1.0)
    assert_same(stft_spectrogram(x, mode="psd", **options).ravel(), [0.25, 0.5, 0.25], size=1.0)
    assert_same(stft_spectrogram(x, mode="magnitude", **options).ravel(), [0.5, 0.5, 0.5], size=1.0)
    g = np.reshape([1.0, 0, 0], (1, 1, 3))
    (gradient,) = stft_spectrogram_vjp(x, g, mode="psd", **options)
    assert_same(gradient.ravel(), [0, 0.25, 0.5, 0.25], size=1.0)


def transform(signal, weights, fft):
    """The bins of weighted places, in forty digits."""
    return [
        mpmath.fsum(
            mpmath.mpf(float(x)) * w * mpmath.expjpi(-mpmath.mpf(2 * k * t) / fft)
            for t, (x, w) in enumerate(zip(signal, weights, strict=True))
        )
        for k in range(fft // 2 + 1)
    ]


def taper(a, length, periodic):
    turns = length if periodic else length - 1
    return [a - (1 - a) * mpmath.cospi(mpmath.mpf(2 * t) / turns) for t in range(length)]


@proves(stft_spectrogram, by="high precision")
@pytest.mark.parametrize("mode", ["log", "psd"])
@pytest.mark.parametrize(
    ("window", "periodic", "scaling"), [("hann", False, "density"), ("hamming", True, None)]
)
def test_a_spectrogram_is_its_definition_in_forty_digits(mode, window, periodic, scaling):
    y = stft_spectrogram(
        carried(X), frames=(6, 4, 8), mode=mode, window=window, periodic=periodic, scaling=scaling
    )
    with mpmath.workdps(40):
        weights = taper(mpmath.mpf("0.5") if window == "hann" else mpmath.mpf(0.54), 6, periodic)
        scale = mpmath.sqrt(mpmath.fsum(w * w for w in weights)) if scaling else 1
        expected = np.zeros(y.shape)
        for b, o, c in np.ndindex(2, 3, 2):
            power = [abs(z / scale) ** 2 for z in transform(X[b, 4 * o : 4 * o + 6, c], weights, 8)]
            if mode == "log":
                found = [mpmath.log(mpmath.sqrt(max(p, mpmath.mpf(1e-7)))) for p in power]
            else:
                found = [p * (1 if k in (0, 4) else 2) for k, p in enumerate(power)]
            expected[b, o, 5 * c : 5 * c + 5] = [float(f) for f in found]
    assert_same(y, expected)


@proves(mel_spectrogram, by="high precision")
def test_a_mel_spectrogram_is_its_definition_in_forty_digits():
    x, (length, step, fft) = X[..., 0], MEL["frames"]
    y = mel_spectrogram(carried(x), **MEL, unit=2.0)
    with mpmath.workdps(40):
        weights = [mpmath.mpf(0)] * 3 + taper(mpmath.mpf("0.5"), length, True) + [mpmath.mpf(0)] * 4
        scale = [1127 * mpmath.log(1 + mpmath.mpf(k * 500) / 700) for k in range(9)]
        low = 1127 * mpmath.log(1 + mpmath.mpf(20) / 700)
        edges = [low + (scale[8] - low) * i / 4 for i in range(5)]
        expected = np.zeros(y.shape)
        for b, o in np.ndindex(2, 4):
            signal = np.pad(x[b], 8, mode="reflect")[step * o : step * o + fft]
            squares = [abs(z) ** 2 for z in transform(signal, weights, fft)]
            for m in range(3):
                heard = [
                    max(
                        0,
                        min(
                            (s - edges[m]) / (edges[m + 1] - edges[m]),
                            (edges[m + 2] - s) / (edges[m + 2] - edges[m + 1]),
                        ),
                    )
                    for s in scale[1:]
                ]
                band = mpmath.fsum(h * p for h, p in zip(heard, squares[1:], strict=True))
                expected[b, m, o] = float(10 * mpmath.log10(band) - 10 * mpmath.log10(2))
    assert_same(y, expected)


@proves(stft_spectrogram_vjp, by="law")
def test_a_transform_is_linear_and_a_density_is_of_degree_two():
    for mode, degree in (("stft", 1), ("psd", 2)):
        x, options = carried(X), {"frames": (6, 3, 8), "mode": mode, "padding": "same"}
        y = stft_spectrogram(x, **options)
        g = Stream(f"signal/{mode}").normal(y.shape)
        (gradient,) = stft_spectrogram_vjp(x, carried(g), **options)
        assert_same(np.sum(x * gradient), degree * np.sum(carried(g) * y))


@proves(mel_spectrogram_vjp, by="law")
@pytest.mark.parametrize("power", [1, 2])
def test_bands_are_of_the_degree_of_their_power(power):
    x, options = carried(X[..., 1]), MEL | {"power": power, "decibels": False}
    y = mel_spectrogram(x, **options)
    g = Stream("signal/mel").normal(y.shape)
    (gradient,) = mel_spectrogram_vjp(x, carried(g), **options)
    assert_same(np.sum(x * gradient), power * np.sum(carried(g) * y))


@proves(mel_spectrogram, by="law")
def test_twice_the_signal_is_four_times_as_loud():
    once, twice = (mel_spectrogram(carried(a * X[..., 0]), **MEL) for a in (1.0, 2.0))
    assert_same(twice, once + 20 * math.log10(2))


def test_what_lies_too_far_below_the_greatest_has_its_level_and_gives_it_its_gradient():
    bands, one = carried(np.reshape([10.0, 100.0, 1e-3, 1e-12], (1, 4, 1))), np.ones(1)
    options = {"floor": 1e-10, "unit": one, "span": 15.0}
    assert_same(loudness(bands, **options).ravel(), [10, 20, 5, 5], size=20.0)
    g = np.reshape([1.0, 2, 4, 8], bands.shape)
    (gradient,) = loudness_vjp(bands, g, **options)
    assert_same(gradient.ravel(), np.array([1 / 10, 14 / 100, 0, 0]) * 10 / math.log(10), size=1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": (4, 5, 8)}, "1 to 4 apart; got 5"),
        ({"frames": (4, 0, 8)}, "1 to 4 apart; got 0"),
        ({"frames": (9, 5, 8)}, "no shorter than a frame of 9"),
        ({"frames": (4, 4, 7)}, "even length; got 7"),
        ({"frames": (18, 4, 18)}, "must fit"),
        ({"frames": (4, 4, 4), "mode": "angle"}, "mode must be one of log"),
        ({"frames": (4, 4, 4), "window": "blackman"}, "window must be one of hann"),
        ({"frames": (4, 4, 4), "scaling": "power"}, "scaling must be"),
    ],
)
def test_frames_that_are_none_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        stft_spectrogram(X, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"power": 3}, "power must be 1 or 2"),
        ({"mels": 0}, "mels must be positive"),
        ({"frames": (32, 16, 34)}, "longer than 17 to be reflected"),
    ],
)
def test_bands_that_are_none_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        mel_spectrogram(X[..., 0], **MEL | options)
