"""Losses of regression: distances between predictions and targets, element by element, then reduced."""

from __future__ import annotations

import numpy as np

from ..numerics.magnitude import magnitude
from .checks import Array, require, require_shape
from .reductions import LeftOut, elements, rows

__all__ = [
    "COSINE_FORMS",
    "cosine_similarity",
    "cosine_similarity_vjp",
    "gaussian_nll",
    "gaussian_nll_vjp",
    "huber",
    "huber_vjp",
    "log_cosh",
    "log_cosh_vjp",
    "mean_absolute_error",
    "mean_absolute_error_vjp",
    "mean_absolute_percentage_error",
    "mean_absolute_percentage_error_vjp",
    "mean_squared_error",
    "mean_squared_error_vjp",
    "mean_squared_logarithmic_error",
    "mean_squared_logarithmic_error_vjp",
    "poisson_nll",
    "poisson_nll_vjp",
    "smooth_l1",
    "smooth_l1_vjp",
]

COSINE_FORMS = ("similarity", "negative", "distance")
"""What a cosine is made a loss by: itself, its negative, or 1 less it."""

vectors_over = LeftOut({}, {"predictions": 0.0, "targets": 0.0})
"""Places of vectors that are left out of their product and of their lengths."""


@elements.loss
def mean_squared_error(predictions: Array, targets: Array, *, factor: float = 1.0) -> Array:
    """Mean squared error.

    ``lossᵢ = factor (xᵢ - tᵢ)²``

    Args:
        predictions: any shape; ``x``.
        targets: the shape of ``predictions``; ``t``.
        factor: 1, or 1/2 for the form whose gradient is the error itself.

    Raises:
        ValueError: ``targets`` has another shape than ``predictions``; it is never broadcast.

    Source: Bishop (2006), Pattern recognition and machine learning, section 1.1 (with the factor 1/2).
    """
    return factor * np.square(_errors(predictions, targets))


@elements.vjp
def mean_squared_error_vjp(
    predictions: Array, targets: Array, cotangent: Array, *, factor: float = 1.0
) -> tuple[Array, Array]:
    """Gradient of `mean_squared_error`: ``2 factor (x - t)``, and its negative for the targets."""
    gradient = cotangent * (2.0 * factor) * _errors(predictions, targets)
    return gradient, -gradient


@elements.loss
def huber(predictions: Array, targets: Array, *, delta: float = 1.0) -> Array:
    """Huber loss.

    With the error ``e = x - t``: ``lossᵢ = e²/2`` where ``|e| ≤ δ``, elsewhere ``δ (|e| - δ/2)``

    Args:
        predictions: any shape; ``x``.
        targets: the shape of ``predictions``; ``t``.
        delta: where the square turns into a line, above 0.

    Raises:
        ValueError: ``targets`` has another shape than ``predictions``, or ``delta`` is not positive.

    Source: Huber (1964), Robust estimation of a location parameter, section 3.
    """
    require(delta > 0, f"delta must be positive; got {delta}")
    size = np.abs(_errors(predictions, targets))
    return np.where(size <= delta, 0.5 * np.square(size), delta * (size - 0.5 * delta))


@elements.vjp
def huber_vjp(
    predictions: Array, targets: Array, cotangent: Array, *, delta: float = 1.0
) -> tuple[Array, Array]:
    """Gradient of `huber`: the error held between ``-δ`` and ``δ``, and its negative for the targets."""
    gradient = cotangent * np.clip(_errors(predictions, targets), -delta, delta)
    return gradient, -gradient


@elements.loss
def smooth_l1(predictions: Array, targets: Array, *, beta: float = 1.0) -> Array:
    """Smooth L1 loss: the Huber loss divided by its threshold.

    With the error ``e = x - t``: ``lossᵢ = e²/(2β)`` where ``|e| < β``, elsewhere ``|e| - β/2``. ``β = 0``
    gives the absolute error.

    Args:
        predictions: any shape; ``x``.
        targets: the shape of ``predictions``; ``t``.
        beta: where the square turns into a line, at least 0.

    Raises:
        ValueError: ``targets`` has another shape than ``predictions``, or ``beta`` is negative.

    Source: Girshick (2015), Fast R-CNN, arXiv:1504.08083, section 2.3 (with β = 1).
    """
    require(beta >= 0, f"beta must not be negative; got {beta}")
    size = np.abs(_errors(predictions, targets))
    curved = size - 0.5 * beta if beta == 0 else np.square(size) * 0.5 / beta
    return np.where(size < beta, curved, size - 0.5 * beta)


