"""Losses of classification of optax, and of what ``jax.nn`` gives to build them."""

from __future__ import annotations

from .framework import binds, jax, jnp
from .modules import function
from .reductions import reduced

SOFT = {
    "not weighted": "optax knows no weights of classes",
    "gradient == 'exact'": "JAX differentiates whatever the targets sum to",
}
PRODUCT = {
    "zero_target == 'nan' or data != 'negative_infinities'": "multiplies targets and log-probabilities"
}
SAFE = {"zero_target == 'zero' or data != 'negative_infinities'": "takes 0 log 0 as 0"}


REDUCED = "reduced(y, reduction)"
SMOOTHED = "optax.smooth_labels(targets, label_smoothing) if label_smoothing else targets"
SOFT_FORM = {"on": f"logits, {SMOOTHED}", "returns": REDUCED, "unused": ("class_weights",)}

function(
    "softmax_cross_entropy", "optax.softmax_cross_entropy", {"axis": "-1"}, **SOFT_FORM, where=SOFT | PRODUCT
)
function("softmax_cross_entropy", "optax.safe_softmax_cross_entropy", **SOFT_FORM, where=SOFT | SAFE)

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


@binds("sparse_softmax_cross_entropy", "jax.nn.log_softmax", where=SPARSE, composition=True)
def negative_log_likelihood(logits, labels, *, ignored, reduction, class_weights):
    # Masked before and after: a NaN behind the second mask alone would still reach the gradient.
    logits = logits if ignored is None else jnp.where((labels == ignored)[..., None], 0, logits)
    log_probabilities = jax.nn.log_softmax(logits, axis=-1)
    losses = -jnp.take_along_axis(log_probabilities, labels[..., None], axis=-1)[..., 0]
    losses = losses if ignored is None else jnp.where(labels == ignored, 0, losses)
    return reduced(losses, reduction.replace("mean_batch", "mean"))


BINARY = {
    "not row_mean": "optax leaves the reduction to the user",
    "zero_target == 'nan' or data != 'infinities'": "JAX multiplies targets and logarithms",
    "label_smoothing == 0.0": "this loss smooths no targets",
}


function(
    "sigmoid_cross_entropy",
    "optax.sigmoid_binary_cross_entropy",
    on="logits, targets",
    returns=REDUCED,
    unused=("positive_weight",),
    where=BINARY | {"not weighted": "optax knows no weight of the positive term"},
)


@binds("sigmoid_cross_entropy", "jax.nn.log_sigmoid", where=BINARY, composition=True)
def sigmoid_cross_entropy_composed(logits, targets, positive_weight, *, reduction):
    positive = targets if positive_weight is None else positive_weight * targets
    return reduced(
        -positive * jax.nn.log_sigmoid(logits) - (1 - targets) * jax.nn.log_sigmoid(-logits), reduction
    )


def reduced_rows(rows, reduction):
    """Divergences of rows as they are, their mean or their sum."""
    return reduced(rows, {"rows": "none", "batchmean": "mean", "sum": "sum"}[reduction])


ROWS = {"reduction in ('rows', 'batchmean', 'sum')": "optax sums over the classes"}
PLAIN = {
    "epsilon == 0.0": "JAX clips nothing",
    "zero_gradient == 'zero' or data != 'zeros'": "JAX gives no gradient where the target is 0",
}


KL = {"options": {"axis": "-1"}, "returns": "reduced_rows(y, reduction)"}
NAN_GRADIENT = {
    "zero_gradient == 'nan' or data not in ('zeros', 'saturated', 'negative_infinities')": "0 inf in JAX",
}

function(
    "kl_divergence",
    "optax.kl_divergence",
    **KL,
    on="log_predictions, targets",
    where=PRODUCT | ROWS | NAN_GRADIENT,
)
function(
    "kl_divergence_with_log_targets",
    "optax.losses.kl_divergence_with_log_targets",
    **KL,
    on="log_predictions, log_targets",
    where=ROWS,
)


@binds("kl_divergence_probabilities", "jax.scipy.special.rel_entr", where=PLAIN)
def kl_divergence_probabilities(targets, predictions, *, reduction):
    terms = jax.scipy.special.rel_entr(targets, predictions)
    if reduction in ("elements", "mean"):
        return reduced(terms, reduction.replace("elements", "none"))
    return reduced_rows(jnp.sum(terms, axis=-1), reduction)


def probabilities(predictions, epsilon, normalized):
    """Rows that are clipped and divided by their sum, as a user of JAX would write it."""
    if normalized == "before":
        predictions = predictions / jnp.sum(predictions, axis=-1, keepdims=True)
    held = jnp.clip(predictions, epsilon, 1.0 - epsilon) if epsilon else predictions
    return held / jnp.sum(held, axis=-1, keepdims=True) if normalized == "after" else held


@binds(
    "categorical_cross_entropy",
    "jax.numpy.log",
    where={
        "not sparse": "takes a distribution",
        "zero_target == 'nan' or epsilon > 0 or data != 'zeros'": "a product with log 0 is NaN",
    },
    composition=True,
)
def categorical_cross_entropy(predictions, targets, labels, *, epsilon, normalized):
    return -jnp.sum(targets * jnp.log(probabilities(predictions, epsilon, normalized)), axis=-1)


@binds(
    "categorical_cross_entropy",
    "jax.numpy.take_along_axis",
    where={
        "sparse": "takes one class for each row",
        "zero_target == 'zero'": "the class is taken before the logarithm",
    },
    composition=True,
)
def categorical_cross_entropy_of_labels(predictions, targets, labels, *, epsilon, normalized):
    p = probabilities(predictions, epsilon, normalized)
    return -jnp.log(jnp.take_along_axis(p, labels[:, None], axis=-1)[:, 0])


@binds(
    "binary_cross_entropy",
    "jax.numpy.log",
    where={
        "guard in ('none', 'clip', 'add')": "JAX holds no logarithm",
        "zero_target == 'nan' or guard != 'none' or data != 'zeros'": "a product with log 0 is NaN",
        "gradient == 'exact'": "JAX differentiates what is written",
    },
    composition=True,
)
def binary_cross_entropy(predictions, targets, *, guard, epsilon, row_mean):
    p = jnp.clip(predictions, epsilon, 1.0 - epsilon) if guard == "clip" else predictions
    added = epsilon if guard == "add" else 0.0
    losses = -targets * jnp.log(p + added) - (1.0 - targets) * jnp.log(1.0 - p + added)
    return jnp.mean(losses, axis=-1) if row_mean else losses


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
