"""Worker processes: started, asked with a time limit, and started anew after a crash or a hang."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import execnet
from execnet.gateway_bootstrap import HostNotFound

from ...adapters.binding import KNOWN
from ...adapters.framework import Unavailable, framework
from ...adapters.path import Path as Way
from ...errors import Usage
from .hosts import last_words, unpacked

__all__ = [
    "Crashed",
    "Hung",
    "KernelSettings",
    "Unstarted",
    "Worker",
    "WorkerSettings",
    "checked_framework",
    "paths_of",
]

ROOT = Path(__file__).resolve().parents[2]

BOOTSTRAP = """
import sys, types
root, package, service, arguments = channel.receive()
module = types.ModuleType(package)
module.__path__ = [root]
sys.modules[package] = module
import importlib
getattr(importlib.import_module(package + ".harness.running.worker"), service)(channel, *arguments)
"""
"""Runs in the worker: gives it this package's parts without the root module, whose imports it lacks."""


class Crashed(Exception):
    """The worker process died; the message is the end of what it wrote."""


class Hung(Exception):
    """The worker gave no answer within its time limit."""


class Unstarted(Exception):
    """The worker could not start: the framework, the device or the interpreter is missing."""


def checked_framework(name: str) -> str:
    """The name, if it is one of a framework such as ``torch`` or ``keras[jax]``.

    Raises:
        Usage: no framework is called so; says which there are.
    """
    if name.partition("[")[0] not in KNOWN:
        raise Usage(
            f"no framework is called {name!r}; allowed are {', '.join(KNOWN)}, keras[jax], keras[torch]"
        )
    try:
        framework(name, "cpu")
    except Unavailable as error:
        raise Usage(str(error)) from error
    return name