@elements.vjp
def smooth_l1_vjp(
    predictions: Array, targets: Array, cotangent: Array, *, beta: float = 1.0, nan_sign: str = "nan"
) -> tuple[Array, Array]:
    """Gradient of `smooth_l1`: ``e/β`` held between -1 and 1, for ``β = 0`` the sign of the error (0 at 0).

    For an error of NaN it is ``nan``, or with ``nan_sign`` ``zero`` or ``negative``, which is -1.
    """
    errors = _errors(predictions, targets)
    slope = _sign(errors, nan_sign)
    if beta > 0:
        slope = np.where(np.abs(errors) < beta, np.clip(errors, -beta, beta) / beta, slope)
    gradient = cotangent * slope
    return gradient, -gradient


@elements.loss
def mean_absolute_error(predictions: Array, targets: Array) -> Array:
    """Mean absolute error.

    ``lossᵢ = |xᵢ - tᵢ|``

    Args:
        predictions: any shape; ``x``.
        targets: the shape of ``predictions``; ``t``.

    Raises:
        ValueError: ``targets`` has another shape than ``predictions``; it is never broadcast.

    Source: Willmott and Matsuura (2005), Advantages of the mean absolute error, equation 1.
    """
    return np.abs(_errors(predictions, targets))


@elements.vjp
def mean_absolute_error_vjp(
    predictions: Array, targets: Array, cotangent: Array, *, nan_sign: str = "nan"
) -> tuple[Array, Array]:
    """Gradient of `mean_absolute_error`: the sign of the error, which is 0 at 0.

    For an error of NaN it is ``nan``, or with ``nan_sign`` ``zero``. With ``negative`` it is 1 of an error
    that is 0 or more, and -1 of any other, NaN too.
    """
    gradient = cotangent * _sign(_errors(predictions, targets), nan_sign)
    return gradient, -gradient


@elements.loss
def log_cosh(predictions: Array, targets: Array) -> Array:
    """Logarithm of the hyperbolic cosine of the error.

    ``lossᵢ = log cosh(xᵢ - tᵢ)``: half the square of a small error, and ``|e| - log 2`` of a large one

    Args:
        predictions: any shape; ``x``.
        targets: the shape of ``predictions``; ``t``.

    Raises:
        ValueError: ``targets`` has another shape than ``predictions``.

    Source: Green (1990), Bayesian reconstructions from emission tomography data, section III.
    """
    size = np.abs(_errors(predictions, targets))
    # cosh(e) = 1 + 2 sinh²(e/2) = exp(|e|) (1 + exp(-2|e|)) / 2: neither cancels nor overflows on its side.
    near = np.log1p(2.0 * np.square(np.sinh(0.5 * np.minimum(size, 1.0))))
    far = size + (np.log1p(np.exp(-2.0 * size)) - np.log(2.0))
    return np.where(size < 1, near, far)


@elements.vjp
def log_cosh_vjp(predictions: Array, targets: Array, cotangent: Array) -> tuple[Array, Array]:
    """Gradient of `log_cosh`: the hyperbolic tangent of the error."""
    gradient = cotangent * np.tanh(_errors(predictions, targets))
    return gradient, -gradient


@elements.loss
def mean_absolute_percentage_error(predictions: Array, targets: Array, *, epsilon: float = 1e-7) -> Array:
    """Mean absolute percentage error.

    ``lossᵢ = 100 |xᵢ - tᵢ| / max(|tᵢ|, ε)``

    Args:
        predictions: any shape; ``x``.
        targets: the shape of ``predictions``; ``t``.
        epsilon: the least that an error is divided by; ``ε``.

    Raises:
        ValueError: ``targets`` has another shape than ``predictions``, or ``epsilon`` is not positive.

    Source: de Myttenaere et al. (2016), Mean absolute percentage error for regression models,
    arXiv:1605.02541, section 1.
    """
    require(epsilon > 0, f"epsilon must be positive; got {epsilon}")
    return 100.0 * np.abs(_errors(predictions, targets) / np.maximum(np.abs(targets), epsilon))


