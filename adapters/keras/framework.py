"""How Keras is driven: one backend per process, which loads, runs and differentiates for it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ..binding import Binding, binder
from ..environment import KERAS
from ..framework import Framework, Returned, Runner, Unavailable, Wire, framework
from ..lazy import Lazy

keras: Any = Lazy("keras")
binds = binder("keras")

BACKENDS = ("tensorflow", "jax", "torch")


class Adapter(Framework):
    """Keras on one backend and device."""

    oldest: ClassVar = {"keras": "3.3"}

    def __init__(self, device: str, backend: str = BACKENDS[0]) -> None:
        super().__init__(device)
        if backend not in BACKENDS:
            raise Unavailable(f"Keras has no backend {backend!r}; it has {', '.join(BACKENDS)}.")
        self.backend_name, self.backend = backend, framework(backend, device)
        self.paths = self.backend.paths
        self.unload, self.prepare = self.backend.unload, self.backend.prepare
        self.construct, self.seed = self.backend.construct, self.backend.seed
        self.distributions = tuple(dict.fromkeys(("keras", *self.backend.distributions)))
        self.environment = (*KERAS, *self.backend.environment)

    def start(self) -> None:
        """Start the backend, then Keras on it."""
        os.environ["KERAS_BACKEND"] = self.backend_name
        self.backend.start()
        self.require("keras", "Keras", "tensorflow")
        keras.utils.set_random_seed(0)

    def in_force(
        self, mode: str, runner: Runner, inputs: Mapping[str, Any], cotangents: Sequence[Any] | None
    ) -> tuple[Returned, str]:
        """What the backend shows."""
        return self.backend.in_force(mode, runner, inputs, cotangents)

    def settle(self, bindings: Iterable[Binding]) -> None:
        """Real modules for Keras and for its backend."""
        self.backend.settle(())
        super().settle(bindings)

    def weights(self, built: Any, on: Any, seed: int = 0) -> Iterator[tuple[str, Any, bool]]:
        """Variables by their paths inside the layer, but for the states of random generators."""
        for variable in getattr(built, "weights", ()):
            _, _, name = variable.path.partition("/")
            if not name.endswith("seed_generator_state"):
                yield name or variable.name, variable.value, bool(variable.trainable)

    def shapes(self, call: Any, arrays: Any) -> Any:
        """As the backend tells them."""
        return self.backend.shapes(call, arrays)

    def load(self, wire: Wire) -> Any:
        """Array of the backend."""
        return self.backend.load(wire)

    def flags(self) -> dict[str, str]:
        """Flags of the backend, and Keras's own."""
        return self.backend.flags() | {
            "backend": self.backend_name,
            "image_data_format": keras.config.image_data_format(),
        }
