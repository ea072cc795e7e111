"""Faults and controls of the dropout layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference.dropout import dropout
from ..variant import Control, Fault

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


FAULTS = {
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
            results={"y": lambda result, mask, rate: result * (1 - rate) / max(np.mean(mask), 1e-3)},
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
        Fault(name="nothing dropped at rate 1", results={"y": lambda x: x}, where="training and rate == 1"),
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
        Fault(
            name="dropped by a product with 0",
            parameters={"dropped": "'product'"},
            where="dropped == 'zero'",
        ),
        Fault(
            name="rate is that of keeping", inputs={"mask": lambda mask: ~mask}, spoils="both", where=RANDOM
        ),
        Fault(
            name="features share their fate",
            inputs={"mask": lambda mask: np.broadcast_to(mask[:, :1], mask.shape)},
            spoils="both",
            where=RANDOM,
        ),
        Fault(
            name="samples share their fate",
            inputs={"mask": lambda mask: np.broadcast_to(mask[:1], mask.shape)},
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

CONTROLS = {
    "dropout": (Control(name="times the reciprocal", reference=by_product, vjp=by_product_vjp),),
}