@elements.vjp
def mean_absolute_percentage_error_vjp(
    predictions: Array, targets: Array, cotangent: Array, *, epsilon: float = 1e-7
) -> tuple[Array, Array]:
    """Gradient of `mean_absolute_percentage_error`: ``100 sign(x - t) / m`` with ``m = max(|t|, ε)``.

    For the targets ``-100 sign(x - t) / m - 100 |x - t| sign(t) / m²``, the latter where ``|t| > ε``.
    """
    errors, size = _errors(predictions, targets), np.maximum(np.abs(targets), epsilon)
    gradient = cotangent * (100.0 * np.sign(errors) / size)
    moved = cotangent * (100.0 * np.abs(errors / size) * np.sign(targets) / size)
    return gradient, -gradient - np.where(np.abs(targets) > epsilon, moved, 0.0)


@elements.loss
def mean_squared_logarithmic_error(predictions: Array, targets: Array, *, epsilon: float = 1e-7) -> Array:
    """Mean squared logarithmic error.

    ``lossᵢ = (log(1 + max(xᵢ, ε)) - log(1 + max(tᵢ, ε)))²``

    Args:
        predictions: any shape; ``x``.
        targets: the shape of ``predictions``; ``t``.
        epsilon: below it numbers are clipped; ``ε``.

    Raises:
        ValueError: ``targets`` has another shape than ``predictions``, or ``epsilon`` is negative.

    Source: Tofallis (2015), A better measure of relative prediction accuracy, arXiv:2105.05249, section 4.
    """
    return np.square(_log_errors(predictions, targets, epsilon))


@elements.vjp
def mean_squared_logarithmic_error_vjp(
    predictions: Array, targets: Array, cotangent: Array, *, epsilon: float = 1e-7
) -> tuple[Array, Array]:
    """Gradient of `mean_squared_logarithmic_error`: ``2 d / (1 + x)``, and ``-2 d / (1 + t)``.

    Here ``d`` is the difference of the logarithms. What is clipped has no gradient.
    """
    slope = cotangent * (2.0 * _log_errors(predictions, targets, epsilon))
    of_predictions, of_targets = (
        np.where(x > epsilon, slope / (1.0 + np.maximum(x, epsilon)), 0.0) for x in (predictions, targets)
    )
    return of_predictions, -of_targets


def _log_errors(predictions: Array, targets: Array, epsilon: float) -> Array:
    require(epsilon >= 0, f"epsilon must not be negative; got {epsilon}")
    require_shape("targets", targets, predictions.shape, "as predictions")
    return np.log1p(np.maximum(predictions, epsilon)) - np.log1p(np.maximum(targets, epsilon))


@elements.loss
def poisson_nll(
    log_rates: Array, rates: Array, targets: Array, *, epsilon: float = 1e-8, full: bool = False
) -> Array:
    """Negative log-likelihood of counts under Poisson distributions.

    ``lossᵢ = λ - t log(λ + ε)`` of rates λ, or ``exp(x) - t x`` of their logarithms; what is left out is
    ``log t!``, for which ``full`` adds Stirling's ``t log t - t + log(2πt)/2`` where ``t > 1``.

    Args:
        log_rates: any shape; ``x``. Or None where rates are given.
        rates: any shape, not negative; ``λ``. Or None.
        targets: the shape of either, not negative; ``t``. They need not be integers.
        epsilon: what is added to a rate before its logarithm is taken; ``ε``.
        full: whether the term that does not depend on the rates is counted.

    Raises:
        ValueError: shapes that do not fit, or both rates and their logarithms, or neither.

    Source: Cameron and Trivedi (2013), Regression analysis of count data, section 3.2.
    """
    logarithms = _logarithms(log_rates, rates, targets, epsilon)
    of_rates = np.exp(log_rates) if rates is None else rates
    losses = of_rates - targets * np.minimum(logarithms, HELD_LOGARITHM)
    if not full:
        return losses
    beyond = np.maximum(targets, 1.0)
    stirling = beyond * np.log(beyond) - beyond + 0.5 * np.log(2.0 * np.pi * beyond)
    return losses + np.where(targets > 1, stirling, 0.0)


