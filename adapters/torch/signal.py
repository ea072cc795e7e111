"""The transform of PyTorch, of which a spectrogram is made as users do."""

from __future__ import annotations

from .framework import binds, torch

FLOOR = 1e-7


@binds(
    "stft_spectrogram",
    "torch.stft",
    where={
        "dtype in ('float32', 'float64')": "its transform is of single or double precision on a CPU",
        "1 <= frames[1] <= frames[0] <= frames[2]": "a composition checks no lengths",
        "frames[0] == frames[2]": "a frame is as long as the transform, and the window in its middle",
    },
    fixed={"padding": ("valid", "pads by half a frame, or not")},
    composition=True,
)
def stft_spectrogram(x, *, frames, mode, window, periodic, scaling):
    length, step, transform = frames
    windows = {"hann": torch.hann_window, "hamming": torch.hamming_window}
    taper = windows[window](length, periodic=periodic, dtype=x.dtype, device=x.device)
    if scaling is not None:
        taper = taper / (taper.norm() if scaling == "density" else taper.abs().sum())
    signals = x.movedim(-1, 1).flatten(0, 1)
    spectra = torch.stft(signals, transform, step, length, taper, center=False, return_complex=True)
    parts = torch.view_as_real(spectra.unflatten(0, (x.shape[0], x.shape[-1])).movedim(-1, 1))
    if mode == "stft":
        return parts.movedim(-1, -2).flatten(2)
    found = parts.square().sum(-1)
    if mode == "psd":
        return torch.cat([found[..., :1], 2 * found[..., 1:-1], found[..., -1:]], -1).flatten(2)
    found = found.clamp(min=FLOOR).sqrt()
    return (found.log() if mode == "log" else found).flatten(2)
