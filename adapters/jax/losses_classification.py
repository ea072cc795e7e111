"""Losses of classification of optax, and of what ``jax.nn`` gives to build them."""

from __future__ import annotations

from .framework import binds, jax, jnp
from .modules import function
from .reductions import UNMASKED, WHERE, reduced

SOFT = {
    "not weighted and not samples_weighted": "optax knows no weights of classes or samples",
    "gradient == 'exact'": "JAX differentiates whatever the targets sum to",
}
PRODUCT = {
    "zero_target == 'nan' or data != 'negative_infinities'": "multiplies targets and log-probabilities"
}
SAFE = {"zero_target == 'zero' or data != 'negative_infinities'": "takes 0 log 0 as 0"}


REDUCED = "reduced(y, reduction)"
SMOOTHED = "optax.smooth_labels(targets, label_smoothing) if label_smoothing else targets"
SOFT_FORM = {"on": f"logits, {SMOOTHED}", "returns": REDUCED, "unused": ("class_weights", "sample_weights")}
INFINITE = {"masking == 'select_values' or not masked": "0 times a logarithm of 0 for the targets left out"}

function(
    "softmax_cross_entropy",
    "optax.softmax_cross_entropy",
    {"axis": "-1"} | WHERE,
    **SOFT_FORM,
    where=SOFT | PRODUCT | INFINITE,
)


def second(x):
    """An array whose classes are its second axis, in the place of its last."""
    return jnp.moveaxis(x, -1, 1)


AMONG_ROWS = {
    "rank == 2 and data == 'normal' and dtype == 'float32'": (
        "this asks for classes that are the second of three axes, and all else where they are the last"
    )
}

function(
    "softmax_cross_entropy",
    "optax.softmax_cross_entropy(axis)",
    {"axis": "1"},
    on=f"second(logits), second({SMOOTHED})",
    returns=REDUCED,
    unused=("class_weights", "sample_weights", "mask"),
    where=SOFT | PRODUCT | AMONG_ROWS,
    fixed=UNMASKED,
)
function(
    "softmax_cross_entropy",
    "optax.safe_softmax_cross_entropy",
    **SOFT_FORM | {"unused": (*SOFT_FORM["unused"], "mask")},
    where=SOFT | SAFE,
    fixed=UNMASKED,
)

SPARSE = {
    "label_smoothing == 0.0": "this loss smooths no labels",
    "not weighted": "optax knows no weights of classes",
    "reduction != 'mean' or ignored is None": "a plain mean counts every row",
    "empty == 'nan'": "a plain mean is over all rows",
    "out_of_range == 'nan' or data != 'out_of_range'": "JAX gathers NaN for an index out of range",
}


function(
    "sparse_softmax_cross_entropy",
    "optax.softmax_cross_entropy_with_integer_labels",
    {"axis": "-1", "where": "None if ignored is None else labels != ignored"},
    on="logits, labels",
    returns="reduced(y, reduction.replace('mean_batch', 'mean'))",
    unused=("class_weights",),
    where=SPARSE,
)
function(
    "sparse_softmax_cross_entropy",
    "optax.softmax_cross_entropy_with_integer_labels(axis)",
    {"axis": "1", "where": "None if ignored is None else labels != ignored"},
    on="second(logits), labels",
    returns="reduced(y, reduction.replace('mean_batch', 'mean'))",
    unused=("class_weights",),
    where=SPARSE | AMONG_ROWS,
)


@binds("sparse_softmax_cross_entropy", "jax.nn.log_softmax", where=SPARSE, composition=True)
def negative_log_likelihood(logits, labels, *, ignored, reduction, class_weights):
    # Masked before and after: a NaN behind the second mask alone would still reach the gradient.
    logits = logits if ignored is None else jnp.where((labels == ignored)[..., None], 0, logits)
    log_probabilities = jax.nn.log_softmax(logits, axis=-1)
    losses = -jnp.take_along_axis(log_probabilities, labels[..., None], axis=-1)[..., 0]
    losses = losses if ignored is None else jnp.where(labels == ignored, 0, losses)
    return reduced(losses, reduction.replace("mean_batch", "mean"))


BINARY = {
    "not samples_weighted": "nothing is weighted",
    "not row_mean": "optax leaves the reduction to the user",
    "zero_target == 'nan' or data != 'infinities'": "JAX multiplies targets and logarithms",
    "label_smoothing == 0.0": "this loss smooths no targets",
}


function(
    "sigmoid_cross_entropy",
    "optax.sigmoid_binary_cross_entropy",
    on="logits, targets",
    returns=REDUCED,
    unused=("positive_weight", "sample_weights"),
    where=BINARY | {"not weighted": "optax knows no weight of the positive term"},
)


@binds("sigmoid_cross_entropy", "jax.nn.log_sigmoid", where=BINARY, composition=True)
def sigmoid_cross_entropy_composed(logits, targets, positive_weight, sample_weights, *, reduction):
    positive = targets if positive_weight is None else positive_weight * targets
    return reduced(
        -positive * jax.nn.log_sigmoid(logits) - (1 - targets) * jax.nn.log_sigmoid(-logits), reduction
    )


@binds(
    "sparse_softmax_cross_entropy",
    "jax.numpy.log(jax.nn.softmax)",
    where=SPARSE
    | {
        "reduction == 'none' and ignored is None": "softmax, then its logarithm",
        "data in ('normal', 'offset', 'saturated')": "this asks how far the two stay together",
    },
    composition=True,
)
def softmax_then_logarithm(logits, labels, class_weights):
    p = jax.nn.softmax(logits, axis=-1)
    return -jnp.log(jnp.take_along_axis(p, labels[..., None], axis=-1)[..., 0])
