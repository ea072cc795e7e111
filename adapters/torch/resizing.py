"""Resizing of PyTorch: channels first, and a mode whose name tells the number of axes."""

from __future__ import annotations

from .modules import function, module

FORM = {"on": "x.movedim(-1, 1)", "returns": "y.movedim(1, -1)"}

MODES: dict[str, dict[str | int, str]] = {
    "nearest": {"half_pixel": "nearest-exact", "asymmetric": "nearest"},
    "linear": {1: "linear", 2: "bilinear", 3: "trilinear"},
}
NAMES = {"cubic": "bicubic", "lanczos3": "lanczos"}


def mode_of(method, coordinates, spatial):
    """What torch calls a method for so many axes."""
    known = MODES.get(method, {})
    return known.get(coordinates) or known.get(spatial) or NAMES.get(method, method)


def aligned(method, coordinates):
    """Whether corners are aligned; None where that may not be said."""
    return None if method in ("nearest", "area") else coordinates == "align_corners"


ONE_CUBIC = {
    "method != 'cubic' or spatial == 2": "torch has bicubic interpolation alone",
    "method != 'cubic' or antialias or coefficient == -0.75": "torch's a is -0.75 without antialias",
    "method != 'cubic' or antialias or border == 'clamped'": "torch repeats the outermost element",
}
WHERE = ONE_CUBIC | {
    "method != 'lanczos5'": "torch's lanczos reaches over three elements",
    "method != 'area' or bins == 'whole'": "torch takes whole elements",
    "method != 'lanczos3' or spatial == 2 and antialias": "torch's lanczos is of images, with antialias",
    "not antialias or spatial == 2": "torch's antialias is of images",
    "coordinates != 'align_corners' or method in ('linear', 'cubic')": "torch does not align corners here",
    "coordinates != 'asymmetric' or method == 'nearest'": "torch has no such coordinates",
}
PLAIN = {"antialias": (False, "takes no antialias")}


def factors(x, lengths, surplus):
    """By how much each axis grows, where that is more than whole lengths; None where lengths are given."""
    if not surplus:
        return None
    return tuple((m + surplus) / n for m, n in zip(lengths, x.shape[1:-1], strict=False))


SIZE = {
    "size": "None if surplus else lengths[: x.ndim - 2]",
    "scale_factor": "factors(x, lengths, surplus)",
}
OPTIONS = SIZE | {
    "mode": "mode_of(method, coordinates, x.ndim - 2)",
    "align_corners": "aligned(method, coordinates)",
}

function(
    "resize", "torch.nn.functional.interpolate", OPTIONS | {"antialias": "antialias"}, where=WHERE, **FORM
)
function("resize", "torch.nn.functional.upsample", OPTIONS, where=WHERE, fixed=PLAIN, **FORM)
module("resize", "torch.nn.Upsample", OPTIONS, where=WHERE, fixed=PLAIN, **FORM)

NEAREST = PLAIN | {
    "method": ("nearest", "takes the nearest"),
    "coordinates": ("asymmetric", "takes the low end of a place"),
    "coefficient": (-0.5, "is no cubic"),
    "border": ("renormalized", "has no weights outside"),
    "bins": ("fractional", "is no area"),
}
BILINEAR = NEAREST | {
    "method": ("linear", "interpolates"),
    "coordinates": ("align_corners", "aligns corners"),
}
IMAGES = {"spatial == 2": "is of images"}

function("resize", "torch.nn.functional.upsample_nearest", SIZE, fixed=NEAREST, **FORM)
module("resize", "torch.nn.UpsamplingNearest2d", SIZE, where=IMAGES, fixed=NEAREST, **FORM)
function("resize", "torch.nn.functional.upsample_bilinear", SIZE, where=IMAGES, fixed=BILINEAR, **FORM)
module("resize", "torch.nn.UpsamplingBilinear2d", SIZE, where=IMAGES, fixed=BILINEAR, **FORM)

function(
    "affine_grid",
    "torch.nn.functional.affine_grid",
    {"size": "(len(theta), 1, *lengths[: theta.shape[1]])", "align_corners": "align_corners"},
    on="theta",
)

function(
    "grid_sample",
    "torch.nn.functional.grid_sample",
    {"mode": "mode", "padding_mode": "outside", "align_corners": "align_corners"},
    on="x.movedim(-1, 1), grid",
    returns="y.movedim(1, -1)",
)
