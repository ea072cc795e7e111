"""A recipe on the terminal: what each argument becomes, what cannot be matched, the code, and the proof."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ..adapters.binding import Binding
from ..harness.mapping.arguments import own_value
from ..harness.mapping.porting import Recipe
from ..harness.record import Verdict
from ..specs.language.case import Case
from .snippet import snippet

__all__ = ["codes", "meanings", "proved", "recipe_page"]


def recipe_page(recipe: Recipe) -> RenderableType:
    """Everything that is known of a recipe."""
    two = recipe.pair
    head = Text.assemble((two.source.api, "bold"), "  →  ", (two.target.api, "bold"), f"   {two.spec.name}")
    return Group(head, "", *_arguments(recipe), *_unmatched(recipe), *_codes(recipe), _proof(recipe))


def _arguments(recipe: Recipe) -> Iterator[RenderableType]:
    """Parameter by parameter: the first one's own argument, what it means, and the second one's."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in (recipe.pair.source.api, "means", recipe.pair.target.api):
        table.add_column(heading, overflow="fold")
    for row in meanings(recipe):
        table.add_row(*map(Text, row))
    if table.row_count:
        yield table
    if recipe.idle:
        yield Text(f"By default otherwise, without effect beside the rest: {', '.join(recipe.idle)}.", "dim")
    yield ""


def meanings(recipe: Recipe) -> list[tuple[str, str, str]]:
    """For each parameter that one has an argument for: the first one's, what it means, the second one's."""
    found = []
    given = {name: standing for name, _, standing in recipe.arguments}
    mine, other = recipe.words
    for parameter, value in recipe.meant.parameters:
        own = mine.get(parameter, "")
        standing = given.get(own.partition("=")[0], "")
        if own or parameter in other:
            told = f"{own} ({standing})" if own and standing else own or "always"
            found.append((told, f"{parameter} = {value}", other.get(parameter, "has no argument")))
    return found


def _given(binding: Binding, option: str, case: Case) -> str:
    """What an argument is given in a case, or the expression for it."""
    assert binding.row is not None
    return own_value(binding, option, case) or binding.row.options[option]


def _unmatched(recipe: Recipe) -> Iterator[RenderableType]:
    if recipe.unmatched:
        yield Text(f"What {recipe.pair.target.api} cannot match, for it", "bold")
        for reason in recipe.unmatched:
            yield Text(f"  {reason}", "yellow")
        changed = [
            f"{name} = {value} instead of {recipe.meant.arguments[name]}"
            for name, value in recipe.written.parameters
            if value != recipe.meant.arguments[name]
        ]
        if changed:
            yield Text(f"so that it has {', '.join(changed)}.")
        if recipe.instead:
            yield Text(f"Can do it: {', '.join(recipe.instead)}.")
        yield ""
    if recipe.limits:
        yield Text(f"Not at every size that {recipe.pair.source.api} takes, for it", "bold")
        yield from (Text(f"  {reason}", "yellow") for reason in recipe.limits)
        yield ""


def _codes(recipe: Recipe) -> Iterator[RenderableType]:
    for code in codes(recipe):
        yield Syntax(code, "python", background_color="default", word_wrap=True)
        yield ""


def codes(recipe: Recipe) -> list[str]:
    """Both calls, and which weight is what; for what is more than one call, all of it."""
    both = ((recipe.pair.source, recipe.meant), (recipe.pair.target, recipe.written))
    return [_call(b, case) if _calls_by_name(b) else snippet(b, case) for b, case in both]


def _calls_by_name(binding: Binding) -> bool:
    """Whether a binding is one call of a public name; what must be made first is defined beside the call."""
    return binding.row is not None and not binding.composition and "(" not in binding.row.calls


def _call(binding: Binding, case: Case) -> str:
    """The call of a row with the values of a case, and its weights as comments."""
    row = binding.row
    assert row is not None
    options = [f"{name}={_given(binding, name, case)}" for name in row.options if name != "dtype"]
    named = {} if isinstance(row.weights, str) else row.weights
    if row.caller:
        lines = [f"layer = {row.calls}({', '.join(options)}){row.then}", f"y = layer({row.on})"]
        lines += [f"# layer.{name} holds {value}" for name, value in named.items()]
        lines += [f"# its weights are {row.weights}"] if isinstance(row.weights, str) else []
    else:
        arrays = [row.on, *(f"{name}={value}" for name, value in named.items())]
        lines = [f"y = {row.calls}({', '.join((*arrays, *options))})"]
    return "\n".join([*lines, *([f"# gives {row.returns}"] if row.returns else [])])


def _proof(recipe: Recipe) -> RenderableType:
    """In how many cases both gave what is right; a line for each of the others."""
    proof = recipe.proof
    if not proof.total:
        return Text(proved(recipe), "yellow")
    told = proved(recipe)
    others = [f"  {one.case}: {_said(one)} against {_said(other)}" for one, other in proof.others[:8]]
    return Group(told, *(Text(line, "yellow") for line in others))


def proved(recipe: Recipe) -> str:
    """What running both came to, in a sentence or two."""
    proof = recipe.proof
    if not proof.total:
        return "They were not run side by side: no case is within reach of both."
    gradients = "gradients too" if proof.gradients else "forward alone"
    told = f"Run side by side: equal within rounding, {gradients}, in {proof.equal} of {proof.total} cases."
    if proof.owned:
        own = [f"{n}={v}" for n, v in recipe.written.parameters if v != recipe.meant.arguments[n]]
        told += f" In {proof.owned} of the others the second is right by {', '.join(own)}, its own;"
        told += f" what differs is {', '.join(proof.apart)}."
    return told


def _said(verdict: Verdict) -> str:
    first = verdict.message.partition("\n")[0]
    return f"{verdict.outcome} ({first[:80]})" if first else verdict.outcome
