"""Other machines, reached by execnet's gateways: what a worker there is sent, for it needs no assay itself.

A host has an interpreter with NumPy, ml_dtypes and a framework. It is sent the parts of this package that a
worker imports, and the files of further bindings, into a temporary folder that goes when the worker does.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import execnet

from ...errors import Usage

__all__ = ["checked_host", "last_words", "unpacked"]

ROOT = Path(__file__).resolve().parents[2]

PARTS = ("errors.py", "syntax.py", "adapters", "numerics", "harness/__init__.py", "harness/running")
"""What of the package a worker imports."""

UNPACK = """
import atexit, os, shutil, tempfile
folder = tempfile.mkdtemp(prefix="assay-")
atexit.register(shutil.rmtree, folder, True)
for name, data in channel.receive().items():
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
channel.send(folder)
"""

READ = """
import os, shutil
log = channel.receive()
with open(log, errors="replace") as file:
    channel.send(file.read()[-20000:])
shutil.rmtree(os.path.dirname(log), True)
"""

PATIENCE = 60.0
"""Seconds for what is no question to a framework."""


def checked_host(text: str) -> str:
    """The gateway, if it is one that execnet knows and that is not started otherwise already.

    Raises:
        Usage: it is none.
    """
    try:
        spec = execnet.XSpec(text)
    except (ValueError, AttributeError) as error:
        raise Usage(f"--worker {text!r}: {error}; {EXAMPLE}") from error
    kinds = [name for name in ("ssh", "vagrant_ssh", "popen") if getattr(spec, name)]
    if len(kinds) != 1 or spec.execmodel:
        raise Usage(f"--worker {text!r} is no gateway of ssh or popen; {EXAMPLE}")
    return text


EXAMPLE = "write one such as ssh=user@host//python=env/bin/python"


def unpacked(gateway: Any, bindings: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """Send what a worker needs; the folder that holds it there, and where in it the bindings are."""
    own = {f"bindings/{number}/{Path(file).name}": Path(file) for number, file in enumerate(bindings)}
    channel = gateway.remote_exec(UNPACK)
    channel.send(_parts() | {name: file.read_bytes() for name, file in own.items()})
    folder = channel.receive(PATIENCE)
    channel.waitclose(PATIENCE)
    return folder, tuple(f"{folder}/{name}" for name in own)


def last_words(host: str, log: str) -> str | None:
    """What a worker on a host wrote before it died; nothing of it is left. None where the host is gone."""
    group = execnet.Group()
    try:
        channel = group.makegateway(f"{host}//execmodel=main_thread_only").remote_exec(READ)
        channel.send(log)
        return str(channel.receive(PATIENCE))
    except Exception:  # whatever it is that keeps a dead host from answering
        return None
    finally:
        group.terminate(timeout=0.5)


@functools.cache
def _parts() -> dict[str, bytes]:
    """The files that a worker imports or reads, by their names in the package."""
    parts = [ROOT / part for part in PARTS]
    files = [file for part in parts for file in ([part] if part.is_file() else part.rglob("*"))]
    kept = (file for file in files if file.suffix in (".py", ".toml", ".txt"))
    return {file.relative_to(ROOT).as_posix(): file.read_bytes() for file in kept}
