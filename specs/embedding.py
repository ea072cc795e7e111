"""Specs of the embedding layers."""

from __future__ import annotations

from ..reference import embedding as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

embedding = Spec(
    reference=reference.embedding,
    inputs=(
        Input(
            "indices",
            "*(batch, steps, 2)[:rank]",
            kind="index",
            limit="rows",
            meaning="the row of each place",
            marks="padding_index",
        ),
        Input("table", "rows, features"),
    ),
    axes="batch steps rows features",
    parameters=(
        Parameter("rank", (2, 0, 1, 3), "number of axes of the indices; a third one has length 2"),
        Parameter("padding_index", (None, 2), "a row that gets no gradient"),
        Parameter(
            "padding", ("blocked", "zeroed"), "the padding row is read as it is, or as zeros", facet=True
        ),
        Parameter(
            "out_of_range",
            ("error", "nan", "clamp", "zero", "modulo"),
            "what an index that is no row gives",
            facet=True,
        ),
        Parameter("negative", ("out_of_range", "wrap"), "what an index below 0 means", facet=True),
    ),
    sizes=((3, 5, 7, 17), (1, 1, 1, 1), (4, 9, 3, 33), (2, 33, 65, 5)),
    data=("normal", "zeros", "nan", "out_of_range", "far_below", "negative"),
    constraints=(
        Constraint(
            "C1",
            "out_of_range != 'error' or data != 'out_of_range'",
            "indices must be rows of the table",
            broken_by={"data": "out_of_range"},
        ),
        Constraint(
            "C2",
            "out_of_range != 'error' or data != 'far_below'",
            "indices that count from the end must not be below -rows",
            broken_by={"data": "far_below", "negative": "wrap"},
        ),
        Constraint(
            "C3",
            "out_of_range != 'error' or negative == 'wrap' or data != 'negative'",
            "indices must not be negative",
            broken_by={"data": "negative"},
        ),
    ),
    excluded=(
        "padding_index is not None and padding_index >= rows",
        "padding == 'zeroed' and (padding_index is None or negative == 'wrap')",
        "out_of_range != 'error' and data not in ('out_of_range', 'far_below')",
        "out_of_range == 'modulo' and negative != 'wrap'",
        "out_of_range == 'error' and (negative == 'wrap') != (data == 'negative')",
        # Which rows are chosen has nothing to do with how many axes they are chosen along.
        "rank != 2 and (data != 'normal' or out_of_range != 'error')",
    ),
    signed_zeros=True,
)

embedding_bag = Spec(
    reference=reference.embedding_bag,
    inputs=(
        Input(
            "indices",
            "batch, places",
            kind="index",
            limit="rows",
            meaning="the rows of each bag",
            marks="padding_index",
        ),
        Input("table", "rows, features"),
        Input("mask", "batch, places", kind="mask", meaning="True where a place counts", when="ragged"),
        Input("weights", "batch, places", kind="positive", meaning="of each place", when="weighted"),
    ),
    parameters=(
        Parameter("mode", ("mean", "sum", "max", "sqrtn"), "what a bag becomes"),
        Parameter("ragged", (False, True), "whether bags have sizes of their own"),
        Parameter("weighted", (False, True), "whether each place has a weight"),
        Parameter("padding_index", (None, 2), "a row that does not count"),
        Parameter(
            "by_frequency", (False, True), "whether a row's gradient is divided by how often it counts"
        ),
    ),
    axes="batch places rows features",
    sizes=((3, 5, 7, 17), (1, 1, 1, 1), (5, 9, 4, 3)),
    data=("normal", "wide", "masked_rows"),
    constraints=(
        Constraint(
            "C1",
            "data != 'out_of_range'",
            "indices must be rows of the table",
            broken_by={"data": "out_of_range"},
        ),
    ),
    excluded=(
        "padding_index is not None and padding_index >= rows",
        "mode == 'max' and (weighted or by_frequency)",
        "mode == 'sqrtn' and by_frequency",
        "data == 'masked_rows' and not ragged",
    ),
    sources=(
        Source("Joulin, Grave, Bojanowski and Mikolov (2017), section 2", "https://arxiv.org/abs/1607.01759"),
    ),
)

