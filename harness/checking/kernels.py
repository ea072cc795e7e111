"""A kernel that can be asked: in this process, where a debugger can follow it, or in a worker.

In a worker a hang, a crash, an exit or megabytes of output cost one case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ...adapters.kernel.function import Kernel
from ..running.processes import Crashed, KernelSettings, Unstarted, Worker
from .probes import KernelFacts

__all__ = ["InProcess", "InWorker", "KernelProcess", "Reply"]

Reply = Mapping[str, Any]


class KernelProcess(Protocol):
    """A kernel that can be asked; may raise Crashed or Hung."""

    facts: KernelFacts
    device: str
    isolated: bool

    def call(self, request: Mapping[str, Any]) -> Reply:
        """One call of the kernel."""

    def restart(self) -> bool:
        """Forget every earlier call, if that can be done."""

    def close(self) -> None:
        """End what was started for it."""


class InProcess:
    """A kernel asked here, where a debugger and a profiler can follow it."""

    isolated = False

    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.device = kernel, kernel.library.device
        self.facts = KernelFacts(**kernel.facts())

    def call(self, request: Mapping[str, Any]) -> Reply:
        """One call of the kernel."""
        return self.kernel.call(request)

    def restart(self) -> bool:
        """What earlier calls left behind in this process stays."""
        return False

    def close(self) -> None:
        """Nothing was started."""


class InWorker:
    """A kernel asked in a process of its own: what it does to that costs one case.

    Raises:
        Unstarted: the kernel's file cannot be run, or the array type is missing.
    """

    isolated = True

    def __init__(self, settings: KernelSettings) -> None:
        self.device = settings.device
        self.worker = Worker(settings)
        found = self.worker.start()
        tuples = {name: tuple(found[name]) for name in ("names", "keywords")}
        self.facts = KernelFacts(**{**found, **tuples})

    def call(self, request: Mapping[str, Any]) -> Reply:
        """One call of the kernel, in a fresh process if the last one died."""
        try:
            return self.worker.ask(request)
        except Unstarted as error:
            raise Crashed(str(error)) from error

    def restart(self) -> bool:
        """End the process; the next call starts a fresh one."""
        self.worker.stop()
        return True

    def close(self) -> None:
        """End the process."""
        self.worker.stop()
