"""Isolated environments: one for each set of requirements, made once and kept in the user's cache folder.

An environment counts only when it is whole: a mark is written last, a folder without it is made anew, and a
lock keeps two processes from making one at a time. A set that pins every version is kept for good; any other
may mean something else tomorrow, and is made anew each day.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ...errors import Usage

__all__ = ["Unmade", "environment", "frameworks_of", "requirements_of"]

WORKER = ("execnet", "numpy", "ml_dtypes")
"""What a worker needs beside its framework."""

BRINGS = {"keras": "tensorflow-cpu", "flax": "jax", "optax": "jax"}
"""What is added for a package that computes nothing by itself, if nothing that it runs on is named."""

BACKENDS = {
    "tensorflow": "tensorflow",
    "tensorflow-cpu": "tensorflow",
    "jax": "jax",
    "jaxlib": "jax",
    "torch": "torch",
}
"""The framework that a package is, which is also a backend of Keras's."""

MARK = "assay-environment.json"


class Unmade(Exception):
    """The environment could not be made; the message is the end of what the installer said."""


def requirements_of(text: str) -> list[str]:
    """The words of a requirement set, with what a worker needs and what the frameworks run on.

    Words that begin with a dash, such as ``--pre``, are left to the installer.

    Raises:
        ValueError: a word is no requirement, or none is there.
    """
    words = _words(text)
    names = _names(words)
    if not names and not any(word.startswith("-") for word in words):
        raise Usage(f"{text!r} names no package; write requirements such as 'keras==3.12.3'")
    needed = [
        BRINGS[name]
        for name in names
        if name in BRINGS and not names & (BACKENDS.keys() if name == "keras" else {"jax"})
    ]
    rest = [name for name in WORKER if canonicalize_name(name) not in names]
    return [*words, *dict.fromkeys(needed), *rest]


def frameworks_of(texts: Sequence[str]) -> tuple[str, ...]:
    """The frameworks that requirement sets are about; empty if they name none."""
    found: dict[str, None] = {}
    for text in texts:
        names = _names(_words(text))
        backends = list(dict.fromkeys(BACKENDS[name] for name in names if name in BACKENDS))
        if "keras" in names:
            others = [backend for backend in backends if backend != "tensorflow"]
            found |= dict.fromkeys(f"keras[{backend}]" for backend in others) or {"keras": None}
        elif names & {"flax", "optax"}:
            found["jax"] = None
        else:
            found |= dict.fromkeys(backends)
    return tuple(found)


def environment(
    requirements: Sequence[str], python: str = sys.executable, folder: Path | None = None
) -> Path:
    """The interpreter of an environment with these requirements, which is made unless it is there.

    Args:
        requirements: as from `requirements_of`.
        python: the interpreter that the environment is made with.
        folder: where environments are kept, if not in the user's cache folder.

    Raises:
        Unmade: the interpreter does not start, or the requirements cannot be installed.
    """
    kept = folder or _cache() / "assay" / "environments"
    today = datetime.datetime.now(datetime.timezone.utc).date()
    facts = {
        "requirements": sorted(requirements),
        "files": [_contents(word) for word in requirements],
        "python": _describe(python),
        "day": None if _pinned(requirements) else today.isoformat(),
    }
    key = hashlib.blake2b(json.dumps(facts).encode(), digest_size=8).hexdigest()
    home = kept / key
    with _lock(kept / f"{key}.lock"):
        if not (home / MARK).is_file():
            shutil.rmtree(home, ignore_errors=True)
            _make(home, python, requirements)
            (home / MARK).write_text(json.dumps(facts, indent=2), "utf-8")
    return _interpreter(home)


def _words(text: str) -> list[str]:
    """The words of a requirement set, as a shell takes them."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Usage(f"{text!r} is no list of requirements: {str(error).lower()}") from error


def _names(words: Sequence[str]) -> set[str]:
    """Canonical names of the packages among words; what follows an option is none."""
    names: set[str] = set()
    for before, word in zip(("", *words), words, strict=False):
        if word.startswith("-") or (before.startswith("-") and before not in FLAGS and "=" not in before):
            continue
        try:
            names.add(canonicalize_name(Requirement(word).name))
        except InvalidRequirement:
            if not re.search(r"[/\\]|\.whl$", word):
                raise Usage(f"{word!r} is no requirement; write one such as 'keras==3.12.3'") from None
    return names


FLAGS = ("--pre", "--no-deps", "--no-index", "--require-hashes")
"""Options of an installer that take no value."""


def _pinned(requirements: Sequence[str]) -> bool:
    """Whether the set means the same every day: every package that was asked for has one version."""
    asked = [word for word in requirements if canonicalize_name(word) not in map(canonicalize_name, WORKER)]
    return not any(word.startswith("-") for word in asked) and all("==" in word for word in asked)


def _contents(word: str) -> str:
    """Fingerprint of a file that a requirement set names; empty for any other word."""
    path = Path(word.rpartition("=")[2])
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() if path.is_file() else ""


def _describe(python: str) -> str:
    """What an interpreter is, so that another in its place gets another environment."""
    script = "import os, sys; print(os.path.realpath(sys.executable), sys.version)"
    return _run([python, "-c", script], f"the interpreter {python} does not start").strip()


def _make(home: Path, python: str, requirements: Sequence[str]) -> None:
    wanted = " ".join(requirements)
    failure = f"no environment with {wanted} could be made"
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "--quiet", "--python", python, str(home)], failure)
        _run([uv, "pip", "install", "--quiet", "--python", str(_interpreter(home)), *requirements], failure)
    else:
        _run([python, "-m", "venv", str(home)], failure)
        pip = [str(_interpreter(home)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *requirements], failure)


def _run(command: Sequence[str], failure: str) -> str:
    """Output of a command. Raises Unmade with the end of what it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise Unmade(f"{failure}: {error}") from error
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise Unmade(f"{failure}: " + "\n".join(said[-8:]))
    return done.stdout


def _interpreter(home: Path) -> Path:
    return home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a file's lock, which ends with the process; where there are no such locks, go on without."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        with contextlib.suppress(ImportError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
