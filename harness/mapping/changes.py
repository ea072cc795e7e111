"""What changed from one atlas to another: defaults, arguments, weights, types, errors and names.

Only what both have measured is compared: an API whose framework was not asked on one side says nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from ...errors import Usage
from .arguments import Argument
from .atlas import Atlas
from .sheets import Seen, Sheet, Signature, Weight

__all__ = ["Change", "changes", "read"]

What = Literal[
    "api", "default", "argument", "order", "weight", "drawn", "type", "error", "result", "state", "unsaid"
]
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Change(msgspec.Struct, frozen=True):
    """One thing that is no longer as it was.

    Args:
        what: a default, an argument of the signature, their order, a weight, the law it is drawn from, a
            type, whether and how a call raises, what it returns, what it overwrites, or its mode and what it
            draws from where nothing is said.
        spec: name of the spec.
        api: the public name.
        name: of the argument, the weight or the call.
        before: how it was; empty where it was not there.
        after: how it is; empty where it is gone.
        known: the name of the waiver that accepts it.
    """

    what: What
    spec: str
    api: str
    name: str
    before: str
    after: str
    known: str = ""

    def __str__(self) -> str:
        if not self.before or not self.after:
            told = f"{'new' if not self.before else 'gone'}: {self.name}, {self.before or self.after}"
        else:
            told = f"changed: {self.name} {self.before} → {self.after}"
        return f"{self.api} ({self.spec}): {self.what} {told}"


def read(path: Path) -> Atlas:
    """The atlas of a file that ``assay atlas --out`` wrote.

    Raises:
        Usage: there is none, or it is no atlas.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Atlas)
    except (OSError, msgspec.DecodeError) as error:
        raise Usage(f"{path} is no atlas: {error}") from error


def changes(before: Atlas, after: Atlas) -> list[Change]:
    """Everything that both have measured and that is not the same."""
    return [*_defaults(before, after), *_sheets(before, after)]


def _asked(atlas: Atlas) -> set[str]:
    return {target.name for target in atlas.targets if target.available}


def _defaults(before: Atlas, after: Atlas) -> Iterator[Change]:
    both = _asked(before) & _asked(after)

    def known(atlas: Atlas) -> dict[tuple[str, str, str, str], Argument]:
        return {(a.target, a.spec, a.api, a.name): a for a in atlas.arguments if a.target in both}

    for (_, spec, api, name), one, other in _pairs(known(before), known(after)):
        if one and other and "unasked" in (one.standing, other.standing):
            continue
        if one and other and _default(one) != _default(other):
            yield Change("default", spec, api, name, _default(one), _default(other))


def _default(argument: Argument) -> str:
    """What an argument is by default, whichever way that was found."""
    if argument.standing == "required":
        return "must be given"
    if argument.standing in ("raises", "unasked"):
        return argument.standing
    values = " or ".join(", ".join(f"{n}={v!r}" for n, v in one.items()) for one in argument.values)
    return argument.default or argument.declared or values or argument.standing


def _sheets(before: Atlas, after: Atlas) -> Iterator[Change]:
    both = _asked(before) & _asked(after)

    def known(atlas: Atlas) -> dict[tuple[str, str, str], Sheet]:
        return {(s.target, s.spec, s.api): s for s in atlas.sheets if s.target in both}

    for (target, spec, api), one, other in _pairs(known(before), known(after)):
        if one and other:
            yield from _of_one(one, other)
        else:
            yield Change("api", spec, api, f"in {target}", "there" if one else "", "there" if other else "")


def _of_one(one: Sheet, other: Sheet) -> Iterator[Change]:
    """Changes of one API."""
    about = one.spec, one.api
    if one.signature and other.signature:
        arguments = [{a.name: _argument(a) for a in s.signature} for s in (one, other)]
        yield from (Change("argument", *about, n, *_texts(b, a)) for n, b, a in _pairs(*arguments) if b != a)
        orders = [[name for name in mine if name in its] for mine, its in (arguments, arguments[::-1])]
        if orders[0] != orders[1]:
            yield Change("order", *about, "of arguments", *map(", ".join, orders))
    both = one.weights and other.weights  # a version may not let them be looked at
    weights = [{w.name: w for w in s.weights if both} for s in (one, other)]
    for name, was, now in _pairs(*weights):
        if _shape(was) != _shape(now):
            yield Change("weight", *about, name, _shape(was), _shape(now))
        elif was and now and was.law != now.law:
            yield Change("drawn", *about, name, was.law, now.law)
    if one.case == other.case:
        seen = [{(s.kind, s.what): s for s in sheet.seen} for sheet in (one, other)]
        for (_, what), told, tells in _pairs(*seen):
            if told and tells and _came(told) != _came(tells):
                yield Change(_kind(told, tells), *about, what, _came(told), _came(tells))


def _argument(argument: Signature) -> str:
    """The default of an argument, and whether it goes by name or by position alone."""
    alone = {"name": ", by name alone", "position": ", by position alone"}
    return (argument.default or "no default") + alone.get(argument.kind, "")


def _texts(before: str | None, after: str | None) -> tuple[str, str]:
    return before or "", after or ""


def _shape(weight: Weight | None) -> str:
    return f"{weight.axes} {weight.dtype}" if weight else ""


def _came(seen: Seen) -> str:
    """What came of a call; of an error its type, for messages are worded anew without a change of meaning."""
    return f"raises {seen.raises.partition(':')[0]}" if seen.raises else seen.gives or "nothing"


def _kind(one: Seen, other: Seen) -> What:
    if one.kind == "state":
        return "state"
    if one.kind in ("mode", "source"):
        return "unsaid"
    if one.raises or other.raises:
        return "error"
    return "type" if one.kind == "type" else "result"


def _pairs(
    before: Mapping[Key, Value], after: Mapping[Key, Value]
) -> Iterable[tuple[Key, Value | None, Value | None]]:
    """What both have by each key that one of them has."""
    return [(key, before.get(key), after.get(key)) for key in dict.fromkeys((*before, *after))]