def paths_of(frameworks: Sequence[str], paths: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Each framework with each of the paths that it has; ``all`` are all, and none named is the default.

    Raises:
        Usage: no framework is called so, or none of them has a path that is named; says which there are.
    """
    known = {name: framework(checked_framework(name), "cpu").modes for name in frameworks}
    for path in paths:
        if path != "all" and not any(path in of_one for of_one in known.values()):
            told = "; ".join(f"{name} has {', '.join(of_one)}" for name, of_one in known.items())
            raise Usage(f"there is no path {path!r}: {told}")
    if not paths:
        return [(name, "") for name in frameworks]
    return [(name, path) for name, has in known.items() for path in has if {path, "all"} & {*paths}]


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is started with.

    ``framework`` as ``torch`` or ``keras[jax]``; ``mode`` names a path, or is empty for the default one;
    ``python`` is the interpreter; ``bindings`` are files of further bindings; limits are in seconds. ``host``
    is another machine, by execnet's name of a gateway, which names the interpreter too.
    """

    framework: str
    device: str = "cpu"
    mode: str = ""
    python: str = sys.executable
    bindings: tuple[str, ...] = ()
    start_limit: float = 300.0
    time_limit: float = 120.0
    host: str = ""

    service = "serve"
    """Function of ``harness.worker`` that the process runs."""

    def arguments(self, log: str) -> tuple[Any, ...]:
        """What the service is given beside its channel."""
        return self.framework, self.device, self.mode, self.bindings, log

    @property
    def gateway(self) -> str:
        """What execnet starts the process by."""
        return f"{self.host or f'popen//python={self.python}'}//execmodel=main_thread_only"

    @property
    def place(self) -> str:
        """Where it runs, in words."""
        return f"the worker {self.host}" if self.host else f"the interpreter {self.python}"

    @property
    def family(self) -> str:
        """The framework without its backend: ``keras`` for ``keras[jax]``."""
        return self.framework.partition("[")[0]

    @property
    def path(self) -> Way:
        """The path by which calls are run."""
        return framework(self.framework, self.device).path(self.mode)

    @property
    def target(self) -> str:
        """Name of what this worker stands for: ``torch/cpu``, ``tensorflow/cpu/graph``."""
        return "/".join(part for part in (self.framework, self.device, self.mode) if part)


@dataclass(frozen=True)
class KernelSettings(WorkerSettings):
    """What a worker is started with that asks a user's kernel.

    ``framework`` stands for the kernel in messages; ``file`` and ``function`` say where it is, ``vjp`` names
    a function of the same file, ``like`` the array type, ``by`` the path that enters it: all three may be
    empty.
    """

    file: str = ""
    function: str = ""
    vjp: str = ""
    like: str = ""
    by: str = ""

    service = "serve_kernel"

    def arguments(self, log: str) -> tuple[Any, ...]:
        """What the service is given beside its channel."""
        return self.file, self.function, self.vjp, self.like, self.by, self.device, log


class Worker:
    """One process, started on first use; ``ask`` starts a fresh one after a crash or a hang."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self._group: Any = None
        self._channel: Any = None
        self._log = ""
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> dict[str, Any]:
        """Start the process and return its facts. Raises Unstarted."""
        settings, root = self.settings, str(ROOT)
        self._folder = tempfile.TemporaryDirectory(prefix="assay-", ignore_cleanup_errors=True)
        self._log = f"{self._folder.name}/worker.log"
        self._group = execnet.Group()
        try:
            gateway = self._group.makegateway(settings.gateway)
            if settings.host:
                root, files = unpacked(gateway, settings.bindings)
                self._log = f"{root}/worker.log"
                settings = replace(settings, bindings=files)
        except (OSError, EOFError, HostNotFound) as error:
            self.stop()
            raise Unstarted(f"{settings.place} does not start: {error}") from error
        self._channel = gateway.remote_exec(BOOTSTRAP)
        package = __package__.partition(".")[0]
        self._channel.send((root, package, settings.service, settings.arguments(self._log)))
        try:
            facts: dict[str, Any] = self._receive(settings.start_limit)
        except (Crashed, Hung) as error:
            raise Unstarted(f"{settings.framework} did not start: {error}") from error
        if "unavailable" in facts:
            self.stop()
            raise Unstarted(facts["unavailable"])
        return facts

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer. Raises Crashed, Hung or Unstarted."""
        if self._channel is None:
            self.start()
        try:
            self._channel.send(dict(request))
        except OSError:
            self._fail(Crashed(self._last_words()))
        return self._receive(self.settings.time_limit)

    def stop(self) -> None:
        """End the process, by force if it does not end by itself."""
        if self._group is not None:
            self._group.terminate(timeout=0.5)
        if self._folder is not None:
            self._folder.cleanup()
        self._group = self._channel = self._folder = None

    def _receive(self, limit: float) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._channel.receive(timeout=limit)
        except self._channel.TimeoutError:
            self._fail(Hung(f"no answer within {limit:g} s"))
        except (EOFError, OSError):
            self._fail(Crashed(self._last_words()))
        except self._channel.RemoteError as error:
            self._fail(Crashed(str(error).strip()[-2000:]))
        return answer

    def _fail(self, error: Exception) -> NoReturn:
        self.stop()
        raise error

    def _last_words(self) -> str:
        """End of the worker's log, or faulthandler's first lines where a signal ended the process."""
        if self.settings.host:
            text = last_words(self.settings.host, self._log)
            if text is None:
                self._fail(Unstarted(f"{self.settings.place} is gone"))
        else:
            text = Path(self._log).read_text(errors="replace") if Path(self._log).is_file() else ""
        lines = text.strip().splitlines()
        fatal = [number for number, line in enumerate(lines) if line.startswith("Fatal Python error")]
        told = lines[fatal[-1] :] if fatal else lines[-8:]
        if "Current thread" in "".join(told):  # others, listed before it, do not matter
            current = next(number for number, line in enumerate(told) if line.startswith("Current thread"))
            told = [told[0], *told[current:]]
        told = told[:8]
        return "\n".join(told)[:2000] or "the process ended without a word"
