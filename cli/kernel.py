"""The commands for kernels: ``assay check``, ``assay export`` and ``assay judge``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.markup import escape

from ..errors import Usage
from ..harness.plan import select_specs
from ..reports.console import Screen
from ..specs.language.case import decode
from ..specs.language.spec import Spec, Value
from .ending import CannotRun
from .options import Device, Names, Tier

__all__ = ["check", "export", "judge"]


def check(
    kernel: str,
    *parameters: str,
    spec: str,
    like: str = "",
    device: Device = "cpu",
    dtype: Names = ("float32",),
    sizes: Literal["smoke", "sweep"] = "sweep",
    quick: Annotated[bool, Parameter(negative="")] = False,
    size: Names = (),
    tile: Annotated[tuple[int, ...], Parameter(negative="")] = (),
    gradients: Literal["auto", "yes", "no"] = "auto",
    vjp: str = "",
    accumulate: Literal["float32", "tf32", "dtype"] | None = None,
    fused: Annotated[bool, Parameter(negative="")] = False,
    repeats: int = 3,
    deterministic: Annotated[bool, Parameter(negative="")] = False,
    case: Names = (),
    path: str = "",
    in_process: Annotated[bool, Parameter(negative="")] = False,
    time_limit: float = 30.0,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Check a kernel: assay check FILE.py:FUNCTION --spec softmax axis=-1. The exit status is 1 if it fails.

    Parameters
    ----------
    kernel
        Where the function is: FILE.py:FUNCTION.
    parameters
        Parameters of the spec that are held at a value, such as axis=-1.
    spec
        Name of the spec that says what it should compute.
    like
        Array type that it wants: numpy, torch, jax, cupy or a module with from_dlpack; by default what its
        annotations say.
    device
        Where its arrays lie.
    dtype
        float32, float64, bfloat16, float16; may be given many times.
    sizes
        sweep is thorough, smoke a quick look.
    quick
        The same as --sizes smoke.
    size
        A size of your own, such as 3x1000, instead; may be given many times. Of a large one ordinary data are
        asked, and the rest at shorter axes.
    tile
        Length of the kernel's own blocks: sizes around it are asked too; may be given many times.
    gradients
        Whether gradients are asked for; auto takes them where the kernel has them.
    vjp
        Function of the same file that gives the gradients.
    accumulate
        Accumulator that the kernel means to have.
    fused
        A half type must be rounded once, at the end, after float32 inside.
    repeats
        How many calls on the same inputs are compared bit by bit.
    deterministic
        Count other bits in a repeated call as a failure.
    case
        A single case, as a report prints it; may be given many times.
    path
        How the kernel is entered, by default as it is: compiled, custom_op, vmap, autocast (of bfloat16) or
        autocast_float16 for torch; jit or vmap for jax. A call that the path did not run fails.
    in_process
        Run the kernel in this process, where a debugger can follow it; a crash or a hang is then yours.
    time_limit
        Seconds after which a call counts as hung.
    as_json
        Print the report as JSON.
    """
    from .. import api

    file, colon, function = kernel.rpartition(":")
    if not colon:
        raise Usage(f"the kernel is {kernel!r}; it must be FILE.py:FUNCTION")
    chosen = select_specs((spec,))
    if len(chosen) != 1:
        raise Usage(f"--spec {spec!r} names {len(chosen)} specs; a kernel is checked against one")
    report = api.check_file(
        Path(file),
        function,
        vjp,
        in_process=in_process,
        spec=spec,
        like=like or None,
        device=device,
        dtypes=dtype,
        sizes=[_size(text) for text in size] or ("smoke" if quick else sizes),
        tiles=tile,
        gradients={"auto": None, "yes": True, "no": False}[gradients],
        accumulate=accumulate,
        fused=fused,
        repeats=repeats,
        deterministic=deterministic,
        time_limit=time_limit,
        cases=case,
        path=path,
        **dict(_parameter(chosen[spec], text) for text in parameters),
    )
    if as_json:
        print(report.to_json())
    else:
        Screen().print(report)
    return int(not report.passed)


def export(
    *specs: str,
    format: Literal["npz", "safetensors", "onnx"] = "npz",
    out: Path = Path("vectors"),
    tier: Tier = "smoke",
    dtype: Names = ("float32",),
) -> None:
    """Write cases as files: golden vectors with a manifest, or ONNX node tests.

    Parameters
    ----------
    specs
        Names or globs of specs; all if none is given.
    format
        npz or safetensors, with tolerances and gradients; onnx where an operator is the same thing.
    out
        Folder of the files.
    tier
        smoke meets every option once, standard every pair of options, full every triple.
    dtype
        float32, float64, bfloat16, float16; may be given many times.
    """
    from ..harness.checking import export as vectors
    from ..harness.checking.onnx_nodes import export_onnx

    cases = vectors.selected(select_specs(specs).values(), tier, dtype)
    try:
        if format == "onnx":
            written = len(export_onnx(cases, out))
        else:
            written = len(vectors.export(cases, out, format).cases)
    except ImportError as error:
        raise CannotRun(f"{format} cannot be written: {error}. Try `pip install assay[export]`.") from error
    Screen().print(f"wrote {written} cases into {escape(str(out))}")


def judge(folder: Path, *, accumulate: Literal["float32", "tf32", "dtype"] | None = None) -> int:
    """Judge what came back for exported vectors: FOLDER/returned. The exit status is 1 if a case fails.

    Parameters
    ----------
    folder
        The folder that `assay export` wrote, with the files that came back in its folder returned; there
        unsupported.json may name cases that the implementation does not support, with the reason.
    accumulate
        Accumulator that the implementation means to have.
    """
    from ..harness.checking.export import judge_folder
    from ..harness.checking.held import PROFILES
    from ..reports.check_page import judgements_page

    found = judge_folder(folder, PROFILES[accumulate])
    Screen().print(judgements_page(found))
    return int(any(judgement.failing for judgement in found.values()))


def _size(text: str) -> tuple[int, ...]:
    """The lengths that ``3x17`` stands for."""
    lengths = text.split("x")
    if not all(length.isdigit() for length in lengths):
        raise Usage(f"--size {text!r} must be lengths joined by 'x', such as 3x17")
    return tuple(map(int, lengths))


def _parameter(spec: Spec, text: str) -> tuple[str, Value]:
    """Name and value of a parameter that ``axis=-1`` stands for."""
    name, equals, value = text.partition("=")
    if not equals:
        raise Usage(f"{text!r} is not of the form parameter=value")
    return name, decode(value, spec.parameter(name).values)
