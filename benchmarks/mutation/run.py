"""Mutation testing of the judge and of the error rules; writes docs/mutation.md.

    python benchmarks/mutation/run.py [SOURCE…] [--fresh] [--list]

cosmic-ray makes the mutants of each source in ``TARGETS``, but where they cannot matter (``out_of_scope``). A
mutant is imported in place of its source, in a process forked for it alone, and its tests run there: no file
is touched. It is *killed* when a test fails, and *timed out* when the tests run ten times as long as without
it. A survivor must be explained in ``explained.toml``; one that is not, or an explanation without its
survivor, is printed and makes the exit status 1.

Results are kept in ``.mutation/`` and taken up again: what a test killed is asked again only if ``--fresh``.
"""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import importlib.machinery
import importlib.util
import json
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cosmic_ray.plugins
import jinja2
import msgspec
from cosmic_ray.ast import ast_nodes, get_ast
from rich.progress import track

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULTS = ROOT / ".mutation"
EXPLAINED = HERE / "explained.toml"
PAGE = ROOT / "docs" / "mutation.md"

TARGETS: dict[str, tuple[str, ...]] = {
    "harness/judging/judge.py": ("tests/meta/test_judge.py",),
    "harness/judging/stochastic.py": ("tests/meta/test_judge.py", "tests/harness/test_stochastic.py"),
    "numerics/tolerance.py": ("tests/numerics/test_tolerance.py",),
    "numerics/ulps.py": ("tests/numerics/test_ulps.py",),
    "numerics/_moments.py": ("tests/numerics/test_moments.py", "tests/numerics/test_carried.py"),
    "numerics/_functions.py": ("tests/numerics/test_contractions.py", "tests/numerics/test_carried.py"),
    "numerics/_ufuncs.py": ("tests/numerics/test_elementwise.py", "tests/numerics/test_carried.py"),
}
"""Each source with the tests that should kill its mutants, the fastest first."""

PATIENCE = 10
"""A mutant's tests are stopped after so many times the time that they take without it, at least 10 s."""

LEFT_OUT = re.compile(
    r"core/ReplaceBinaryOperator_("
    r"(Add|Sub|Mul|Div|Pow|FloorDiv|Mod)_(FloorDiv|Mod|RShift|LShift|BitOr|BitAnd|BitXor)"
    r"|Bit(Or|And|Xor)_(Add|Sub|Mul|Div|Pow|FloorDiv|Mod|RShift|LShift))"
    r"|core/ReplaceComparisonOperator_\w+_(Is|IsNot)"
    r"|core/ReplaceUnaryOperator_USub_(Invert|Not)|core/ReplaceUnaryOperator_Invert_UAdd"
)
"""Operators whose mutants raise TypeError wherever a line is reached at all, or say the same of masks."""

SPARED = {
    "LIBRARY_ULPS": "quoted from the OpenCL specification, which a test could only repeat",
    "_einsum_path": "which chooses the faster of two ways to the same numbers",
    "_PLAN_COSTS": "which is where one of them becomes the faster",
}
"""Names of tables, constants and functions that are left alone, and why."""


# --- mutants ---


@dataclass(frozen=True)
class Mutant:
    """One change of one line; ``nth`` tells those apart that say the same of equal lines."""

    source: str
    number: int
    line: str
    becomes: str
    nth: int
    text: str

    @property
    def key(self) -> str:
        """Name that stays when other lines of the source change."""
        return "\n".join((self.line, self.becomes, str(self.nth)))


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a source that could matter, once."""
    original = (ROOT / source).read_text("utf-8")
    spared = list(out_of_scope(ast.parse(original)))
    seen: collections.Counter[tuple[str, str]] = collections.Counter()
    texts: set[str] = set()
    tree = get_ast(original)
    nodes = list(ast_nodes(tree))
    for name in sorted(cosmic_ray.plugins.operator_names()):
        operator_class = cosmic_ray.plugins.get_operator(name)
        if LEFT_OUT.fullmatch(name) or operator_class.arguments():
            continue
        operator = operator_class()
        for node in nodes:
            for index, (start, _) in enumerate(list(operator.mutation_positions(node))):
                if any(first <= start < last for first, last in spared):
                    continue
                text = mutated(tree, node, operator, index)
                if text in texts or text == original:
                    continue
                texts.add(text)
                line, becomes = change_of_line(original, text, start[0])
                seen[line, becomes] += 1
                yield Mutant(source, start[0], line, becomes, seen[line, becomes], text)


def mutated(tree: Any, node: Any, operator: Any, index: int) -> str:
    """Text of a tree in which an operator has changed a node; the tree is left as it was.

    ``cosmic_ray.mutating.mutate_code`` gives the same, and parses the source each time.
    """
    parent, below = node.parent, list(ast_nodes(node))
    before = [(one, list(one.children) if hasattr(one, "children") else one.value) for one in below]
    siblings = list(parent.children) if parent else []
    becomes = operator.mutate(node, index)
    if parent:
        parent.children = [becomes if one is node else one for one in siblings if one is not node or becomes]
    text: str = tree.get_code()
    if parent:
        parent.children = siblings
    for one, content in before:
        setattr(one, "children" if isinstance(content, list) else "value", content)
    return text


def change_of_line(original: str, text: str, number: int) -> tuple[str, str]:
    """Text of a line, by its number, and what becomes of it; empty where it goes."""
    before, after = original.splitlines(), text.splitlines()
    return before[number - 1].strip(), after[number - 1].strip() if len(after) == len(before) else ""


Position = tuple[int, int]


def out_of_scope(tree: ast.AST) -> Iterator[tuple[Position, Position]]:
    """Start and end of what no test should see: see "What is not changed" in mutation.md.jinja."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(annotation=ast.expr() as part) | ast.AnnAssign(annotation=part):
                yield extent(part)
            case ast.FunctionDef(returns=ast.expr() as part):
                yield extent(part)
            case ast.Raise(exc=ast.Call(args=[message])):
                yield extent(message)
            case ast.JoinedStr():
                yield extent(node)
            case ast.Assign(value=ast.BinOp(op=ast.BitOr()) as alias) if node.col_offset == 0:
                yield extent(alias)
        match node:
            case (
                ast.AnnAssign(target=ast.Name(id=name))
                | ast.Assign(targets=[ast.Name(id=name)])
                | ast.FunctionDef(name=name)
            ) if name in SPARED:
                yield extent(node)
            case ast.FunctionDef(decorator_list=decorators) | ast.ClassDef(decorator_list=decorators):
                if "overload" in map(ast.unparse, decorators):
                    yield (decorators[0].lineno, 0), extent(node)[1]
                yield from (extent(part) for part in decorators if isinstance(part, ast.Call))


