"""How Keras is driven: one backend per process, which loads, runs and differentiates for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ..binding import Binding, binder
from ..environment import KERAS
from ..framework import Framework, NotInForce, Returned, Runner, Unavailable, Wire, framework
from ..lazy import Lazy
from ..path import Path
from .ways import entered, made

keras: Any = Lazy("keras")
binds = binder("keras")

BACKENDS = ("tensorflow", "jax", "torch")
LAYERS = ("keras.layers.*",)


def own_paths(backend: str, default: str) -> Iterator[Path]:
    """The ways in which a layer is called, on a backend whose default path is ``default``."""
    reached = "the layer's own call was reached once, through its __call__"
    trained = "the layer's own call was given training="
    yield Path("called", "layer(x), on its variables", reached, apis=LAYERS, under=default)
    yield Path(
        "functional",
        "a functional model that holds the layer",
        "the layer was reached once, in the model's call",
        apis=LAYERS,
        under=default,
    )
    for name, said, values in (
        ("training", "training=True where the call does not say it", "True"),
        ("inference", "training=False where the call does not say it", "False"),
        ("training_absent", "without the training=False that the call says", "None"),
    ):
        yield Path(name, f"layer(x), {said}", f"{trained}{values}", apis=LAYERS, under=default)
    for policy in ("mixed_float16", "mixed_bfloat16"):
        entered_by = f"layer(x), made under the policy {policy}, on float32"
        shown = f"it computes in {(narrow := policy.removeprefix('mixed_'))}, and its variables are float32"
        form: dict[str, Any] = {"dtypes": (narrow,), "apis": LAYERS}
        yield Path(policy, entered_by, shown, **form, under=default)
        if backend == "tensorflow":
            yield Path(f"{policy}_xla", f"{entered_by}, compiled by XLA", shown, **form, under="xla")
    for floatx in ("float64", "float16"):
        entered_by = f"layer(x), made without a dtype while floatx is {floatx}"
        shown = f"floatx is {floatx}, and the layer's policy is the global one"
        yield Path(f"floatx_{floatx}", entered_by, shown, dtypes=(floatx,), apis=LAYERS, under=default)
    if backend != "tensorflow":  # which has few operations on such arrays on CPU
        laid = "layer(x), made while image_data_format is channels_first, on arrays in that order"
        shown = "the layer's data_format is channels_first"
        yield Path("channels_first", laid, shown, apis=LAYERS, under=default)
    else:
        stepped = "the weights moved by the momentum of one step"
        form = {"dtypes": ("float32",), "special": False, "apis": LAYERS}
        yield Path("fit", "layer(x), with the gradients of one step of fit", stepped, **form, under="eager")
    alone: dict[str, Any] = {"differentiates": False, "apis": LAYERS, "under": "eager"}
    yield Path("predict", "predict of a functional model", "it ended one batch", **alone)
    if backend != "torch":
        compiled = "it ended one batch, and its jit_compile is True"
        yield Path("jit_compile", "predict after compile(jit_compile=True)", compiled, **alone)
    loaded = "the layer that was reached once is another, which loading made"
    yield Path("saved", "a functional model that was saved as .keras and loaded", loaded, **alone)


class Adapter(Framework):
    """Keras on one backend and device."""

    oldest: ClassVar = {"keras": "3.3"}

    def __init__(self, device: str, backend: str = BACKENDS[0]) -> None:
        super().__init__(device)
        if backend not in BACKENDS:
            raise Unavailable(f"Keras has no backend {backend!r}; it has {', '.join(BACKENDS)}.")
        self.backend_name, self.backend = backend, framework(backend, device)
        default, *others = (path for path in self.backend.paths if not path.apis)
        self.paths = (default, *others, *own_paths(backend, default.name))
        self.unload, self.seed = self.backend.unload, self.backend.seed
        self.prepare, self.construct = self._prepare, self._construct
        self._entered = default
        self.distributions = tuple(dict.fromkeys(("keras", *self.backend.distributions)))
        self.environment = (*KERAS, *self.backend.environment)

    def enter(self, path: Path) -> None:
        """Start; layers are made under the path's policy from now on."""
        super().enter(path)
        self._entered = path

    def start(self) -> None:
        """Start the backend, then Keras on it."""
        os.environ["KERAS_BACKEND"] = self.backend_name
        self.backend.start()
        self.require("keras", "Keras", "tensorflow")
        keras.utils.set_random_seed(0)

    def in_force(
        self, mode: str, runner: Runner, inputs: Mapping[str, Any], cotangents: Sequence[Any] | None
    ) -> tuple[Returned, str]:
        """What the backend shows, and of a way in which layers are called, whether each was."""
        path = self.path(mode)
        if not path.under:
            return self.backend.in_force(mode, runner, inputs, cotangents)
        returned, _ = self.backend.in_force(path.under, runner, inputs, cotangents)
        told = [true for name, true in getattr(runner, "ways", ()) if name == mode]
        if not told or not all(told):
            raise NotInForce(f"Keras did not show that {path.shown}", unsupported=True)
        return returned, path.shown

    def _prepare(
        self, function: Callable[..., Any], parameters: Mapping[str, Any], wrt: Sequence[str], mode: str
    ) -> Runner:
        """A runner of the backend; in ``ways`` stands of each layer whether it was called in the mode."""
        path, ways = self.path(mode), set[tuple[str, bool]]()
        if not path.under:
            return self.backend.prepare(function, parameters, wrt, mode)
        runner = self.backend.prepare(entered(function, mode, ways), parameters, wrt, path.under)
        runner.ways = ways  # type: ignore[attr-defined]
        return runner

    def _construct(self, build: Callable[..., Any], given: Mapping[str, Any]) -> Any:
        """What the backend makes, under the policy of the path that was entered."""
        return self.backend.construct(made(build, self._entered.name), given)

    def settle(self, bindings: Iterable[Binding]) -> None:
        """Real modules for Keras and for its backend."""
        self.backend.settle(())
        super().settle(bindings)

    def seed_globally(self, number: int) -> None:
        """The backend's generators, and Python's, from which Keras takes seeds that are not given."""
        keras.utils.set_random_seed(number)

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
