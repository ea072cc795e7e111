"""Specs of batch normalization."""

from __future__ import annotations

from ..reference import normalization_batch as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec
from .normalization import BIAS, EPSILON, SCALE, SPATIAL, UP_TO_3D, USE_BIAS, USE_SCALE, X

batch_norm = Spec(
    reference=reference.batch_norm,
    inputs=(
        X,
        Input("running_mean", "channels", kind="weight"),
        Input("running_variance", "channels", kind="positive"),
        SCALE,
        BIAS,
    ),
    states=("running_mean", "running_variance"),
    parameters=(
        UP_TO_3D,
        # Beside a running variance near 1, only a large epsilon is seen in a half type.
        Parameter("epsilon", (1e-5, 0.1), EPSILON.meaning),
        Parameter("momentum", (0.9, 0.75), "fraction of the running statistics that is kept"),
        USE_SCALE,
        USE_BIAS,
        Parameter("bessel", (False, True), "running variance with n - 1 for n", facet=True),
        Parameter("lone_value", ("bias", "error"), "what becomes of a single value per channel", facet=True),
        Parameter(
            "infinite_mean",
            ("sum", "updates"),
            "whether a mean with an infinity in it is infinite, or that of updates: NaN or infinite",
            facet=True,
        ),
    ),
    sizes=((9, 5, 3, 7), (1, 1, 1, 5), (65, 2, 3, 17), (1, 4, 3, 6)),
    empty=(),
    data=("normal", "tiny", "offset", "wide", "nan", "infinities"),
    constraints=(
        Constraint(
            "C2",
            "lone_value == 'bias' or max(x[:-1]) > 1",
            "with lone_value=error each channel must have more than one value",
            broken_by={"lone_value": "error", "x": "1, channels"},
        ),
    ),
    excluded=("lone_value == 'error'", "infinite_mean != 'sum' and data != 'infinities'"),
    sources=(Source("Ioffe and Szegedy (2015), Batch normalization", "https://arxiv.org/abs/1502.03167"),),
)


masked_batch_norm = Spec(
    reference=reference.masked_batch_norm,
    inputs=(
        Input("x", "batch, steps, channels", meaning="what is normalized"),
        Input("mask", "batch, steps", kind="mask", meaning="whether a place counts"),
        Input("running_mean", "channels", kind="weight"),
        Input("running_variance", "channels", kind="positive"),
        Input("scale", "channels", kind="weight", meaning="factor of each channel"),
        Input("bias", "channels", kind="weight", meaning="added to each channel"),
    ),
    states=("running_mean", "running_variance"),
    parameters=(
        # The variance is near 1, where only a large epsilon is seen in a half type.
        Parameter("epsilon", (1e-5, 0.1), EPSILON.meaning),
        Parameter("momentum", (0.75, 0.5), "fraction of the running statistics that is kept"),
        Parameter("bessel", (False, True), "running variance with n - 1 for n", facet=True),
        Parameter(
            "masked_output",
            ("normalized", "zero"),
            "whether masked places are normalized like any other, or give 0",
            facet=True,
        ),
        Parameter(
            "masking",
            reference.MASKINGS,
            "whether masked places are left out of statistics, so in values but not in gradients, or times 0",
            facet=True,
            right="select",
        ),
    ),
    sizes=((5, 4, 3), (2, 3, 1)),
    empty=(),
    data=("normal", "offset", "padding_nan"),
    excluded=("masking != 'select' and data != 'padding_nan'",),
    sources=(
        *batch_norm.sources,
        Source("tf.nn.weighted_moments", "https://www.tensorflow.org/api_docs/python/tf/nn/weighted_moments"),
    ),
)


batch_norm_repeated = Spec(
    reference=reference.batch_norm_repeated,
    inputs=(
        Input("x", "calls, batch, channels", meaning="the batches"),
        Input("running_mean", "channels", kind="weight", meaning="before the first batch", constant=True),
        Input("running_variance", "channels", kind="positive", meaning="before the first", constant=True),
        Input("scale", "channels", kind="weight", meaning="factor of each channel"),
        Input("bias", "channels", kind="weight", meaning="added to each channel"),
    ),
    states=("running_mean", "running_variance"),
    parameters=(
        Parameter(
            "momentum",
            (None, 0.75),
            "fraction of the running statistics that each batch keeps; none for a cumulative mean",
            facet=True,
        ),
        Parameter("seen", (0, 3), "how many batches the running statistics are the mean of"),
        Parameter("bessel", (False, True), "running variance with n - 1 for n", facet=True),
    ),
    sizes=((3, 5, 4), (2, 7, 1)),
    empty=(),
    data=("normal", "offset"),
    excluded=("momentum is not None and seen > 0",),
    sources=batch_norm.sources,
)


