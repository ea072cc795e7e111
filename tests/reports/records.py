"""Records to report on: small ones built by hand, and one at the scale of a real run."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assay.harness.record import Implementation, Margin, Record, SpecFacts, Target, Verdict, Worst

CASE = "gelu/default/float32/tails/5x129"

FAMILIES = {
    "activations": "relu gelu silu softplus softmax log_softmax",
    "dense": "dense bilinear",
    "convolution": "conv1d conv2d depthwise_conv2d conv2d_transpose",
    "pooling": "max_pool2d average_pool2d",
    "normalization": "batch_norm layer_norm group_norm rms_norm",
    "recurrent": "lstm gru",
    "attention": "scaled_dot_product_attention multi_head_attention",
    "dropout": "dropout",
    "losses_classification": "softmax_cross_entropy sigmoid_cross_entropy kl_divergence",
    "losses_sequence": "ctc",
}

TARGETS = (
    Target(
        "torch/cpu",
        "torch",
        "cpu",
        "eager",
        available=True,
        versions={"torch": "2.13.0+cpu"},
        flags={"threads": "2", "matmul precision": "highest"},
        python="3.11.9",
        packages={"torch": "2.13.0+cpu", "numpy": "2.3.1", "sympy": "1.14.0"},
    ),
    Target(
        "tensorflow/cpu",
        "tensorflow",
        "cpu",
        "eager",
        available=True,
        versions={"tensorflow-cpu": "2.21.0"},
        flags={"oneDNN": "on"},
        python="3.11.9",
        packages={"tensorflow-cpu": "2.21.0", "numpy": "2.3.1"},
    ),
    Target(
        "keras[tensorflow]/cpu",
        "keras[tensorflow]",
        "cpu",
        "eager",
        available=True,
        versions={"keras": "3.15.0", "tensorflow-cpu": "2.21.0"},
        flags={"oneDNN": "on"},
        python="3.11.9",
        packages={"keras": "3.15.0", "tensorflow-cpu": "2.21.0"},
    ),
    Target(
        "jax/cpu",
        "jax",
        "cpu",
        "jit",
        available=True,
        versions={"jax": "0.10.2", "flax": "0.12.0", "optax": "0.2.6"},
        flags={"jax_default_matmul_precision": "None"},
        python="3.11.9",
        packages={"jax": "0.10.2", "jaxlib": "0.10.2", "flax": "0.12.0"},
    ),
)

ABSENT = Target(
    "torch/cuda",
    "torch",
    "cuda",
    "eager",
    available=False,
    reason="no CUDA device: torch.cuda.is_available() is False",
)

PLACES = {
    "torch": ("torch.nn.functional", "torch.nn"),
    "tensorflow": ("tf.nn",),
    "keras[tensorflow]": ("keras.layers", "keras.ops"),
    "jax": ("jax.nn", "flax.nnx"),
}

GELU = SpecFacts(
    name="gelu",
    family="activations",
    summary="Gaussian error linear unit.",
    formula="""Gaussian error linear unit.

``gelu(x) = x Φ(x) = x/2 erfc(-x/√2)``, or with ``approximate``
``x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))``

The complementary error function keeps full relative accuracy for negative ``x``.

Args:
    x: any shape.
    approximate: the tanh form instead of the exact one, whose difference from it
        is largest near 2.

Returns:
    The shape of ``x``.

Source: Hendrycks and Gimpel (2016), Gaussian error linear units, arXiv:1606.08415, section 2.""",
    inputs=(("x", "batch, features", "what is activated"),),
    parameters=(("approximate", ("false", "true"), "the tanh form instead of the exact one", True),),
    constraints=(("C1", "-2 <= axis < 2", "axis must be an axis of x"),),
    outputs=("y",),
    axes=("batch", "features"),
    sources=(
        ("Hendrycks and Gimpel (2016), Gaussian error linear units", "https://arxiv.org/abs/1606.08415"),
    ),
)

SCRIPT = """import numpy as np
import torch

x = np.array({values}, dtype=np.float32)
y = torch.nn.functional.{name}(torch.from_numpy(x)).numpy()

