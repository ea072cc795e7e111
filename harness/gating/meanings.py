"""Waivers of what changed beside the numbers: defaults, arguments, weights, types, errors, modes, names.

They stand in the file of waivers as ``[[atlas]]``. Like the others they have a reason, may expire, and are a
complaint where what they speak of was measured and has not changed.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ..judging.deviations import fits
from ..mapping.changes import Change
from .compare import Gate

__all__ = ["AtlasWaiver", "Subjects", "atlas_entry", "with_meanings"]

Subjects = frozenset[tuple[str, str]]
"""Specs and APIs that both atlases have measured, or one of them lacks."""


class AtlasWaiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change that is known.

    Args:
        name: what reports call it.
        reason: why it is accepted, in a sentence.
        link: the framework's documentation, issue or source.
        what: globs over kinds of changes, such as ``default`` or ``argument``.
        spec: globs over names of specs.
        api: globs over public APIs.
        argument: globs over names of arguments, weights or calls, as the gate prints them.
        message: text that the gate's sentence must then contain, such as ``1e-05 → 0.001``.
        expires: the first day on which it no longer holds.

    Raises:
        ValueError: there is no reason, or neither an API nor a spec.
    """

    name: str
    reason: str
    link: str = ""
    what: str | tuple[str, ...] = "*"
    spec: str | tuple[str, ...] = "*"
    api: str | tuple[str, ...] = "*"
    argument: str | tuple[str, ...] = "*"
    message: str = ""
    expires: datetime.date | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError(f"{self.name!r} gives no reason; say in a sentence why it is so")
        if self.spec == "*" and self.api == "*":
            raise ValueError(f"{self.name!r} names no api and no spec; say what it is about")

    def concerns(self, spec: str, api: str) -> bool:
        """Whether it speaks of an API."""
        return fits(spec, self.spec) and fits(api, self.api)

    def covers(self, change: Change) -> bool:
        """Whether it expects a change."""
        named = fits(change.what, self.what) and fits(change.name, self.argument)
        return named and self.concerns(change.spec, change.api) and self.message in str(change)


def with_meanings(
    gate: Gate, waivers: Sequence[AtlasWaiver], subjects: Subjects, today: datetime.date
) -> Gate:
    """The gate, with the changes that waivers account for, and with what is not true of waivers."""
    valid = [one for one in waivers if one.expires is None or today < one.expires]

    def known(change: Change) -> Change:
        name = next((one.name for one in valid if one.covers(change)), "")
        return msgspec.structs.replace(change, known=name)

    complaints = (*gate.complaints, *_complaints(waivers, valid, gate.atlas, subjects))
    return msgspec.structs.replace(gate, atlas=tuple(map(known, gate.atlas)), complaints=complaints)


def _complaints(
    waivers: Iterable[AtlasWaiver], valid: Sequence[AtlasWaiver], found: Sequence[Change], subjects: Subjects
) -> Iterator[str]:
    for one in waivers:
        if one not in valid:
            yield (
                f"the waiver {one.name!r} expired on {one.expires}: "
                "look at it again, then remove it or give it a later date"
            )
        elif not any(map(one.covers, found)) and any(one.concerns(*each) for each in subjects):
            yield (
                f"the waiver {one.name!r} ({one.what} of {one.argument} in {one.api}) no longer holds: "
                "what it is about was measured on both sides, and no change is what it expects; remove it"
            )


def atlas_entry(change: Change, reason: str, link: str, expires: datetime.date | None) -> dict[str, object]:
    """The entry that accounts for one change, as narrow as can be."""
    text = f"{change.api.rpartition('.')[2]} {change.spec} {change.what} {change.name}"
    entry = {
        "name": re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-"),
        "reason": reason,
        "link": link,
        "what": change.what,
        "spec": change.spec,
        "api": change.api,
        "argument": change.name,
        "message": f"{change.before} → {change.after}" if change.before and change.after else "",
        "expires": expires,
    }
    return {name: value for name, value in entry.items() if value or name in ("reason", "link")}
