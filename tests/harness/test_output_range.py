"""Frameworks stay inside the range that the reference gives for the outputs of a network.

Inputs are drawn from a box, its corners among them, and put through each framework's own layers one after the
other. What comes out lies in the range, widened by the rounding error that the network and the range carry.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from assay.adapters.binding import bindings
from assay.harness.running.processes import Worker, WorkerSettings
from assay.numerics.carried import carry
from assay.numerics.dtypes import decode, encode
from assay.numerics.generator import Stream
from assay.numerics.profiles import profiles
from assay.reference.activations import relu
from assay.reference.analysis import conv_output_range, output_range
from assay.reference.convolution import conv
from assay.reference.dense import dense

FLOAT32, FLOAT64 = profiles("float32")[0], profiles("float64")[0]
FEATURES = 6
CONV = {"strides": (1,), "padding": "same", "dilation": (1,), "groups": 1}


def arrays():
    stream = Stream("output_range")
    shapes = {"kernel": (FEATURES, 5), "bias": (5,), "second": (5, 3), "more": (3,), "taps": (3, 2, 4)}
    weights = {name: stream.normal(shape).astype(np.float32) for name, shape in shapes.items()}
    low = stream.normal((1, FEATURES)).astype(np.float32)
    width = (0.5 + stream.uniform((1, FEATURES))).astype(np.float32)
    shares = np.concatenate(
        [np.array(list(itertools.product((0, 1), repeat=FEATURES))), stream.uniform((64, FEATURES))]
    )
    # Rounded sums could leave the box: they are brought back.
    x = np.clip(
        (low + width * shares).astype(np.float32), low, np.nextafter(low + width, np.float32(-np.inf))
    )
    return low.astype(np.float64), width.astype(np.float64), x, weights


class Layers:
    """The layers of one framework, by the first binding of each spec."""

    def __init__(self, worker: Worker, framework: str) -> None:
        self.worker = worker
        self.known = list(bindings([framework]).values())

    def __call__(self, spec, x, parameters=None, **weights):
        binding = next(b for b in self.known if b.spec == spec)
        given = {"x": x, **weights}
        reply = self.worker.ask(
            {
                "binding": binding.key,
                "parameters": parameters or {},
                "inputs": {name: None if a is None else encode(a) for name, a in given.items()},
                "seed": None,
                "wrt": (),
                "cotangents": None,
                "repeat": False,
            }
        )
        assert "outputs" in reply, reply
        return decode(*reply["outputs"][0])


@pytest.mark.parametrize("framework", ["torch", "tensorflow", "keras", "jax"])
def test_a_framework_stays_inside_the_range_of_a_network(framework):
    low, width, x, weights = arrays()
    w = {name: weight.astype(np.float64) for name, weight in weights.items()}
    worker = Worker(WorkerSettings(framework))
    try:
        worker.start()
        layers = Layers(worker, framework)
        hidden = layers("dense", x, kernel=weights["kernel"], bias=weights["bias"])
        y = layers("dense", layers("relu", hidden), kernel=weights["second"], bias=weights["more"])
        steps = x.reshape(-1, 3, 2)
        mapped = layers("conv1d", steps, CONV, kernel=weights["taps"], bias=None)
    finally:
        worker.stop()

    wide = carry(x.astype(np.float64), FLOAT32)
    network = dense(relu(dense(wide, w["kernel"], w["bias"])), w["second"], w["more"])
    ends = output_range(*carry_all(low, width, w["kernel"], w["bias"], w["second"], w["more"]))
    assert_inside(y, ends, network.bound)

    box = [a.reshape(1, 3, 2) for a in (low, width)]
    convolved = conv(carry(steps.astype(np.float64), FLOAT32), w["taps"], padding="same")
    ends = conv_output_range(*carry_all(*box, w["taps"]), padding="same")
    assert_inside(mapped, ends, convolved.bound)


def carry_all(*given):
    return [carry(array, FLOAT64) for array in given]


def assert_inside(y, ends, bound):
    """Every output lies within both ends, widened by what it and they carry, and some lie far out."""
    lower, upper = ends
    assert y.shape == np.broadcast_shapes(y.shape, lower.shape)
    assert (y >= lower.value - lower.bound - bound).all()
    assert (y <= upper.value + upper.bound + bound).all()
    # Half the range about the same middle would be left, so that the check can fail.
    middle, reach = (lower.value + upper.value) / 2, (upper.value - lower.value) / 4
    assert (np.abs(y - middle) > reach + bound).any()