expected = {expected}
print("got", y[{index}], "expected", expected)
"""


def record(*verdicts: Verdict, **changes: Any) -> Record:
    """A small record of these verdicts."""
    fields: dict[str, Any] = {
        "assay": "0.1.0",
        "started": "2025-11-12T09:41:03+00:00",
        "seconds": 512.4,
        "tier": "standard",
        "complete": True,
        "command": "assay run --out report",
        "machine": {"system": "Linux 6.1", "processor": "x86_64, 2 cores"},
        "targets": TARGETS,
        "specs": (GELU,),
        "implementations": (Implementation("gelu", "torch.nn.functional.gelu", TARGETS[0].name),),
        "verdicts": verdicts,
        "timings": {"torch/cpu": 101.5},
    }
    return Record(**(fields | changes))


def verdict(outcome: Any = "conforms", **changes: Any) -> Verdict:
    """One verdict, on gelu in torch unless said otherwise."""
    fields: dict[str, Any] = {
        "case": CASE,
        "implementation": "torch.nn.functional.gelu",
        "target": "torch/cpu",
        "outcome": outcome,
    }
    return Verdict(**(fields | changes))


def differing(**changes: Any) -> Verdict:
    """A verdict with everything that a failing one can carry."""
    fields: dict[str, Any] = {
        "check": "values",
        "message": "y[2, 41] is -7.5e-07; expected -1.43e-06 ± 3.1e-13 (5.4e+06 ulp away); 40 of 645 are off",
        "explained_by": "tf32",
        "margins": (Margin("y", 2190000.0, 410.0), Margin("gradient of x", 0.31, 0.52, unresolved=3)),
        "worst": Worst("y", (2, 41), "-7.5e-07", "-1.43e-06", "3.1e-13", 5.4e6, 40, 645),
        "notes": ("another sign of zero than the reference in y",),
        "digest": "9f2c41d07ab3e655",
        "seconds": 0.0021,
        "reproduction": SCRIPT.format(values=[-5.0, 1.5], name="gelu", expected="-1.43e-06", index="2, 41"),
    }
    return verdict("differs", **(fields | changes))


@dataclass(frozen=True)
class _Fault:
    outcome: str
    check: str
    message: str
    share: float
    explained_by: str | None = None


_FAULTS: dict[tuple[str, str], _Fault] = {
    ("softplus", "torch.nn.functional.softplus"): _Fault("differs", "values", "", 0.12),
    ("layer_norm", "flax.nnx.LayerNorm"): _Fault("inaccurate", "values", "", 0.08),
    ("conv2d", "tf.nn.conv2d"): _Fault("inaccurate", "gradients", "", 0.3, "tf32"),
    ("batch_norm", "keras.layers.BatchNormalization"): _Fault("deviates", "states", "", 0.5),
    ("max_pool2d", "jax.nn.max_pool2d"): _Fault("differs", "special values", "", 0.1),
    ("gru", "torch.nn.GRU"): _Fault("crashed", "raised", "Fatal Python error: Segmentation fault", 0.05),
    ("ctc", "tf.nn.ctc"): _Fault("hung", "raised", "no answer within 120 s", 0.02),
    ("dense", "keras.layers.Dense"): _Fault(
        "accepts", "raised", "gave a value where C1 asks for an error", 0.06
    ),
    ("kl_divergence", "keras.ops.kl_divergence"): _Fault("rejects", "raised", "ValueError: not today", 0.1),
    ("dropout", "tf.nn.dropout"): _Fault("unsupported", "", "noise shape only as a constant", 0.4),
    ("gelu", "tf.nn.gelu"): _Fault("differs", "gradients", "", 0.05),
}


def at_scale(cases: int = 100, seed: int = 1) -> Record:
    """A run of 27 specs on four targets, with faults of every kind; ``cases`` per implementation."""
    rng = random.Random(seed)
    specs = {name: family for family, names in FAMILIES.items() for name in names.split()}
    implementations, verdicts = [], []
    for name in specs:
        asked = list(_cases(name, cases, rng))
        for target in TARGETS:
            for place in PLACES[target.framework]:
                api = f"{place}.{_api_name(name, place)}"
                if rng.random() < 0.15 and name != "gelu" and (name, api) not in _FAULTS:
                    continue
                implementations.append(
                    Implementation(name, api, target.name, composition=name == "bilinear", where=_where(api))
                )
                fault = _FAULTS.get((name, api))
                verdicts += [_verdict(case, api, target.name, fault, rng) for case in asked]
    return record(
        *verdicts,
        targets=(*TARGETS, ABSENT),
        specs=tuple(_facts(family, name) for name, family in specs.items()),
        implementations=tuple(implementations),
    )


def _where(api: str) -> dict[str, str]:
    return {"axis == -1": "it knows the last axis only"} if api.startswith("tf.nn") else {}


def _api_name(spec: str, place: str) -> str:
    camel = place in ("torch.nn", "keras.layers", "flax.nnx")
    known = {"gru": "GRU", "lstm": "LSTM", "batch_norm": "BatchNormalization", "gelu": "GELU"}
    return known.get(spec, "".join(w.title() for w in spec.split("_"))) if camel else spec


def _facts(family: str, name: str) -> SpecFacts:
    if name == "gelu":
        return GELU
    return SpecFacts(
        name,
        family,
        f"What {name} means.",
        f"What {name} means.\n\n``{name}(x) = …``\n\nArgs:\n    x: any shape.\n\nReturns:\n    Its shape.",
        (("x", "batch, features", "what goes in"), ("kernel", "features, units", "")),
        (
            ("strides", ("1", "2", "3"), "step of the window", False),
            ("padding", ("valid", "same"), "what is added where", True),
        ),
        (("C1", "x[-1] == kernel[0]", "x must end in as many features as the kernel has"),),
        ("y",),
        ("batch", "features", "units"),
        ((f"torch.nn.functional.{name}", "https://pytorch.org/docs/stable/"),),
    )


def _cases(spec: str, count: int, rng: random.Random) -> Iterator[str]:
    seen: set[str] = set()
    while len(seen) < count:
        parameters = rng.choice(
            ("default", "strides=2", "padding=same", "strides=2,padding=same", "strides=3")
        )
        data = rng.choice(("normal", "tails", "zeros", "wide", "subnormal", "large", "nan", "infinities"))
        dtype = rng.choice(("float32", "float32", "bfloat16", "float16", "float64"))
        size = "x".join(str(rng.choice((1, 3, 7, 17, 33, 64, 129))) for _ in range(4))
        case = f"{spec}/{parameters}/{dtype}/{data}/{size}"
        if case not in seen:
            seen.add(case)
            yield case


_PROFILES = {
    "float64": ("float64",),
    "float32": ("float32",),
    "bfloat16": ("fused", "op-by-op"),
    "float16": ("fused", "op-by-op"),
}


def _verdict(case: str, api: str, target: str, fault: _Fault | None, rng: random.Random) -> Verdict:
    _, _, dtype, data, size = case.split("/")
    if fault is None or rng.random() > fault.share:
        names = ("y", "gradient of x", "gradient of kernel")
        margins = tuple(
            Margin(
                name, min(0.98, 10 ** rng.gauss(-1.1, 0.6)) * (rng.random() > 0.05), rng.uniform(0.2, 0.95)
            )
            for name in names
        )
        return Verdict(
            case,
            api,
            target,
            "conforms",
            profile=rng.choice(_PROFILES[dtype]),
            margins=margins,
            seconds=0.002,
        )
    base = {
        "case": case,
        "implementation": api,
        "target": target,
        "outcome": fault.outcome,
        "check": fault.check,
    }
    base |= {"digest": f"{rng.getrandbits(64):016x}", "seconds": rng.uniform(0.001, 0.02)}
    if fault.message:
        return Verdict(
            **base, message=f"{fault.message} ({case})" if fault.outcome == "rejects" else fault.message
        )
    worst = 10 ** rng.uniform(0.1, 1.2) if fault.outcome == "inaccurate" else 10 ** rng.uniform(2, 6)
    if fault.check == "special values":
        worst = math.inf
    array = "gradient of x" if fault.check == "gradients" else "y"
    expected = rng.gauss(0, 1)
    got, tolerance = expected * (1 + 1e-6 * worst), abs(expected) * 1e-6
    wrong, total = rng.randint(1, 300), math.prod(int(n) for n in size.split("x"))
    got_text = "nan" if math.isinf(worst) else f"{got:.9g}"
    message = (
        f"{array}[0, {wrong % 17}] is {got_text}; expected {expected:.9g} ± {tolerance:.3g} "
        f"({worst * 8:.3g} ulp away); {min(wrong, total)} of {total} elements are off"
    )
    return Verdict(
        **base,
        message=message,
        explained_by=fault.explained_by,
        margins=(Margin("y", worst if array == "y" else 0.3, 12.0), Margin("gradient of x", worst, 3.0, 2)),
        worst=Worst(
            array,
            (0, wrong % 17),
            got_text,
            f"{expected:.9g}",
            f"{tolerance:.3g}",
            None if math.isinf(worst) else worst * 8,
            min(wrong, total),
            total,
        ),
        deviation="keras-moving-variance-biased" if fault.outcome == "deviates" else None,
        notes=("another sign of zero than the reference in y",) if data == "zeros" else (),
        reproduction=SCRIPT.format(
            values=[round(rng.gauss(0, 3), 6) for _ in range(24)],
            name=api.rpartition(".")[2],
            expected=expected,
            index=f"0, {wrong % 17}",
        ),
    )
