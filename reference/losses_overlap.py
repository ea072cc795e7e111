"""Losses of the overlap of two sets: what is predicted, and what is meant.

A place belongs to a set by a share between 0 and 1.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from .checks import Array, require, require_shape
from .reductions import reduce, spread
from .softmax import softmax, softmax_vjp

__all__ = ["tversky", "tversky_vjp"]


def tversky(
    logits: Array,
    predictions: Array,
    targets: Array,
    class_weights: Array | None = None,
    sample_weights: Array | None = None,
    *,
    reduction: str = "mean",
    axis: tuple[int, ...] | None = (1,),
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    epsilon: float = 0.0,
    ignore_background: bool = False,
) -> Array:
    """Tversky loss, which with α = β = 1/2 is the Dice loss, and with α = β = 1 that of Jaccard.

    ``loss = 1 - (TP + s) / (TP + α FP + β FN + s + ε)`` with ``TP = Σ p t``, ``FP = Σ p (1 - t)`` and
    ``FN = Σ (1 - p) t``, summed along ``axis``

    Args:
        logits: ``(batch, places, classes)``, of which p is the softmax, or of one class the sigmoid. Or None
            where probabilities are given.
        predictions: ``(batch, places, classes)``, in [0, 1]; ``p``. Or None.
        targets: the shape of either, in [0, 1]; ``t``.
        class_weights: ``(classes,)``, by which the losses of the classes are multiplied, or None.
        sample_weights: ``(batch,)``, by which the losses of samples are multiplied, or None.
        reduction: ``none``, ``mean`` or ``sum`` of the losses that are left; or their sum divided by that of
            the weights of samples (``mean_weights``), or by how many of these are not 0 (``mean_counted``).
        axis: what one ratio sums over; None for all axes.
        alpha: weight of false positives; ``α``.
        beta: weight of false negatives; ``β``.
        smooth: added to both sides of the ratio; ``s``.
        epsilon: added to the denominator alone; ``ε``.
        ignore_background: whether the first of several classes is left out.

    Raises:
        ValueError: shapes that do not fit, both logits and predictions or neither, or weights of classes, or
            a background, where ``axis`` leaves no classes.

    Source: Salehi, Erdogmus and Gholipour (2017), Tversky loss function for image segmentation,
    arXiv:1706.05721; Milletari, Navab and Ahmadi (2016), V-Net, arXiv:1606.04797, for the
    Dice loss (there with squares in the denominator).
    """
    shares = _shares(logits, predictions, targets)
    hits, others = _counts(shares, targets, axis, alpha, beta)
    ratio = (hits + smooth) / (hits + others + (smooth + epsilon))
    factors = _factors(targets.shape, axis, class_weights, ignore_background)
    losses = 1.0 - ratio if factors is None else factors * (1.0 - ratio)
    losses = losses[..., 1:] if _leaves_out(targets, ignore_background) else losses
    return reduce(losses, reduction, weights=sample_weights)


def tversky_vjp(
    logits: Array,
    predictions: Array,
    targets: Array,
    class_weights: Array | None,
    sample_weights: Array | None,
    cotangent: Array,
    *,
    reduction: str = "mean",
    axis: tuple[int, ...] | None = (1,),
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    epsilon: float = 0.0,
    ignore_background: bool = False,
) -> tuple[Array | None, Array | None, Array]:
    """Gradient of `tversky`: with D the denominator and r the ratio ``(r (t + α (1 - t) - β t) - t) / D``.

    Of the targets it is ``(r (p + β (1 - p) - α p) - p) / D``, and of logits it goes through the softmax.
    """
    shares = _shares(logits, predictions, targets)
    hits, others = _counts(shares, targets, axis, alpha, beta)
    below = hits + others + (smooth + epsilon)
    ratio = (hits + smooth) / below
    factors = _factors(targets.shape, axis, class_weights, ignore_background)
    left_out = _leaves_out(targets, ignore_background)
    shape = (*ratio.shape[:-1], ratio.shape[-1] - 1) if left_out else ratio.shape
    each = spread(cotangent, shape, reduction, weights=sample_weights)
    if left_out:
        each = np.concatenate([np.zeros((*ratio.shape[:-1], 1)), each], axis=-1)
    each = each if factors is None else each * factors
    each, below, ratio = (_kept(x, targets.shape, axis) for x in (each, below, ratio))
    of_shares = each / below * (ratio * _mixture(targets, alpha, beta) - targets)
    of_targets = each / below * (ratio * _mixture(shares, beta, alpha) - shares)
    if predictions is not None:
        return None, of_shares, of_targets
    if logits.shape[-1] == 1:
        return of_shares * (shares * expit(-logits)), None, of_targets
    return softmax_vjp(logits, of_shares)[0], None, of_targets


def _mixture(other: Array, own: float, cross: float) -> Array | float:
    """``x + a (1 - x) - b x``, which for a + b = 1 does not depend on x."""
    return own if own + cross == 1.0 else own + (1.0 - own - cross) * other


def generalized_dice(
    logits: Array,
    targets: Array,
    *,
    smooth: float = 1.0,
    ignore_background: bool = False,
    epsilon: float = 1e-7,
) -> Array:
    """Dice loss of classes, of which what is rare weighs more.

    ``mean_bc w_c (1 - (TP + s) / (TP + FP/2 + FN/2 + s))``, with ``w_c = 1 / ((Σ t_c)² + ε)``, divided by the
    mean of these over the classes

    Args:
        logits: ``(batch, places, classes)``, of several classes.
        targets: the shape of ``logits``, constant; ``t``.
        smooth: ``s``.
        ignore_background: whether the first class is left out, once the weights are found.
        epsilon: ``ε``.

    Raises:
        ValueError: shapes that do not fit.

    Source: Sudre et al. (2017), Generalised Dice overlap, arXiv:1707.03237, section 2.1 (there one ratio of
    weighted sums).
    """
    weights = _rarity(targets, epsilon)
    return tversky(logits, None, targets, weights, smooth=smooth, ignore_background=ignore_background)


def generalized_dice_vjp(
    logits: Array,
    targets: Array,
    cotangent: Array,
    *,
    smooth: float = 1.0,
    ignore_background: bool = False,
    epsilon: float = 1e-7,
) -> tuple[Array | None]:
    """Gradient of `generalized_dice`: that of `tversky` with these weights."""
    options = {"smooth": smooth, "ignore_background": ignore_background}
    weights = _rarity(targets, epsilon)
    return tversky_vjp(logits, None, targets, weights, None, cotangent, **options)[:1]  # type: ignore[arg-type]


def _rarity(targets: Array, epsilon: float) -> Array:
    """A weight for each class, of mean 1; a single class has the weight 1 without rounding."""
    weights = 1.0 / (np.square(np.sum(targets, axis=(0, 1))) + epsilon)
    return np.where(targets.shape[-1] == 1, 1.0, weights / np.mean(weights))


def _shares(logits: Array, predictions: Array, targets: Array) -> Array:
    """``p``: by how much each place is predicted to belong to each class."""
    require((logits is None) != (predictions is None), "give either logits or predictions")
    given = logits if predictions is None else predictions
    require_shape("targets", targets, given.shape, "as the predictions")
    if predictions is not None:
        return predictions
    return expit(logits) if logits.shape[-1] == 1 else softmax(logits)


def _counts(
    shares: Array, targets: Array, axis: tuple[int, ...] | None, alpha: float, beta: float
) -> tuple[Array, Array]:
    """``TP``, and ``α FP + β FN``."""
    positives = np.sum(shares * (1.0 - targets), axis=axis)
    negatives = np.sum((1.0 - shares) * targets, axis=axis)
    return np.sum(shares * targets, axis=axis), alpha * positives + beta * negatives


def _factors(
    shape: tuple[int, ...], axis: tuple[int, ...] | None, class_weights: Array | None, ignore_background: bool
) -> Array | None:
    by_class = axis is not None and len(shape) - 1 not in axis
    alone = class_weights is None and not ignore_background
    require(by_class or alone, f"axis {axis} leaves no classes that could be weighed or left out")
    if class_weights is not None:
        require_shape("class_weights", class_weights, shape[-1:], "classes")
    return class_weights


def _leaves_out(targets: Array, ignore_background: bool) -> bool:
    return ignore_background and targets.shape[-1] > 1


def _kept(reduced: Array, shape: tuple[int, ...], axis: tuple[int, ...] | None) -> Array:
    """What was summed along ``axis``, with axes of length 1 in their places."""
    gone = range(len(shape)) if axis is None else axis
    return np.reshape(reduced, tuple(1 if n in gone else length for n, length in enumerate(shape)))