@elements.vjp
def poisson_nll_vjp(
    log_rates: Array,
    rates: Array,
    targets: Array,
    cotangent: Array,
    *,
    epsilon: float = 1e-8,
    full: bool = False,
) -> tuple[Array | None, Array | None, Array]:
    """Gradient of `poisson_nll`: ``1 - t / (λ + ε)`` of rates, ``exp(x) - t`` of their logarithms.

    For the targets it is the negative logarithm, and with ``full`` ``log t + 1/(2t)`` more where ``t > 1``.
    Each term of the loss is derived by itself, since they may cancel.
    """
    of_targets = -(cotangent * _logarithms(log_rates, rates, targets, epsilon))
    if full:
        beyond = np.maximum(targets, 1.0)
        stirling = cotangent * (np.log(beyond) + 1.0) - cotangent + cotangent * (0.5 / beyond)
        of_targets = of_targets + np.where(targets > 1, stirling, 0.0)
    if rates is None:
        return cotangent * np.exp(log_rates) - cotangent * targets, None, of_targets
    return None, cotangent - cotangent * targets / (rates + epsilon), of_targets


def _logarithms(log_rates: Array, rates: Array, targets: Array, epsilon: float) -> Array:
    """The logarithms of rates, given or taken."""
    require((log_rates is None) != (rates is None), "give either rates or their logarithms")
    logarithms = log_rates if rates is None else np.log(rates + epsilon)
    require_shape("targets", targets, logarithms.shape, "as the rates")
    return logarithms


HELD_LOGARITHM = 1e4
"""Beyond it exponentials are infinite in every format, and count alone."""


@elements.loss
def gaussian_nll(
    predictions: Array, targets: Array, variances: Array, *, epsilon: float = 1e-6, full: bool = False
) -> Array:
    """Negative log-likelihood under normal distributions of given variances.

    ``lossᵢ = (log v + (xᵢ - tᵢ)² / v) / 2`` with ``v = max(vᵢ, ε)``; ``full`` adds ``log(2π) / 2``

    Args:
        predictions: any shape, the means; ``x``.
        targets: the shape of ``predictions``; ``t``.
        variances: the shape of ``predictions``, not negative; ``v``.
        epsilon: the least variance; ``ε``.
        full: whether the constant is counted.

    Raises:
        ValueError: shapes that do not fit, a negative variance, or ``epsilon`` is not positive.

    Source: Nix and Weigend (1994), Estimating the mean and variance of the target probability distribution.
    """
    held = _held_variances(predictions, variances, epsilon)
    losses = 0.5 * (np.log(held) + np.square(_errors(predictions, targets)) / held)
    return losses + 0.5 * np.log(2.0 * np.pi) if full else losses


@elements.vjp
def gaussian_nll_vjp(
    predictions: Array,
    targets: Array,
    variances: Array,
    cotangent: Array,
    *,
    epsilon: float = 1e-6,
    floor_gradient: str = "blocked",
) -> tuple[Array, Array, Array]:
    """Gradient of `gaussian_nll`: ``(x - t) / v``, its negative, and ``(1 - (x - t)²/v) / (2 v)``.

    Variances below the least have none; with ``floor_gradient="passed"`` they have that of the least.
    """
    held, errors = _held_variances(predictions, variances, epsilon), _errors(predictions, targets)
    gradient = cotangent * (errors / held)
    halved = 0.5 * cotangent
    of_variances = halved / held - halved * np.square(errors) / held / held
    if floor_gradient == "blocked":
        of_variances = np.where(variances < epsilon, 0.0, of_variances)
    return gradient, -gradient, of_variances


def _held_variances(predictions: Array, variances: Array, epsilon: float) -> Array:
    require(epsilon > 0, f"epsilon must be positive; got {epsilon}")
    require_shape("variances", variances, predictions.shape, "as predictions")
    require(not np.any(variances < 0), "variances must not be negative")
    return np.maximum(variances, epsilon)


