"""Bindings that crash, hang, print, leave and lie: what the harness must survive and report."""

from __future__ import annotations

import os
import time
from typing import Any

from assay.adapters.lazy import Lazy
from assay.adapters.torch.framework import F, binds, torch

absent: Any = Lazy("nowhere_to_be_found")


@binds("relu", "faulty.segfault")
def segfault(x: Any, *, nan_gradient: str) -> Any:
    return torch.ops.aten.relu(x) if x.numel() > 60 else _read_null()


def _read_null() -> Any:
    import ctypes

    return ctypes.string_at(0)


@binds("relu", "faulty.exit")
def exits(x: Any, *, nan_gradient: str) -> Any:
    os._exit(7)


@binds("relu", "faulty.sleep")
def sleeps(x: Any, *, nan_gradient: str) -> Any:
    time.sleep(3600)
    return F.relu(x)


@binds("relu", "faulty.chatter")
def chatters(x: Any, *, nan_gradient: str) -> Any:
    os.write(1, b"noise " * 500_000)
    print("noise " * 500_000)
    return F.relu(x)


@binds("relu", "faulty.nondeterministic")
def nondeterministic(x: Any, *, nan_gradient: str) -> Any:
    torch.seed()
    y = F.relu(x)
    return torch.where(y == 0, torch.copysign(y, torch.rand_like(y) - 0.5), y)


@binds("relu", "faulty.raises")
def raises(x: Any, *, nan_gradient: str) -> Any:
    raise RuntimeError("the kernel says no")


@binds("relu", "faulty.detached")
def detached(x: Any, *, nan_gradient: str) -> Any:
    return F.relu(x.detach())


@binds("relu", "faulty.wrong_dtype")
def wrong_dtype(x: Any, *, nan_gradient: str) -> Any:
    return F.relu(x).to(torch.float64 if x.dtype != torch.float64 else torch.float32)


@binds("relu", "faulty.none")
def none(x: Any, *, nan_gradient: str) -> Any:
    return None


@binds("relu", "faulty.absent")
def calls_what_is_absent(x: Any, *, nan_gradient: str) -> Any:
    return absent.relu(x)


@binds("relu", "faulty.breaks_the_graph")
def breaks_the_graph(x: Any, *, nan_gradient: str) -> Any:
    return F.relu(x) if x.sum() > 0 else torch.clamp(x, min=0)


@binds("relu", "faulty.compilable")
def compilable(x: Any, *, nan_gradient: str) -> Any:
    return F.relu(x)


@binds("relu", "faulty.unconnected")
def unconnected(x: Any, *, nan_gradient: str) -> Any:
    return F.relu(x.detach()) + torch.zeros(1, requires_grad=True)


built_for: list[tuple[int, ...]] = []


def build(x: Any) -> int:
    built_for.append(tuple(x.shape))
    return len(built_for)


@binds("relu", "faulty.built_once", build=build)
def built_once(built: int, x: Any, *, nan_gradient: str) -> Any:
    assert sorted(set(built_for)) == sorted(built_for), "a configuration was built twice"
    assert built_for[built - 1] == tuple(x.shape), "called with what was built for another shape"
    return F.relu(x)