renormed_embedding = Spec(
    reference=reference.renormed_embedding,
    inputs=(
        Input("indices", "batch, steps", kind="index", limit="rows", meaning="the row of each place"),
        Input("table", "rows, features"),
    ),
    states=("table",),
    axes="batch steps rows features",
    parameters=(
        # About half of the rows of normal numbers are longer; only beside the last is 1e-7 seen.
        Parameter("max_value", (4.0, 2.0, 0.005), "the greatest norm of a row"),
        Parameter("norm_type", (2, 1, float("inf")), "the degree of the norm"),
        Parameter("mode", ("rows", "sum", "mean"), "what becomes of the rows of a bag"),
        Parameter(
            "in_place",
            (True, False),
            "the table itself is changed in the rows that are looked up, and that table learns",
            facet=True,
        ),
        Parameter(
            "epsilon_at",
            ("beyond", "none"),
            "whether 1e-7 is added to the norms that rows are shortened by",
            facet=True,
        ),
    ),
    sizes=((3, 5, 7, 17), (1, 1, 1, 1), (4, 9, 33, 3)),
    data=("normal", "tiny", "nan"),
    constraints=(
        Constraint(
            "C1",
            "data != 'out_of_range'",
            "indices must be rows of the table",
            broken_by={"data": "out_of_range"},
        ),
    ),
    excluded=(
        "not in_place and norm_type != 2",
        "max_value == 0.005 and data != 'tiny'",
        "data == 'tiny' and max_value != 0.005",
    ),
    sources=(
        Source(
            "Srivastava et al. (2014), Dropout, section 5.1", "https://jmlr.org/papers/v15/srivastava14a.html"
        ),
    ),
)

tied_embedding = Spec(
    reference=reference.tied_embedding,
    inputs=(
        Input("x", "batch, steps, features", meaning="what rows are scored for"),
        Input("table", "rows, features", kind="weight", meaning="that of the lookup", when="tied"),
        Input("reverse", "features, rows", kind="weight", meaning="in its place", when="not tied"),
    ),
    parameters=(
        Parameter("tied", (True, False), "whether the table is that of the lookup"),
        Parameter("soft_cap", (None, 0.5), "what scores do not exceed"),
    ),
    axes="batch steps features rows",
    sizes=((3, 2, 17, 5), (1, 1, 1, 1), (2, 3, 65, 9)),
    data=("normal", "wide", "offset", "nan"),
    sources=(
        Source("Press and Wolf (2017)", "https://arxiv.org/abs/1608.05859"),
        Source("Gemma Team (2024), Gemma 2, section 2", "https://arxiv.org/abs/2408.00118"),
    ),
)

# --- classes as numbers ---

CLASSES = Input("indices", "batch, places", kind="index", limit="depth", meaning="a class of each place")
DEPTH = Parameter("depth", (7, 3), "number of classes")
NO_CLASS = Parameter("out_of_range", ("error", "zeros"), "what an index that is no class gives", facet=True)
A_CLASS = Constraint(
    "C1",
    "out_of_range == 'zeros' or data != 'out_of_range'",
    "indices must be classes",
    broken_by={"data": "out_of_range"},
)

one_hot = Spec(
    reference=reference.one_hot,
    inputs=(CLASSES,),
    parameters=(
        DEPTH,
        Parameter("axis", (-1, 1, 0), "where the axis of the classes stands"),
        NO_CLASS,
    ),
    sizes=((3, 5), (1, 1), (2, 33)),
    data=("normal", "out_of_range"),
    constraints=(A_CLASS,),
    sources=(Source("numpy.eye", "https://numpy.org/doc/stable/reference/generated/numpy.eye.html"),),
)

multi_hot = Spec(
    reference=reference.multi_hot,
    inputs=(CLASSES,),
    parameters=(
        DEPTH,
        Parameter("mode", ("present", "count"), "whether a class occurs, or how often"),
        NO_CLASS,
    ),
    sizes=((3, 5), (1, 1), (2, 33)),
    data=("normal", "out_of_range"),
    constraints=(A_CLASS,),
    sources=(
        Source("numpy.bincount", "https://numpy.org/doc/stable/reference/generated/numpy.bincount.html"),
    ),
)
