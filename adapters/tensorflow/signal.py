"""Transforms of tf.signal, of which spectrograms are made as users do."""

from __future__ import annotations

from .framework import binds, tf

REAL = {"dtype in ('float32', 'float64')": "its transform is of single or double precision"}
UNCHECKED = {"1 <= frames[1] <= frames[0] <= frames[2]": "a composition checks no lengths"}
FLOOR = 1e-7


def scaled(taper, scaling):
    """A window over what it is divided by."""
    if scaling is None:
        return taper
    return taper / (tf.norm(taper) if scaling == "density" else tf.reduce_sum(tf.abs(taper)))


@binds(
    "stft_spectrogram",
    "tf.signal.stft",
    where=REAL | UNCHECKED,
    fixed={"padding": ("valid", "pads behind the end alone")},
    composition=True,
)
def stft_spectrogram(x, *, frames, mode, window, periodic, scaling):
    length, step, transform = frames
    windows = {"hann": tf.signal.hann_window, "hamming": tf.signal.hamming_window}
    taper = scaled(windows[window](length, periodic=periodic, dtype=x.dtype), scaling)
    spectra = tf.signal.stft(
        tf.transpose(x, (0, 2, 1)), length, step, transform, window_fn=lambda *_, **__: taper
    )
    if mode == "stft":
        found = tf.concat([tf.math.real(spectra), tf.math.imag(spectra)], -1)
    else:
        found = tf.square(tf.math.real(spectra)) + tf.square(tf.math.imag(spectra))
    if mode == "psd":
        found = tf.concat([found[..., :1], 2 * found[..., 1:-1], found[..., -1:]], -1)
    elif mode != "stft":
        found = tf.sqrt(tf.maximum(found, FLOOR))
    found = tf.transpose(tf.math.log(found) if mode == "log" else found, (0, 2, 1, 3))
    return tf.reshape(found, (x.shape[0], found.shape[1], -1))


@binds(
    "mel_spectrogram",
    "tf.signal.linear_to_mel_weight_matrix",
    where=REAL | {"frames[0] <= frames[2]": "a composition checks no lengths"},
    composition=True,
)
def mel_spectrogram(x, *, frames, mels, rate, lowest, highest, power, decibels, floor, unit, span):
    length, step, transform = frames
    half, before = transform // 2, (transform - length) // 2
    taper = tf.pad(tf.signal.hann_window(length, dtype=x.dtype), [[before, transform - length - before]])
    signal = tf.pad(x, [[0, 0], [half, half]], mode="REFLECT")
    spectra = tf.signal.stft(signal, transform, step, transform, window_fn=lambda *_, **__: taper)
    triangles = tf.signal.linear_to_mel_weight_matrix(
        mels, half + 1, rate, lowest, highest or rate / 2, dtype=x.dtype
    )
    bands = tf.linalg.matmul(tf.abs(spectra) ** power, triangles)
    if decibels:
        level = tf.math.log(tf.maximum(bands, floor) / max(unit, floor)) * tf.cast(
            10 / tf.math.log(tf.constant(10.0, x.dtype)), x.dtype
        )
        bands = tf.maximum(level, tf.reduce_max(level) - span)
    return tf.transpose(bands, (0, 2, 1))
