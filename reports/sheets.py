"""What APIs show beside their numbers, as the tables of a page: APIs that show the same stand in one row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..harness.mapping.sheets import Kind, Seen, Sheet, Signature

__all__ = ["alone", "called", "grouped", "said", "types"]

Rows = list[tuple[str, ...]]


def called(sheet: Sheet) -> str:
    """The call of an API by its signature: arguments in order, with defaults; after ``*`` by name alone."""
    written, named = list[str](), False
    for argument in sheet.signature:
        if argument.kind == "name" and not named:
            written.append("*")
            named = True
        named |= argument.kind == "more"
        written.append(_written(argument))
        if argument.kind == "position" and argument is _last_by_position(sheet.signature):
            written.append("/")
    return f"{sheet.api.partition('(')[0]}({', '.join(written)})"


def _last_by_position(signature: Sequence[Signature]) -> Signature:
    return [argument for argument in signature if argument.kind == "position"][-1]


def _written(argument: Signature) -> str:
    stars = {"more": "*", "named": "**"}.get(argument.kind, "")
    return f"{stars}{argument.name}={argument.default}" if argument.default else f"{stars}{argument.name}"


def types(sheets: Sequence[Sheet]) -> tuple[tuple[str, ...], Rows]:
    """Headings and rows of the table of types: of what type outputs are, or what is raised."""
    columns = tuple(dict.fromkeys(one.what for s in sheets for one in s.seen if one.kind == "type"))

    def row(sheet: Sheet) -> tuple[str, ...]:
        known = {one.what: _type(one) for one in sheet.seen if one.kind == "type"}
        return tuple(known.get(column, "") for column in columns)

    return columns, grouped(sheets, lambda sheet: [row(sheet)] if any(row(sheet)) else [])


def _type(one: Seen) -> str:
    if one.raises:
        return one.raises.partition(":")[0]
    return (
        " and ".join(dict.fromkeys(array.partition(" ")[0] for array in one.gives.split("; ") if array))
        or "–"
    )


def alone(sheets: Sequence[Sheet], kind: Kind) -> Rows:
    """Rows of what was done wrong, and what came of it."""
    return grouped(sheets, lambda s: [(one.what, said(one)) for one in s.seen if one.kind == kind])


def said(one: Seen) -> str:
    """What came of a call, in Markdown."""
    text = f"raises {one.raises}" if one.raises else one.gives or "nothing"
    return text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def grouped(sheets: Iterable[Sheet], rows: Callable[[Sheet], Sequence[tuple[str, ...]]]) -> Rows:
    """Rows, each once, behind the APIs that have it."""
    found: dict[tuple[str, ...], dict[str, None]] = {}
    for sheet in sheets:
        for row in rows(sheet):
            found.setdefault(row, {})[sheet.api] = None
    return [(", ".join(f"`{api}`" for api in apis), *row) for row, apis in _together(found).items()]


def _together(found: Mapping[tuple[str, ...], dict[str, None]]) -> dict[tuple[str, ...], dict[str, None]]:
    """Rows in the order of what they are about, which their first words say."""
    order = {what: place for place, what in enumerate(dict.fromkeys(row[0] for row in found))}
    return dict(sorted(found.items(), key=lambda item: order[item[0][0]]))
