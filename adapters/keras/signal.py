"""Spectrograms of Keras."""

from __future__ import annotations

from .layers import DTYPE, layer

layer(
    "stft_spectrogram",
    "keras.layers.STFTSpectrogram",
    {
        "mode": "mode",
        "frame_length": "frames[0]",
        "frame_step": "frames[1]",
        "fft_length": "frames[2]",
        "window": "window",
        "periodic": "periodic",
        "scaling": "scaling",
        "padding": "padding",
        "data_format": "'channels_last'",
        "trainable": "False",
    }
    | DTYPE,
    where={"frames[1] != 0": "takes 0 for half a frame"},
)
layer(
    "mel_spectrogram",
    "keras.layers.MelSpectrogram",
    {
        "fft_length": "frames[2]",
        "sequence_stride": "frames[1]",
        "sequence_length": "frames[0]",
        "sampling_rate": "rate",
        "num_mel_bins": "mels",
        "min_freq": "lowest",
        "max_freq": "highest",
        "power_to_db": "decibels",
        "top_db": "span",
        "mag_exp": "float(power)",
        "min_power": "floor",
        "ref_power": "unit",
    }
    | DTYPE,
    where={"dtype != 'float64'": "its triangles are of single precision"},
)
