"""Specs of resizing."""

from __future__ import annotations

from ..reference import resizing as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec, sizes_of

resize = Spec(
    reference=reference.resize,
    inputs=(Input("x", "batch, *(height, width, 3)[:spatial], channels", meaning="what is sampled anew"),),
    parameters=(
        Parameter(
            "method",
            ("linear", "nearest", "cubic", "area", "lanczos3", "lanczos5"),
            "how a place between elements is read",
        ),
        Parameter(
            "lengths",
            ((7, 3, 5), (10, 8, 6), (3, 7, 2)),
            "what the axes become, of which the first ones are used",
        ),
        Parameter(
            "coordinates",
            ("half_pixel", "align_corners", "asymmetric"),
            "where a place lies: centres of ends of equal parts, the outermost on each other, or its low end",
            facet=True,
        ),
        Parameter(
            "antialias", (False, True), "whether a kernel is stretched where lengths shrink", facet=True
        ),
        Parameter("coefficient", (-0.5, -0.75), "of the cubic kernel, its slope at 1", facet=True),
        Parameter(
            "border",
            ("renormalized", "clamped"),
            "whether weights outside are shared out, or fall to the outermost element",
            facet=True,
        ),
        Parameter(
            "bins",
            ("fractional", "whole"),
            "whether an element that an area covers in part counts in part",
            facet=True,
        ),
        Parameter(
            "spatial", (2, 1, 3), "number of axes between batch and channels; a third one has length 3"
        ),
        # At 0.3 no place falls on the border of two cells, where a factor that is rounded decides.
        Parameter(
            "surplus",
            (0.0, 0.3),
            "by how much lengths times the factor that is asked for are more than whole; 0: lengths are",
            facet=True,
        ),
    ),
    sizes=((2, 5, 4, 3), (1, 3, 6, 1)),
    grid={
        "size": sizes_of((1,), range(1, 13), (1,), (1,)),
        "lengths": tuple((m, 1, 1) for m in range(1, 13)),
        "method": ("nearest", "linear"),
        "coordinates": ("half_pixel", "align_corners", "asymmetric"),
        "spatial": (1,),
    },
    data=("normal", "wide", "specials"),
    constraints=(
        Constraint(
            "C1",
            "min(lengths) >= 1",
            "lengths must be positive",
            broken_by={"lengths": (-1, 2, 2)},
            also_broken_by=({"lengths": (0, 2, 2)},),
        ),
    ),
    excluded=(
        "data == 'specials' and method != 'nearest'",
        "coordinates == 'align_corners' and method not in ('linear', 'cubic')",
        "coordinates == 'asymmetric' and method != 'nearest'",
        "antialias and (method in ('nearest', 'area') or coordinates != 'half_pixel')",
        "(coefficient != -0.5 or border != 'renormalized') and (method != 'cubic' or antialias)",
        "bins == 'whole' and method != 'area'",
        "surplus != 0 and (method in ('area', 'lanczos3', 'lanczos5') or coordinates == 'align_corners')",
        # Of so few digits Lanczos' kernels cannot be told from each other, nor from that of Keys.
        "dtype == 'bfloat16' and method in ('lanczos3', 'lanczos5')",
    ),
    sources=(
        Source("Keys (1981)", "https://doi.org/10.1109/TASSP.1981.1163711"),
        Source("ONNX, Resize: coordinate_transformation_mode", "https://onnx.ai/onnx/operators/onnx__Resize"),
    ),
)

affine_grid = Spec(
    reference=reference.affine_grid,
    inputs=(Input("theta", "batch, spatial, spatial + 1", meaning="an affine map for each image"),),
    parameters=(
        Parameter("lengths", ((3, 5, 4), (1, 6, 2)), "of the result, of which the first are used"),
        Parameter("spatial", (2, 3), "number of axes"),
        Parameter(
            "align_corners",
            (False, True),
            "whether -1 and 1 are the centres of the outermost elements, or the edges",
            facet=True,
        ),
    ),
    axes="batch",
    sizes=((3,), (1,)),
    data=("normal", "wide", "nan"),
    constraints=(
        Constraint(
            "C1",
            "min(lengths) >= 1",
            "lengths must be positive",
            broken_by={"lengths": (0, 5, 4)},
            also_broken_by=({"lengths": (3, -1, 4)},),
        ),
        Constraint(
            "C2",
            "theta[2] == theta[1] + 1",
            "theta must have a column for each axis and one more",
            broken_by={"theta": "batch, spatial, spatial + 2"},
            also_broken_by=({"theta": "batch, spatial, spatial"},),
        ),
    ),
    sources=(Source("Jaderberg et al. (2015), equation 1", "https://arxiv.org/abs/1506.02025"),),
)

grid_sample = Spec(
    reference=reference.grid_sample,
    inputs=(
        Input("x", "batch, *(height, width, 2)[:spatial], channels", meaning="what is read"),
        Input("grid", "batch, *(rows, columns, 2)[:spatial], spatial", meaning="where it is read"),
    ),
    parameters=(
        Parameter("mode", ("bilinear", "nearest", "bicubic"), "how a place between elements is read"),
        Parameter("outside", ("zeros", "border", "reflection"), "what is read beyond the image"),
        Parameter(
            "align_corners",
            (False, True),
            "whether -1 and 1 are the centres of the outermost elements, or the edges",
            facet=True,
        ),
        Parameter("spatial", (2, 3), "number of axes; a third one has length 2"),
    ),
    axes="batch height width channels rows columns",
    sizes=((2, 4, 5, 3, 3, 7), (1, 1, 1, 1, 2, 2), (2, 7, 3, 1, 5, 2)),
    data=("normal", "ties"),
    constraints=(
        Constraint(
            "C1",
            "spatial == 2 or mode != 'bicubic'",
            "a volume is not read bicubically",
            broken_by={"spatial": 3, "mode": "bicubic"},
        ),
        Constraint(
            "C2",
            "grid[-1] == len(x) - 2",
            "grid must have a number for each axis",
            broken_by={"grid": "batch, rows, columns, 3"},
            also_broken_by=({"grid": "batch, rows, columns, 1"},),
        ),
    ),
    # Of few digits, between which elements a place lies is a matter of rounding.
    excluded=("dtype in ('bfloat16', 'float16')",),
    sources=(
        Source("Jaderberg et al. (2015), equation 3", "https://arxiv.org/abs/1506.02025"),
        Source("Keys (1981)", "https://doi.org/10.1109/TASSP.1981.1163711"),
    ),
)