def extent(node: Any) -> tuple[Position, Position]:
    """Where a node starts and ends."""
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


# --- running their tests ---


class Substitute(importlib.machinery.SourceFileLoader):
    """Finds and loads one module from another text than its file's."""

    def __init__(self, source: str, text: str) -> None:
        super().__init__("assay." + source.removesuffix(".py").replace("/", "."), str(ROOT / source))
        self.text = text

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module's spec, if it is this one that is asked for."""
        asked = name == self.name
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if asked else None

    def get_code(self, fullname: str) -> Any:
        """Code of the text."""
        return compile(self.text, self.path, "exec")


class Sentinels:
    """A pytest plugin that runs the tests named first, and names the one that fails."""

    def __init__(self, first: list[str], failing: Any) -> None:
        self.first, self.failing = first, failing

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        ranks = {name: rank for rank, name in enumerate(self.first)}
        items.sort(key=lambda item: ranks.get(item.nodeid, len(ranks)))

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failing.send(report.nodeid)


def attempt(source: str, text: str, selection: str, first: list[str], failing: Any, log: int) -> None:
    """Run tests of a source with another text in its place; in a process of its own, whose exit it is."""
    import hypothesis
    import pytest

    os.dup2(log, 1)
    os.dup2(log, 2)
    hypothesis.settings.register_profile("mutation", derandomize=True, database=None)
    hypothesis.settings.load_profile("mutation")
    sys.meta_path.insert(0, Substitute(source, text))
    options = ["-c", "tests/pytest.ini", "--rootdir=tests", "-xq", "--assert=plain", "--tb=no"]
    options += [f"-pno:{plugin}" for plugin in ("cacheprovider", "unraisableexception", "threadexception")]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning", selection]
    os._exit(int(pytest.main(options, plugins=[Sentinels(first, failing)])))


class Trial:
    """Puts the mutants of one source to one selection of tests, those first that killed the last ones."""

    REMEMBERED = 40

    def __init__(self, source: str, selection: str, log: int) -> None:
        self.source, self.selection, self.log = source, selection, log
        self.killers: list[str] = []
        begun = time.monotonic()
        if self.ask((ROOT / source).read_text("utf-8"), None) != "survived":
            raise SystemExit(f"{selection} fails without a mutant: run it by itself")
        self.limit = max(10.0, PATIENCE * (time.monotonic() - begun))

    def ask(self, text: str, limit: float | None) -> str:
        """``survived``, ``killed`` or ``timed out``."""
        fork = multiprocessing.get_context("fork")
        received, failing = fork.Pipe(duplex=False)
        arguments = (self.source, text, self.selection, self.killers, failing, self.log)
        process = fork.Process(target=attempt, args=arguments)
        process.start()
        failing.close()
        process.join(limit)
        if process.is_alive():
            process.kill()
            process.join()
            return "timed out"
        with contextlib.suppress(EOFError):  # a mutant that cannot be imported fails no test in particular
            killer = received.recv()
            self.killers = [killer, *(one for one in self.killers if one != killer)][: self.REMEMBERED]
        return "killed" if process.exitcode else "survived"


