"""JUnit XML, for the test views of GitLab, Jenkins and GitHub: one suite per target and spec.

Sizes are capped, because those views refuse or cut large files: what is left out here is in the record.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from xml.etree import ElementTree

from ..harness.record import Record, Verdict
from .overview import Overview, command

__all__ = ["render"]

MESSAGE = 400
"""Most characters of a failure's one-line message."""

TEXT = 4_000
"""Most characters of a failure's text."""

BUDGET = 6_000_000
"""Characters of text in the whole document; past them, failures keep their message only."""

KINDS = {
    "inaccurate": "failure",
    "differs": "failure",
    "rejects": "failure",
    "accepts": "failure",
    "crashed": "error",
    "hung": "error",
    "unsupported": "skipped",
}
"""What JUnit calls an outcome; the others pass."""

ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document may hold, not even escaped."""


def render(record: Record) -> str:
    """The record as JUnit XML."""
    overview = Overview(record)
    groups: defaultdict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in record.verdicts:
        groups[verdict.target, verdict.spec].append(verdict)
    root = ElementTree.Element("testsuites", name="assay", time=f"{record.seconds:.3f}")
    writer = _Writer(record.started)
    for (target, spec), verdicts in groups.items():
        root.append(writer.suite(f"{target} {spec}", [writer.testcase(verdict) for verdict in verdicts]))
    absent = [(t.name, t.reason) for t in overview.targets if not t.available]
    if absent or not record.complete:
        root.append(writer.suite("assay", [*_absent(absent), *_unfinished(record)]))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


class _Writer:
    """Keeps names unique and the text within its budget."""

    def __init__(self, started: str) -> None:
        self._started = started
        self._seen: Counter[tuple[str, str]] = Counter()
        self._budget = BUDGET

    def suite(self, name: str, testcases: list[ElementTree.Element]) -> ElementTree.Element:
        suite = ElementTree.Element("testsuite", name=_legal(name), timestamp=_legal(self._started))
        suite.extend(testcases)
        seconds = sum(float(testcase.get("time", "0")) for testcase in testcases)
        suite.set("time", f"{seconds:.3f}")
        suite.set("tests", str(len(testcases)))
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(count, str(sum(testcase.find(tag) is not None for testcase in testcases)))
        return suite

    def testcase(self, verdict: Verdict) -> ElementTree.Element:
        name = self._unique(f"{verdict.target}.{verdict.spec}.{verdict.implementation}", verdict.case)
        testcase = ElementTree.Element("testcase", name, time=f"{verdict.seconds:.3f}")
        message = _legal((verdict.message or verdict.check)[:MESSAGE])
        kind = KINDS.get(verdict.outcome)
        if kind == "skipped":
            ElementTree.SubElement(testcase, "skipped", message=message)
        elif kind:
            found = ElementTree.SubElement(testcase, kind, type=verdict.outcome, message=message)
            found.text = self._afford(_text(verdict))
        elif verdict.outcome == "deviates":
            said = ElementTree.SubElement(testcase, "system-out")
            said.text = self._afford(f"deviates as on file: {verdict.deviation}\n{verdict.message}")
        return testcase

    def _unique(self, classname: str, name: str) -> dict[str, str]:
        classname, name = _legal(classname), _legal(name)
        self._seen[classname, name] += 1
        again = self._seen[classname, name]
        while again > 1 and (classname, f"{name} ({again})") in self._seen:
            again += 1
        if again > 1:
            name = f"{name} ({again})"
            self._seen[classname, name] += 1
        return {"classname": classname, "name": name}

    def _afford(self, text: str) -> str | None:
        text = text if len(text) <= TEXT else text[:TEXT] + "\n… (the rest is in run.json)"
        self._budget -= len(text)
        return _legal(text) if self._budget >= 0 else None


def _text(verdict: Verdict) -> str:
    lines = [verdict.message, command("explain", verdict), command("repro", verdict)]
    if verdict.explained_by:
        lines.insert(1, f"the profile {verdict.explained_by} would explain it")
    lines += verdict.notes
    lines += ["", verdict.reproduction] if verdict.reproduction else []
    return "\n".join(lines)


def _absent(absent: list[tuple[str, str]]) -> list[ElementTree.Element]:
    found = []
    for name, reason in absent:
        testcase = ElementTree.Element(
            "testcase", classname="assay.targets", name=f"{_legal(name)} is available"
        )
        ElementTree.SubElement(testcase, "skipped", message=_legal(reason[:MESSAGE]))
        found.append(testcase)
    return found


def _unfinished(record: Record) -> list[ElementTree.Element]:
    if record.complete:
        return []
    testcase = ElementTree.Element("testcase", classname="assay.run", name="every case was asked")
    message = "the run ended before every case was asked"
    ElementTree.SubElement(testcase, "error", type="incomplete", message=message)
    return [testcase]


def _legal(text: str) -> str:
    return ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
