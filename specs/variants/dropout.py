"""Faults and controls of the dropout layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr

from ...reference.activations import SELU_ALPHA, SELU_SATURATION
from ...reference.dropout import dropout
from ..language.variant import Control, Fault

Array = Any

RANDOM = "training and 0 < rate < 1"


def finer_than_bytes(mask: Array, rate: float) -> Array:
    """A mask of random bytes that are compared with the rate rounded to a 256th: none at small rates."""
    return mask | (rate < 1 / 512)


def by_product(x: Array, mask: Array, *, rate: float, training: bool, dropped: str) -> Array:
    """A product with ``1 / (1 - rate)``, itself rounded."""
    if not training or rate in (0, 1):
        return dropout(x, mask, rate=rate, training=training, dropped=dropped)
    scaled = x * (np.ones_like(x) / (1.0 - rate))
    return scaled * mask if dropped == "product" else np.where(mask, scaled, 0.0)


def by_product_vjp(x: Array, mask: Array, cotangent: Array, *, rate: float, training: bool) -> tuple[Array]:
    """As `by_product`, of the cotangent."""
    return (by_product(cotangent, mask, rate=rate, training=training, dropped="zero"),)


def reciprocal_by_feature(x: Array, rates: Array, mask: Array) -> Array:
    """A product with ``1 / (1 - rates)``, itself rounded."""
    dropping = rates.shape[0]
    scaled = x[:, :dropping] * (1.0 / (1.0 - rates))
    return np.concatenate([np.where(mask, scaled, 0.0), x[:, dropping:]], axis=1)


def reciprocal_by_feature_vjp(x: Array, rates: Array, mask: Array, cotangent: Array) -> tuple[Array]:
    """As `reciprocal_by_feature`, of the cotangent."""
    return (reciprocal_by_feature(cotangent, rates, mask),)


def noise_first(x: Array, noise: Array, *, rate: float, training: bool) -> Array:
    """``x + x s noise`` in place of ``x (1 + s noise)``."""
    return x if not training or rate == 0 else x + x * (math.sqrt(rate / (1.0 - rate)) * noise)


def noise_first_vjp(x: Array, noise: Array, cotangent: Array, *, rate: float, training: bool) -> tuple[Array]:
    """As `noise_first`, of the cotangent."""
    return (noise_first(cotangent, noise, rate=rate, training=training),)


def alpha_of(x: Array, mask: Array, rate: float, saturation: float, shift: float = 1.0) -> Array:
    """Alpha dropout towards another saturation."""
    a = ((1 - rate) * (1 + rate * saturation**2)) ** -0.5
    return a * np.where(mask, x, saturation) - shift * a * rate * saturation


def each_element(mask: Array, x: Array) -> Array:
    """As many values as elements, none shared as it should be."""
    return np.resize(mask.reshape(-1), x.shape)


def other_axis(mask: Array, axis: int, shape: tuple[int, ...]) -> Array:
    """The values of a mask in another shape, which is shared along another axis."""
    return np.resize(mask.reshape(-1), tuple(1 if n == axis else length for n, length in enumerate(shape)))


def opposite(given: Array) -> Array:
    """A mask that keeps what it should drop."""
    return ~given


def shared_along(axis: int) -> Callable[[Array], Array]:
    """The first values along an axis in the place of all."""
    return lambda given: np.broadcast_to(np.take(given, [0], axis), given.shape)


def scaled_by_what_was_kept(result: Array, mask: Array, rate: float) -> Array:
    """The survivors over the share that was kept, not over the one that is expected."""
    return result * (1 - rate) / max(np.mean(mask), 1e-3)


SHARED = (
    Fault(
        name="a mask's value for each element",
        inputs={"mask": each_element},
        spoils="both",
        where="training and x != mask",
    ),
    Fault(
        name="samples share their fate",
        inputs={"mask": shared_along(0)},
        spoils="both",
        where="training and mask[0] > 1",
    ),
    Fault(name="rate is that of keeping", inputs={"mask": opposite}, spoils="both", where="training"),
    Fault(
        name="survivors not scaled", results={"y": lambda result, rate: result * (1 - rate)}, where="training"
    ),
    Fault(
        name="survivors scaled by what was kept, not by what is expected",
        results={"y": scaled_by_what_was_kept},
        where="training",
    ),
    Fault(name="scaled at inference", results={"y": lambda x, rate: x * (1 - rate)}, where="not training"),
    Fault(name="gradient of another mask", inputs={"mask": opposite}, spoils="gradients"),
    Fault(
        name="gradient not dropped",
        gradients={"x": lambda cotangent, rate: cotangent / (1 - rate)},
        where="training",
    ),
)

NOISY = (
    Fault(
        name="samples get the same noise",
        inputs={"noise": shared_along(0)},
        spoils="both",
        where="batch > 1",
    ),
    Fault(
        name="noise repeats along a row",
        inputs={"noise": lambda noise: np.repeat(noise, 2, axis=1)[:, : noise.shape[1]]},
        spoils="both",
        where="features > 1",
    ),
    Fault(
        name="random numbers repeat after 64",
        inputs={"noise": lambda noise: np.resize(noise.reshape(-1)[:64], noise.shape)},
        spoils="both",
        where="batch > 1",
    ),
    Fault(
        name="uniform noise of the same variance",
        inputs={"noise": lambda noise: math.sqrt(12) * (ndtr(noise) - 0.5)},
        spoils="both",
    ),
    Fault(name="positive noise only", inputs={"noise": lambda noise: np.abs(noise)}, spoils="both"),
    Fault(
        name="noise cut off at two deviations, as a truncated normal is",
        inputs={"noise": lambda noise: np.where(np.abs(noise) > 2, 0.0, noise)},
        spoils="both",
    ),
    Fault(name="gradient not passed", gradients={"x": lambda gradient: 0 * gradient}),
)

FAULTS = {
    "dropout_noise_shape": (
        *SHARED,
        Fault(
            name="features shared in the place of steps",
            inputs={"mask": lambda mask, x: other_axis(mask, 2, x.shape)},
            spoils="both",
            where="training and shared == 'time'",
        ),
        Fault(
            name="steps shared in the place of features",
            inputs={"mask": lambda mask, x: other_axis(mask, 1, x.shape)},
            spoils="both",
            where="training and shared == 'features'",
        ),
        Fault(
            name="a mask for each sample where the batch shares one",
            inputs={"mask": lambda mask, x: np.concatenate([np.roll(mask, n) for n in range(len(x))])},
            spoils="both",
            where="training and 'batch' in shared",
        ),
    ),
    "spatial_dropout": (
        *SHARED,
        Fault(
            name="steps dropped whole, not channels",
            inputs={"mask": lambda mask, x: np.resize(mask.reshape(-1), (*x.shape[:2], 1))},
            spoils="both",
            where="training and rank == 1 and layout == 'channels_last'",
        ),
        Fault(
            name="layout of the channels mistaken",
            inputs={"mask": lambda mask, x: np.resize(mask.reshape(-1), (*x.shape[:2], 1, 1))},
            spoils="both",
            where="training and rank == 2 and layout == 'channels_last'",
        ),
        Fault(
            name="neighbouring channels share their fate",
            inputs={"mask": lambda mask: np.repeat(mask, 2, axis=-1)[..., : mask.shape[-1]]},
            spoils="both",
            where="training and layout == 'channels_last'",
        ),
    ),
    "dropout_by_feature": (
        Fault(
            name="all features scaled",
            results={"y": lambda result, rates: result / (1 - rates[0])},
            where="dropping == 'first'",
        ),
        Fault(name="rates are those of keeping", inputs={"mask": opposite}, spoils="both"),
        Fault(
            name="one mask for the batch",
            inputs={"mask": shared_along(0)},
            spoils="both",
            where="batch > 1",
        ),
        Fault(
            name="every feature at the mean rate",
            inputs={"rates": lambda rates: np.full_like(rates, rates.mean())},
            spoils="both",
            where="dropping == 'all'",
        ),
        Fault(
            name="gradient not dropped",
            gradients={"x": lambda cotangent, gradient: np.where(gradient == 0, cotangent, gradient)},
        ),
    ),
    "gaussian_noise": (
        *NOISY,
        Fault(name="variance in the place of the deviation", parameters={"stddev": "stddev**2"}),
        Fault(name="noise multiplied, not added", results={"y": lambda x, result: x * (1 + result - x)}),
    ),
    "gaussian_dropout": (
        *NOISY,
        Fault(
            name="deviation rate / (1 - rate), without the root",
            results={"y": lambda x, noise, rate: x * (1 + rate / (1 - rate) * noise)},
            where=RANDOM,
        ),
        Fault(
            name="deviation √rate",
            results={"y": lambda x, noise, rate: x * (1 + rate**0.5 * noise)},
            where=RANDOM,
        ),
        Fault(
            name="noise added, not multiplied",
            results={"y": lambda x, noise, rate: x + (rate / (1 - rate)) ** 0.5 * noise},
            where=RANDOM,
        ),
    ),
    "alpha_dropout": (
        *(fault for fault in SHARED if "scaled" not in fault.name and "gradient not" not in fault.name),
        Fault(
            name="dropped to 0, as by plain dropout",
            results={"y": lambda x, mask, rate: np.where(mask, x / (1 - rate), 0.0)},
            where=RANDOM,
        ),
        Fault(
            name="not restored to mean 0 and variance 1",
            results={"y": lambda x, mask: np.where(mask, x, SELU_SATURATION)},
            where=RANDOM,
        ),
        Fault(
            name="saturation is -α, without λ",
            results={"y": lambda x, mask, rate: alpha_of(x, mask, rate, -SELU_ALPHA)},
            where=RANDOM,
        ),
        Fault(
            name="variance restored without the mean",
            results={"y": lambda x, mask, rate: alpha_of(x, mask, rate, SELU_SATURATION, shift=0.0)},
            where=RANDOM,
        ),
        Fault(
            name="gradient not scaled",
            gradients={"x": lambda cotangent, mask: np.where(mask, cotangent, 0.0)},
            where=RANDOM,
        ),
        Fault(
            name="infinity at rate 1",
            results={"y": lambda result: result + np.inf},
            where="training and rate == 1",
        ),
    ),
    "dropout": (
        Fault(
            name="survivors not scaled",
            results={"y": lambda result, rate: result * (1 - rate)},
            where="training and 0 < rate < 1",
        ),
        Fault(
            name="survivors scaled by 1 / rate",
            results={"y": lambda result, rate: result * (1 - rate) / rate},
            where=RANDOM,
        ),
        Fault(
            name="survivors scaled by what was kept, not by what is expected",
            results={"y": scaled_by_what_was_kept},
            where=RANDOM,
        ),
        Fault(
            name="scaled at inference", results={"y": lambda x, rate: x * (1 - rate)}, where="not training"
        ),
        Fault(
            name="scaled at inference, in the gradient",
            gradients={"x": lambda cotangent, rate: cotangent * (1 - rate)},
            where="not training",
        ),
        Fault(
            name="NaN at rate 1",
            results={"y": lambda result: result * np.nan},
            where="training and rate == 1",
        ),
        Fault(
            name="NaN at rate 1, in the gradient",
            gradients={"x": lambda gradient: gradient * np.nan},
            where="training and rate == 1",
        ),
        Fault(name="rate is that of keeping", inputs={"mask": opposite}, spoils="both", where=RANDOM),
        Fault(
            name="features share their fate",
            inputs={"mask": lambda mask: np.broadcast_to(mask[:, :1], mask.shape)},
            spoils="both",
            where=RANDOM,
        ),
        Fault(
            name="samples share their fate",
            inputs={"mask": shared_along(0)},
            spoils="both",
            where=RANDOM,
        ),
        Fault(
            name="neighbours share their fate",
            inputs={"mask": lambda mask: np.repeat(mask, 2, axis=1)[:, : mask.shape[1]]},
            spoils="both",
            where=RANDOM,
        ),
        Fault(
            name="random numbers repeat after 64 elements",
            inputs={"mask": lambda mask: np.resize(mask.reshape(-1)[:64], mask.shape)},
            spoils="both",
            where=RANDOM,
        ),
        Fault(
            name="last row never dropped",
            inputs={"mask": lambda mask: mask | (np.arange(len(mask)) == len(mask) - 1)[:, np.newaxis]},
            spoils="both",
            where=RANDOM,
        ),
        Fault(name="rate rounded to a 256th", inputs={"mask": finer_than_bytes}, spoils="both", where=RANDOM),
        Fault(
            name="gradient of another mask",
            inputs={"mask": lambda mask: np.roll(mask, 1)},
            spoils="gradients",
            where=RANDOM,
        ),
        Fault(
            name="gradient not dropped",
            gradients={"x": lambda cotangent, rate: cotangent / (1 - rate)},
            where=RANDOM,
        ),
        Fault(
            name="gradient not scaled",
            gradients={"x": lambda gradient, rate: gradient * (1 - rate)},
            where=RANDOM,
        ),
    ),
}

RECIPROCAL = Control(name="times the reciprocal", reference=by_product, vjp=by_product_vjp)

CONTROLS = {
    "dropout": (RECIPROCAL,),
    "dropout_noise_shape": (RECIPROCAL,),
    "spatial_dropout": (RECIPROCAL,),
    "dropout_by_feature": (
        Control(name="times the reciprocal", reference=reciprocal_by_feature, vjp=reciprocal_by_feature_vjp),
    ),
    "gaussian_dropout": (
        Control(
            name="noise times x, added",
            reference=noise_first,
            vjp=noise_first_vjp,
            where="data != 'infinities'",
        ),
    ),
}
