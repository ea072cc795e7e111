"""The page `docs/proof.md`: for each reference, the proofs that hold it up, and to how many digits.

Digits are in italics and differ between machines; everything else follows from the tests alone.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
from collections.abc import Iterable, Mapping

from .proof import KINDS, VJP, Proof

HEAD = """\
# What holds the references up

<!-- Written by `make proof`. What it says is held to the tests by tests/meta/test_proof.py. -->

A verdict of assay is worth as much as the reference behind it. So each reference is proved, independently of
any framework: its values and its gradient each stand on two kinds of proof at least, the gradient on the
derivative of the values among them. `make proof` carries all proofs out and writes this page.

{kinds}

Conventions (of NaN, ties, empty rows) and refusals of bad input are tested beside the proofs and not counted.

Figures in italics are decimal digits: the largest error of any comparison, relative to the largest magnitude
compared, rounded down; *exact* where all bits agree, and at most {most}, which float64 holds. Fewer agree
where the question itself loses digits, as the variance of numbers about 2²⁰ or the gradient of the norm of a
single feature does. Nobody typed a tolerance: two results agree if they lie within the rounding errors that
both carry ([error model](error-model.md)), and in half of the digits at the very least.
`tests/meta/test_proof.py` sees every one of these proofs fail on a reference that is off by about a part in
a million.
"""

DIGITS = re.compile(r"\*(exact|\d+)\*")


def page(digits: Mapping[Proof, float]) -> str:
    """The page, of proofs and the digits to which each held."""
    kinds = "\n".join(f"- **{kind}**: {meaning}" for kind, meaning in KINDS.items())
    values = {proof: least for proof, least in digits.items() if not proof.of_gradient}
    gradients = {proof: least for proof, least in digits.items() if proof.of_gradient}
    parts = [HEAD.format(kinds=kinds, most=sys.float_info.dig)]
    parts += ["## Values\n", _table(values), "## Gradients\n", _table(gradients), "## Proof by proof\n"]
    by_file = sorted(digits, key=lambda proof: proof.where)
    for where, proofs in itertools.groupby(by_file, key=lambda proof: proof.where):
        parts += [f"### tests/reference/test_{where}.py\n", _list(list(proofs), digits)]
    return "\n".join(parts)


def structure(text: str) -> list[str]:
    """What a page says, apart from digits."""
    return DIGITS.sub("*…*", text).splitlines()


def _table(digits: Mapping[Proof, float]) -> str:
    """A row per reference, a column per kind with the number of proofs, and their least digits."""
    kinds = [kind for kind in KINDS if any(proof.kind == kind for proof in digits)]
    rows = ["reference", *kinds, "least digits"], ["---"] * (len(kinds) + 2)
    by_reference = sorted(digits, key=lambda proof: (proof.family, proof.reference.removesuffix(VJP)))
    for reference, group in itertools.groupby(by_reference, key=lambda proof: proof.reference):
        proofs = list(group)
        cells = [_cell([p for p in proofs if p.kind == kind], digits) for kind in kinds]
        rows += ([f"`{reference}`", *cells, _least(proofs, digits)],)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(proofs: list[Proof], digits: Mapping[Proof, float]) -> str:
    return f"{len(proofs)} · {_least(proofs, digits)}" if proofs else ""


def _list(proofs: list[Proof], digits: Mapping[Proof, float]) -> str:
    """A line per test: what it says, how it proves it, and of which references."""
    by_test = sorted(proofs, key=lambda proof: (list(KINDS).index(proof.kind), proof.words, proof))
    lines = []
    for (kind, words), group in itertools.groupby(by_test, key=lambda proof: (proof.kind, proof.words)):
        together = list(group)
        names = ", ".join(f"`{proof.reference}`" for proof in together)
        lines.append(f"- {words} ({kind}, {_least(together, digits)}): {names}\n")
    return "".join(lines)


def _least(proofs: Iterable[Proof], digits: Mapping[Proof, float]) -> str:
    least = min(digits[proof] for proof in proofs)
    return "*exact*" if math.isinf(least) else f"*{min(math.floor(least), sys.float_info.dig)}*"