@rows.loss
@vectors_over.loss
def cosine_similarity(
    predictions: Array, targets: Array, *, axis: int = -1, epsilon: float = 1e-8, form: str = "similarity"
) -> Array:
    """Cosine of the angle between predictions and targets.

    ``c = ⟨x, t⟩ / (max(‖x‖, ε) max(‖t‖, ε))`` along an axis; as a loss ``-c`` or ``1 - c``

    Args:
        predictions: any shape; ``x``.
        targets: the shape of ``predictions``; ``t``.
        axis: along which the vectors stand.
        epsilon: the least that a vector is divided by. With 0 the cosine of a vector of zeros is NaN.
        form: ``similarity``, its ``negative``, or the ``distance``.

    Raises:
        ValueError: ``targets`` has another shape than ``predictions``, an ``axis`` that there is not, or an
            unknown ``form``.

    Source: Singhal (2001), Modern information retrieval, section 2.
    """
    require(form in COSINE_FORMS, f"form must be one of {', '.join(COSINE_FORMS)}; got {form!r}")
    units = (_unit(x, axis, epsilon)[0] for x in _pair(predictions, targets, axis))
    cosine = np.sum(np.multiply(*units), axis=axis)
    return {"similarity": cosine, "negative": -cosine, "distance": 1.0 - cosine}[form]


@rows.vjp
@vectors_over.vjp
def cosine_similarity_vjp(
    predictions: Array,
    targets: Array,
    cotangent: Array,
    *,
    axis: int = -1,
    epsilon: float = 1e-8,
    form: str = "similarity",
    floor_gradient: str = "blocked",
) -> tuple[Array, Array]:
    """Gradient of `cosine_similarity`: ``(t̂ - c x̂) / ‖x‖``, with the vectors of length 1; ``t̂ / ε`` below ε.

    With ``floor_gradient="passed"`` a norm below ε has the gradient that it has above: ``(t̂ - c x/‖x‖) / ε``.
    """
    x, t = (_unit(each, axis, epsilon) for each in _pair(predictions, targets, axis))
    rows = np.expand_dims(cotangent if form == "similarity" else -cotangent, axis)
    cosine = np.sum(x[0] * t[0], axis=axis, keepdims=True)

    def of(own: tuple[Array, ...], other: Array) -> Array:
        unit, norm, length, scale = own
        away = np.where(norm == 0, 0.0, unit * (length / np.where(norm == 0, 1.0, norm)))
        turned = np.where(norm < length, away if floor_gradient == "passed" else 0.0, unit)
        return rows * ((other - cosine * turned) / length / scale)

    return of(x, t[0]), of(t, x[0])


def _pair(predictions: Array, targets: Array, axis: int) -> tuple[Array, Array]:
    require_shape("targets", targets, predictions.shape, "as predictions")
    rank = predictions.ndim
    require(-rank <= axis < rank, f"axis must be in [{-rank}, {rank}); got {axis}")
    return predictions, targets


def _unit(x: Array, axis: int, epsilon: float) -> tuple[Array, ...]:
    """Vectors divided by their length, and what that was: no less than ε.

    Squares and lengths may leave the range where cosines do not: vectors are made small beforehand. With the
    units come the norm of the small vectors, the length that these were divided by, and their scale.
    """
    scale = magnitude(x, axis)
    small = x / scale
    norm = np.sqrt(np.sum(np.square(small), axis=axis, keepdims=True))
    length = np.maximum(norm, epsilon / scale)
    return small / length, norm, length, scale


def _sign(errors: Array, nan_sign: str) -> Array:
    """The sign of errors: of NaN it is ``nan`` or ``zero``; or ``negative`` of all but what is 0 or more."""
    if nan_sign == "negative":
        return np.where(errors >= 0, 1.0, -1.0)
    return np.where(np.isnan(errors), 0.0, np.sign(errors)) if nan_sign == "zero" else np.sign(errors)


def _errors(predictions: Array, targets: Array) -> Array:
    require_shape("targets", targets, predictions.shape, "as predictions")
    return predictions - targets
