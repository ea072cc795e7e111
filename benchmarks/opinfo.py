"""What tolerances PyTorch's own tests have for the operators that we bind; writes specs/opinfo.json.

    pip install expecttest
    python benchmarks/opinfo.py

Every operator of PyTorch has an entry, an OpInfo, from which its tests are made. Most compare with the
default tolerance of a dtype; `toleranceOverride` widens it for single tests. Read are those that hold on CPU
for tests that compare values with another library's, NumPy or SciPy: an operator whose entry has no reference
is compared with itself alone, by other ways of calling it.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.testing._internal.common_device_type import toleranceOverride
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import DecorateInfo, OpInfo

from assay.adapters.binding import bindings

FILE = Path(__file__).resolve().parents[1] / "specs" / "opinfo.json"

REFERENCES = re.compile(r"test_(numpy_refs?|reference_\w+|ref_\w+)")
"""How tests are called that compare with another library."""

DTYPES = ("float16", "bfloat16", "float32", "float64")


def entries() -> dict[str, OpInfo]:
    """The entry of each operator by every name that it goes by, as `torch` spells it."""
    found: dict[str, OpInfo] = {}
    for op in op_db:
        for name in (op.name, *(alias.name for alias in op.aliases)):
            found.setdefault(f"torch.{name}", op)
    return found


def operator(api: str) -> str:
    """The operator behind a public name: of a module the function that its forward pass calls."""
    module = getattr(torch.nn, api.removeprefix("torch.nn."), None) if api.startswith("torch.nn.") else None
    if not inspect.isclass(module):
        return api
    called = [
        *re.findall(r"\bF\.(\w+)\(", inspect.getsource(module.forward)),
        *re.findall(r"\bF\.(\w+)\(", inspect.getsource(module)),
    ]
    return f"torch.nn.functional.{called[0]}" if called else api


def overrides(op: OpInfo) -> Iterator[tuple[str, float, float, str]]:
    """Dtype, rtol, atol and test of each override for values on CPU."""
    for decorator in op.decorators:
        if not isinstance(decorator, DecorateInfo) or decorator.device_type not in (None, "cpu"):
            continue
        if decorator.test_name is not None and not REFERENCES.fullmatch(decorator.test_name):
            continue
        test = ".".join(filter(None, (decorator.cls_name, decorator.test_name))) or "every test"
        for each in decorator.decorators:
            if isinstance(each, toleranceOverride):
                for dtype, allowed in each.d.items():
                    yield str(dtype).removeprefix("torch."), allowed.rtol, allowed.atol, test


def facts(op: OpInfo) -> dict[str, object]:
    """The name of an entry, whether it has a reference, and the widest override of each dtype."""
    widest: dict[str, dict[str, object]] = {}
    for dtype, rtol, atol, test in sorted(overrides(op), key=lambda found: found[1:3]):
        if dtype in DTYPES:
            widest[dtype] = {"rtol": rtol, "atol": atol, "test": test}
    return {"name": op.name, "reference": op.ref is not None, "overrides": widest}


def main() -> None:
    """Write the file anew."""
    known = entries()
    apis = sorted({binding.api for binding in bindings(["torch"]).values()})
    named = {api: known[operator(api)] for api in apis if operator(api) in known}
    lines = (f"  {json.dumps(api)}: {json.dumps(facts(op))}" for api, op in named.items())
    torch_version = json.dumps(torch.__version__.partition("+")[0])
    text = ",\n".join(lines)
    FILE.write_text(f'{{\n "torch": {torch_version},\n "operators": {{\n{text}\n }}\n}}\n', "utf-8")
    print(f"{len(named)} of {len(apis)} names have an entry")


if __name__ == "__main__":
    main()
