"""The transform of jax.scipy, of which a spectrogram is made as users do."""

from __future__ import annotations

import numpy as np

from .framework import binds, jax, jnp

FLOOR = 1e-7


@binds(
    "stft_spectrogram",
    "jax.scipy.signal.stft",
    where={
        "dtype in ('float32', 'float64')": "its transform is of single or double precision",
        "1 <= frames[1] <= frames[0] <= frames[2]": "a composition checks no lengths",
    },
    fixed={"padding": ("valid", "pads by half a frame, or not")},
    composition=True,
)
def stft_spectrogram(x, *, frames, mode, window, periodic, scaling):
    length, step, transform = frames
    a = {"hann": 0.5, "hamming": 0.54}[window]
    taper = a - (1 - a) * np.cos(2 * np.pi * np.arange(length) / (length if periodic else length - 1))
    back = np.sum(taper)  # it returns what is divided by this
    scale = back / {"density": np.sqrt(np.sum(taper**2)), "spectrum": back, None: 1.0}[scaling]
    _, _, spectra = jax.scipy.signal.stft(
        jnp.moveaxis(x, -1, 1),
        window=jnp.asarray(taper, x.dtype),
        nperseg=length,
        noverlap=length - step,
        nfft=transform,
        boundary=None,
        padded=False,
    )
    spectra = float(scale) * spectra.transpose(0, 3, 1, 2)
    if mode == "stft":
        found = jnp.concatenate([spectra.real, spectra.imag], -1)
    else:
        found = spectra.real**2 + spectra.imag**2
    if mode == "psd":
        found = jnp.concatenate([found[..., :1], 2 * found[..., 1:-1], found[..., -1:]], -1)
    elif mode != "stft":
        found = jnp.sqrt(jnp.maximum(found, FLOOR))
    return (jnp.log(found) if mode == "log" else found).reshape(*spectra.shape[:2], -1)
