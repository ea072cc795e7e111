"""An issue about a finding, ready to file: in Markdown, in words that its framework's maintainers know."""

from __future__ import annotations

import re

from ..harness.record import Verdict
from ..harness.running.upstream import Evidence, Printed
from ..specs import all_specs
from ..specs.language.case import Case, parse

__all__ = ["issue", "issue_of_script"]

OURS = re.compile(
    r"low-accumulator|op-by-op|\bfacets?\b|\bon file\b|\bverdicts?\b|\btier\b|\bbindings?\b|\bassay\b"
    r"|\bspecs?\b|\baudit\b|\btests/|\babove\)|\bSee |\bsee the losses\b|\bas told\b|\bdeviat(?:es|ion)\b"
    r"|\bconforms?\b|\bthe reference\b|\bprofiles?\b"
)
"""Words of ours: a sentence of a finding that needs one is for our readers, and is left out."""

SAID = (
    (re.compile(r"\bconforms\b"), "is right"),
    (re.compile(r"\bconform\b"), "are right"),
    (re.compile(r"[,;:]? (?:as told under|see the losses of) [\w ]+"), ""),
)
"""What is said in another way."""

CASE = re.compile(r"(?:, |[Cc]ases? )?`…?/?[\w./=,+×x*…-]*/(?:float|bfloat)\d+/\w[\w.-]*/?[\w…x#*]*`")
"""The id of a case, with what leads to it."""

SENTENCE = re.compile(r"(?<=[.;])\s+(?=[A-Z*`(\[−-])")

ASKS = re.compile(r"gave a value of shape (\(.*?\)) where \S+ \((.*)\) asks for an error", re.DOTALL)


def issue(found: Evidence) -> str:
    """The issue: title, what happens, versions, script, what it gives and should, and what others do."""
    verdict, target, one = found.verdict, found.target, found.finding
    case = parse(verdict.case, all_specs())
    versions = ", ".join(f"{name} {version}" for name, version in target.versions.items())
    parts = [
        f"# {verdict.implementation}: {plainly(one.title)}",
        plainly(one.what),
        "## To reproduce",
        f"{_asked(case)} With {versions}, Python {target.python}, on {target.device}"
        + (f", in the mode `{target.mode}`." if target.mode not in ("eager", "jit") else "."),
        f"```python\n{_script(verdict)}\n```",
        f"**Got:** {_got(verdict)}",
        f"**Expected:** {_expected(verdict)}",
        *([plainly(one.right)] if plainly(one.right) else []),
        *(["## Cause", plainly(one.cause)] if plainly(one.cause) else []),
        *(["## What others do with the same input", "\n".join(_others(found))] if found.others else []),
        *(["Related: " + ", ".join(link.url for link in one.links)] if one.links else []),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def issue_of_script(found: Printed) -> str:
    """The issue of a finding that has a script: title, what happens, the script, and what that prints."""
    one = found.finding
    parts = [
        f"# {plainly(one.title)}",
        plainly(one.what),
        "## To reproduce",
        f"With {found.versions}:",
        f"```python\n{one.script.strip()}\n```",
        f"prints\n\n```text\n{found.output}\n```",
        plainly(one.right),
        *(["## Cause", plainly(one.cause)] if plainly(one.cause) else []),
        *(["Related: " + ", ".join(link.url for link in one.links)] if one.links else []),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def plainly(text: str) -> str:
    """A text of ours without ids of cases, and without the sentences that need a word of ours."""
    paragraphs = []
    for paragraph in text.split("\n\n"):
        lines = re.split(r"\n(?=[-|] ?)", paragraph)
        kept = [_sentences(line) for line in lines]
        paragraphs.append("\n".join(line for line in kept if line.strip("-*| ")))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph.strip())


def _sentences(text: str) -> str:
    for ours, theirs in SAID:
        text = ours.sub(theirs, text)
    sentences = SENTENCE.split(text.replace("\n  ", "\n"))
    told = (CASE.sub("", sentence).strip() for sentence in sentences if not OURS.search(sentence))
    joined = " ".join(sentence for sentence in told if sentence.strip(".,;: "))
    return re.sub(r":?\s*([.,;:])(?=\s|$)", r"\1", re.sub(r"(?<!\w)\(\s*\)", "", joined))


def _asked(case: Case) -> str:
    """What the script asks, in a sentence."""
    inputs = (f"`{given.name}` of shape {tuple(case.names[given.name])}" for given in case.sent)
    return f"In {case.dtype}, {', '.join(inputs)}."


def _script(verdict: Verdict) -> str:
    """The script with a docstring of its own."""
    opened, _, rest = (verdict.reproduction or "").partition('"""')
    _, _, body = rest.partition('"""')
    said = f"{verdict.implementation}: got {_got(verdict)}; expected {_expected(verdict)}"
    return f'{opened}"""{said.replace(chr(34), chr(39))}"""\n{body.strip()}'


def _got(verdict: Verdict) -> str:
    worst = verdict.worst
    if worst is None:
        accepted = ASKS.search(verdict.message)
        said = verdict.message.partition("\n" if verdict.outcome == "crashed" else " (at `")[0]
        return f"a value of shape {accepted[1]}" if accepted else said
    place = f"{worst.array}[{', '.join(map(str, worst.index))}]" if worst.index else worst.array
    return f"{place} = {worst.got}; {worst.wrong} of {worst.size} elements are off"


def _expected(verdict: Verdict) -> str:
    worst = verdict.worst
    if worst is None:
        accepted = ASKS.search(verdict.message)
        return f"an error: {accepted[2]}" if accepted else "a value, and a gradient, without an error"
    bound = float(worst.tolerance)
    return f"{worst.expected}" + (f", within {worst.tolerance}, which roundings explain" if bound else "")


def _others(found: Evidence) -> list[str]:
    """A line for each other implementation that could be asked."""
    asked = [v for v in found.others if v.outcome not in ("unsupported", "unresolved")]
    return [f"- `{v.implementation}` ({v.target.partition('/')[0]}) {_does(v)}" for v in asked]


def _does(verdict: Verdict) -> str:
    if verdict.outcome == "conforms":
        return "gives what is expected"
    if not verdict.failing:
        return "does something else, as it documents"
    return f"gives {_got(verdict)}" if verdict.outcome != "rejects" else f"raises: {_got(verdict)}"