batch_norm_inference = Spec(
    reference=reference.batch_norm_inference,
    inputs=(
        X,
        Input("mean", "channels", frozen="constant_statistics"),
        Input("variance", "channels", kind="positive", frozen="constant_statistics"),
        SCALE,
        BIAS,
    ),
    parameters=(
        UP_TO_3D,
        # The variance is near 1, where only a large epsilon is seen in a half type.
        Parameter("epsilon", (1e-5, 0.1), EPSILON.meaning),
        USE_SCALE,
        USE_BIAS,
        Parameter("constant_statistics", (True, False), "whether statistics have no gradient", facet=True),
        Parameter(
            "centred",
            (False, True),
            "whether the scale's gradient is Σ g (x - μ) or Σ g x - μ Σ g: an infinite μ tells them apart",
            facet=True,
        ),
    ),
    sizes=((4, 3, 2, 7), (1, 1, 1, 1), (3, 5, 2, 65)),
    data=("normal", "offset", "wide", "nan", "infinities"),
    excluded=("centred and data != 'infinities'",),
    sources=(Source("Ioffe and Szegedy (2015), Batch normalization", "https://arxiv.org/abs/1502.03167"),),
)


batch_norm_frozen = Spec(
    reference=reference.batch_norm_frozen,
    inputs=(
        X,
        Input("running_mean", "channels", kind="weight", constant=True),
        Input("running_variance", "channels", kind="positive", constant=True),
        Input("scale", "channels", kind="weight", meaning="factor of each channel, frozen", constant=True),
        Input("bias", "channels", kind="weight", meaning="added to each channel, frozen", constant=True),
    ),
    states=("running_mean", "running_variance"),
    parameters=(
        SPATIAL,
        Parameter("statistics", ("running", "batch"), "whose mean and variance normalize", facet=True),
        Parameter("epsilon", (1e-5, 0.1), EPSILON.meaning),
        Parameter("momentum", (0.9, 0.75), "fraction of the running statistics that is kept"),
        Parameter("bessel", (False, True), "running variance with n - 1 for n", facet=True),
    ),
    sizes=((9, 5, 3, 7), (1, 4, 3, 6)),
    data=("normal", "offset", "nan"),
    # A statistic of a single value, which batch_norm asks about.
    excluded=("batch == 1 and spatial == 0",),
    sources=(
        Source("Keras, Transfer learning and fine-tuning", "https://keras.io/guides/transfer_learning/"),
    ),
)


batch_norm_folded = Spec(
    reference=reference.batch_norm_folded,
    inputs=(
        Input("x", "batch, *(height, width)[:spatial], features", meaning="what the layer before maps"),
        Input("kernel", "*(3, 2)[:spatial], features, units", kind="weight", constant=True),
        Input("offset", "units", kind="weight", constant=True, when="use_offset"),
        Input("mean", "units", kind="weight", constant=True),
        Input("variance", "units", kind="positive", constant=True),
        Input("scale", "units", kind="weight", constant=True),
        Input("bias", "units", kind="weight", constant=True),
    ),
    parameters=(
        Parameter(
            "spatial", (0, 2), "axes of a convolution's window, of 3 and 2 taps; none for a dense layer"
        ),
        Parameter("epsilon", (1e-5, 0.1), EPSILON.meaning),
        Parameter("use_offset", (True, False), "whether the layer before has a bias of its own"),
    ),
    sizes=((3, 5, 4, 17, 7), (1, 3, 2, 1, 1), (2, 4, 3, 33, 5)),
    data=("normal", "offset", "wide", "nan"),
    sources=(Source("Jacob et al. (2017), section 3.2", "https://arxiv.org/abs/1712.05877"),),
)