def investigate(source: str, fresh: bool) -> list[tuple[Mutant, str]]:
    """Every mutant of a source with what became of it; what was killed before is taken as killed."""
    kept = RESULTS / f"{source.replace('/', '.')}.json"
    known: dict[str, str] = json.loads(kept.read_text()) if kept.is_file() and not fresh else {}
    found = sorted(mutants(source), key=lambda mutant: mutant.number)
    statuses = {mutant.key: known.get(mutant.key, "survived") for mutant in found}
    explained = explained_changes()
    for selection in TARGETS[source]:
        asked = [mutant for mutant in found if statuses[mutant.key] == "survived"]
        if not asked:
            break
        with open(os.devnull, "wb") as log:
            trial = Trial(source, selection, log.fileno())
            for mutant in track(asked, f"{source}, {selection}"):
                status = trial.ask(mutant.text, trial.limit)
                if status != "survived" and change(mutant) in explained:
                    # A test may fail of a busy machine; one that sees the mutant fails again.
                    status = trial.ask(mutant.text, trial.limit)
                statuses[mutant.key] = status
                dead = {key: status for key, status in statuses.items() if status != "survived"}
                kept.write_text(json.dumps(dead, indent=1))
    return [(mutant, statuses[mutant.key]) for mutant in found]


def prepare() -> None:
    """Import what every attempt needs, assay itself excepted: a forked process finds it loaded."""
    package = importlib.util.find_spec("assay")
    if package is None or Path(package.origin or "").parent != ROOT:
        raise SystemExit(f"assay is not imported from {ROOT}: install it with `pip install --editable .`")
    for name in ("ml_dtypes", "scipy.special", "scipy.stats", "msgspec", "mpmath", "pytest", "hypothesis"):
        importlib.import_module(name)
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    RESULTS.mkdir(exist_ok=True)


# --- explanations and the page ---


class Explanation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the tests need not see that a line becomes one of some others."""

    source: str
    line: str
    becomes: tuple[str, ...]
    why: str


def explanations() -> list[Explanation]:
    """What explained.toml says."""
    return msgspec.toml.decode(EXPLAINED.read_bytes(), type=dict[str, list[Explanation]])["explained"]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help=f"of {', '.join(TARGETS)}; all if none")
    parser.add_argument("--fresh", action="store_true", help="ask again what was killed before")
    parser.add_argument("--list", action="store_true", help="print the mutants and run nothing")
    arguments = parser.parse_args()
    if unknown := set(arguments.sources) - set(TARGETS):
        parser.error(f"no such source: {', '.join(sorted(unknown))}")
    sources = arguments.sources or list(TARGETS)
    if arguments.list:
        for mutant in (m for source in sources for m in mutants(source)):
            print(f"{mutant.source}:{mutant.number}: {mutant.line}  ->  {mutant.becomes}")
        return 0
    prepare()
    results = {source: investigate(source, arguments.fresh) for source in sources}
    faults = list(complaints(results))
    print("\n".join(faults))
    if set(sources) == set(TARGETS):
        PAGE.write_text(page(results), "utf-8")
    return bool(faults)


Results = dict[str, list[tuple[Mutant, str]]]


def survivors(results: Results) -> Iterator[Mutant]:
    """The mutants that no test saw."""
    return (mutant for found in results.values() for mutant, status in found if status == "survived")


Change = tuple[str, str, str]


def change(mutant: Mutant) -> Change:
    """What an explanation speaks of: a source, a line, and what becomes of it."""
    return mutant.source, mutant.line, mutant.becomes


def explained_changes() -> set[Change]:
    """Every change that explained.toml speaks of."""
    return {(e.source, e.line, becomes) for e in explanations() for becomes in e.becomes}


def complaints(results: Results) -> Iterator[str]:
    """Survivors without an explanation, and explanations without a survivor."""
    explained, surviving = explained_changes(), {change(mutant) for mutant in survivors(results)}
    for mutant in survivors(results):
        if change(mutant) not in explained:
            yield f"{mutant.source}:{mutant.number}: survived:\n    {mutant.line}\n    {mutant.becomes}"
    for source, line, becomes in sorted(explained - surviving):
        if source in results:
            yield f"{source}: explained, but no survivor:\n    {line}\n    {becomes}"


def page(results: Results) -> str:
    """The text of docs/mutation.md."""
    strict = jinja2.StrictUndefined
    environment = jinja2.Environment(trim_blocks=True, undefined=strict, keep_trailing_newline=True)
    template = environment.from_string((HERE / "mutation.md.jinja").read_text("utf-8"))
    rows = {source: row(found) for source, found in results.items()}
    return template.render(rows=rows, targets=TARGETS, explanations=grouped(explanations()), spared=SPARED)


def row(found: list[tuple[Mutant, str]]) -> dict[str, int]:
    """What became of the mutants of one source, in numbers."""
    explained = explained_changes()
    told = [change(mutant) in explained for mutant, status in found if status == "survived"]
    count = collections.Counter(status for _, status in found)
    return {
        "mutants": len(found),
        "killed": count["killed"],
        "late": count["timed out"],
        "explained": sum(told),
        "open": len(told) - sum(told),
    }


def grouped(entries: Iterable[Explanation]) -> dict[str, list[Explanation]]:
    """Explanations by source."""
    by_source: dict[str, list[Explanation]] = collections.defaultdict(list)
    for entry in entries:
        by_source[entry.source].append(entry)
    return by_source


if __name__ == "__main__":
    sys.exit(main())
