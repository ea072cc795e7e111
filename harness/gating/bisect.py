"""The release in which a verdict changed, found by halving the releases between two.

Every release is compared with the first one, as a gate would, so that what is looked for is a change of
meaning or accuracy and no number of its own. A release that cannot be asked is passed over for the nearest
one that can, and stands in the result.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from ...errors import Usage

__all__ = ["Bisected", "Pinned", "bisect", "pinned", "releases_between"]


@dataclass(frozen=True)
class Pinned:
    """One release of one package, as in ``keras==3.12.3``."""

    package: str
    version: Version

    def __str__(self) -> str:
        return f"{self.package}=={self.version}"


@dataclass(frozen=True)
class Bisected:
    """Between which releases a change lies.

    ``last`` is the latest release that is as the first one was, ``changed`` the earliest that is not. What
    lies between them is ``passed_over``, since it could not be asked, each with the reason.
    """

    last: Pinned
    changed: Pinned
    passed_over: dict[Pinned, str]


def pinned(text: str) -> Pinned:
    """The release that a requirement names.

    Raises:
        Usage: it is none, or does not pin one version.
    """
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        requirement = None
    exact = re.fullmatch(r"==([^*,]+)", str(requirement.specifier)) if requirement else None
    if requirement is None or exact is None:
        raise Usage(f"{text!r} pins no release; write one such as 'keras==3.12.3'")
    return Pinned(requirement.name, Version(exact[1]))


def releases_between(first: Pinned, last: Pinned, python: str = sys.executable) -> list[Pinned]:
    """The releases from one to another, both included, that the installer's index offers an interpreter.

    Raises:
        Usage: they are not two releases of one package, or the index cannot be asked.
    """
    if first.package != last.package or first.version == last.version:
        raise Usage(f"{first} and {last} are not two releases of one package")
    command = [python, "-m", "pip", "index", "versions", "--disable-pip-version-check", first.package]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    listed = re.search(r"^Available versions: (.*)$", done.stdout, re.MULTILINE)
    if done.returncode or listed is None:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise Usage(f"pip cannot list the releases of {first.package} ({said[0]}); name them with --release")
    return in_order(first, last, listed[1].split(", "))


def in_order(first: Pinned, last: Pinned, versions: Sequence[str]) -> list[Pinned]:
    """Both ends and the versions between them, in the direction from one to the other."""
    try:
        found = {Version(version.strip()) for version in versions}
    except InvalidVersion as error:
        raise Usage(f"{error}: --release takes versions, such as 3.12.3") from error
    lower, upper = sorted((first.version, last.version))
    between = sorted(version for version in found if lower < version < upper)
    inside = between if first.version == lower else between[::-1]
    return [Pinned(first.package, version) for version in (first.version, *inside, last.version)]


Ask = Callable[[Pinned], bool | str]
"""Whether a release is another than the first; a sentence where it cannot be asked."""


def bisect(releases: Sequence[Pinned], ask: Ask) -> Bisected:
    """Halve the releases between two until the change lies between neighbours.

    Args:
        releases: in order; the first is what all are compared with, the last is known to differ from it.
        ask: see `Ask`; called for no release twice, and for about as many as the logarithm of their number.
    """
    low, high = 0, len(releases) - 1
    passed_over: dict[Pinned, str] = {}
    while open_ := [at for at in range(low + 1, high) if releases[at] not in passed_over]:
        middle = min(open_, key=lambda at: abs(2 * at - low - high))
        said = ask(releases[middle])
        if isinstance(said, str):
            passed_over[releases[middle]] = said
        elif said:
            high = middle
        else:
            low = middle
    between = set(releases[low + 1 : high])
    return Bisected(releases[low], releases[high], {r: why for r, why in passed_over.items() if r in between})
