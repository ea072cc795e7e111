"""Specs of spectrograms."""

from __future__ import annotations

from ..reference import signal as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

FRAMES = "length of a frame, distance of neighbouring ones, and length of the transform"
FAR = Constraint(
    "C1",
    "1 <= frames[1] <= frames[0]",
    "each frame must reach to the next",
    broken_by={"frames": (8, 9, 32)},
    also_broken_by=({"frames": (8, 0, 32)},),
)
LONG = Constraint(
    "C2",
    "frames[0] <= frames[2]",
    "a transform must be no shorter than a frame",
    broken_by={"frames": (8, 4, 6)},
    also_broken_by=({"frames": (12, 4, 8)},),
)
FEW_DIGITS = "dtype in ('bfloat16', 'float16')"
"""Of few digits, what bins have left of a sum shows little, and where a band begins is uncertain."""

ALLEN = Source("Allen (1977)", "https://doi.org/10.1109/TASSP.1977.1162950")
HARRIS = Source("Harris (1978)", "https://doi.org/10.1109/PROC.1978.10837")

stft_spectrogram = Spec(
    reference=reference.stft_spectrogram,
    inputs=(Input("x", "batch, time, channels", meaning="the signal"),),
    parameters=(
        Parameter("mode", ("log", "magnitude", "psd", "stft"), "what is made of the transform"),
        Parameter("frames", ((8, 4, 8), (7, 3, 16), (8, 8, 8)), FRAMES),
        Parameter("window", ("hann", "hamming"), "what a frame is weighted with"),
        Parameter("periodic", (False, True), "whether the window goes on behind its last place", facet=True),
        Parameter("scaling", ("density", "spectrum", None), "what the window is divided by", facet=True),
        Parameter("padding", ("valid", "same"), "none, or as many zeros as a frame for each step needs"),
    ),
    sizes=((2, 25, 3), (1, 12, 1), (3, 33, 2)),
    # A fast transform errs by the largest number of a frame: numbers of many sizes it need not keep apart.
    data=("normal", "offset"),
    constraints=(FAR, LONG),
    excluded=(FEW_DIGITS,),
    sources=(ALLEN, HARRIS),
)

mel_spectrogram = Spec(
    reference=reference.mel_spectrogram,
    inputs=(Input("x", "batch, time", meaning="the signal"),),
    parameters=(
        Parameter("frames", ((32, 16, 32), (25, 10, 32)), FRAMES),
        Parameter("mels", (5, 3), "number of bands"),
        Parameter("rate", (16000.0, 22050.0), "of the samples, in Hertz"),
        Parameter("lowest", (20.0, 300.0), "where the lowest band begins, in Hertz"),
        Parameter("highest", (None, 6000.0), "where the highest band ends, in Hertz; None: half the rate"),
        Parameter("power", (2, 1), "of a magnitude"),
        Parameter("decibels", (True, False), "whether a logarithm is taken"),
        Parameter("floor", (1e-10, 0.5), "the least that a logarithm is taken of"),
        Parameter("unit", (1.0, 2.5), "what has 0 decibels"),
        Parameter("span", (80.0, 12.0), "how far the least may lie below the greatest, in decibels"),
    ),
    sizes=((2, 60), (1, 33), (3, 97)),
    empty=(),
    data=("normal", "offset"),
    constraints=(
        Constraint(
            "C1",
            "frames[0] <= frames[2]",
            "a transform must be no shorter than a window",
            broken_by={"frames": (34, 16, 32)},
            also_broken_by=({"frames": (64, 16, 32)},),
        ),
    ),
    excluded=(
        FEW_DIGITS,
        "not decibels and (floor != 1e-10 or unit != 1.0 or span != 80.0)",
    ),
    sources=(
        ALLEN,
        Source("Stevens, Volkmann and Newman (1937), for the scale", "https://doi.org/10.1121/1.1915893"),
        Source("Young et al. (2006), The HTK book, section 5.4", "https://htk.eng.cam.ac.uk/docs/docs.shtml"),
    ),
)
