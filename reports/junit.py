"""JUnit XML, for the test views of GitLab, Jenkins and GitHub: one suite per target and spec.

Sizes are capped, because those views refuse or cut large files: what is left out here is in the record.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from xml.etree import ElementTree

from ..harness.record import Record, Verdict
from .overview import Overview, command

__all__ = ["Writer", "class_of", "document", "render"]

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
    "unresolved": "skipped",
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
    writer = Writer(record.started, {known.id: known.title for known in record.findings})
    suites = [
        writer.suite(f"{target} {spec}", [writer.testcase(verdict) for verdict in verdicts])
        for (target, spec), verdicts in groups.items()
    ]
    absent = [(t.name, t.reason) for t in overview.targets if not t.available]
    if absent or not record.complete:
        suites.append(writer.suite("assay", [*_absent(absent), *_unfinished(record)]))
    return document(suites, record.seconds)


def document(suites: Iterable[ElementTree.Element], seconds: float) -> str:
    """Suites as one XML document, with their counts added up."""
    root = ElementTree.Element("testsuites", name="assay", time=f"{seconds:.3f}")
    root.extend(suites)
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


class Writer:
    """Keeps names unique and the text within its budget."""

    def __init__(self, started: str, titles: Mapping[str, str] = MappingProxyType({})) -> None:
        self._started, self._titles = started, titles
        self._seen: Counter[tuple[str, str]] = Counter()
        self._budget = BUDGET

    def suite(self, name: str, testcases: list[ElementTree.Element]) -> ElementTree.Element:
        """Tests under a common name, counted."""
        suite = ElementTree.Element("testsuite", name=legal(name), timestamp=legal(self._started))
        suite.extend(testcases)
        seconds = sum(float(testcase.get("time", "0")) for testcase in testcases)
        suite.set("time", f"{seconds:.3f}")
        suite.set("tests", str(len(testcases)))
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(count, str(sum(testcase.find(tag) is not None for testcase in testcases)))
        return suite

    def testcase(self, verdict: Verdict) -> ElementTree.Element:
        """A verdict as a test."""
        names = class_of(verdict), verdict.case
        kind, message = KINDS.get(verdict.outcome, ""), verdict.message or verdict.check
        if kind == "skipped":
            return self.test(*names, verdict.seconds, kind, "", message)
        if kind:
            known = [f"known as {self.named(name)}" for name in verdict.findings]
            said = "\n".join((*known, _text(verdict)))
            told = f"{'; '.join(known)}: {message}" if known else message
            return self.test(*names, verdict.seconds, kind, verdict.outcome, told, said)
        said = f"deviates as on file: {verdict.deviation}\n{verdict.told}"
        return self.test(*names, verdict.seconds, text=said if verdict.outcome == "deviates" else "")

    def named(self, finding: str) -> str:
        """A finding on file by name and title."""
        return f"{finding} ({self._titles[finding]})" if finding in self._titles else finding

    def test(
        self,
        classname: str,
        name: str,
        seconds: float = 0.0,
        kind: str = "",
        type: str = "",
        message: str = "",
        text: str = "",
    ) -> ElementTree.Element:
        """A test that fails, is skipped (the ``kind`` is the tag that says so) or passes, saying ``text``."""
        testcase = ElementTree.Element("testcase", self._unique(classname, name), time=f"{seconds:.3f}")
        if kind:
            named = {"type": type} if type else {}
            found = ElementTree.SubElement(testcase, kind, named, message=legal(message[:MESSAGE]))
            found.text = self._afford(text) if text else None
        elif text:
            ElementTree.SubElement(testcase, "system-out").text = self._afford(text)
        return testcase

    def _unique(self, classname: str, name: str) -> dict[str, str]:
        classname, name = legal(classname), legal(name)
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
        return legal(text) if self._budget >= 0 else None


def class_of(verdict: Verdict) -> str:
    """What a test view files the verdict under."""
    return f"{verdict.target}.{verdict.spec}.{verdict.implementation}"


def _text(verdict: Verdict) -> str:
    lines = [verdict.told, command("explain", verdict), command("repro", verdict)]
    if verdict.explained_by:
        lines.insert(1, f"the profile {verdict.explained_by} would explain it")
    lines += verdict.notes
    lines += ["", verdict.reproduction] if verdict.reproduction else []
    return "\n".join(lines)


def _absent(absent: list[tuple[str, str]]) -> list[ElementTree.Element]:
    found = []
    for name, reason in absent:
        testcase = ElementTree.Element(
            "testcase", classname="assay.targets", name=f"{legal(name)} is available"
        )
        ElementTree.SubElement(testcase, "skipped", message=legal(reason[:MESSAGE]))
        found.append(testcase)
    return found


def _unfinished(record: Record) -> list[ElementTree.Element]:
    if record.complete:
        return []
    testcase = ElementTree.Element("testcase", classname="assay.run", name="every case was asked")
    message = "the run ended before every case was asked"
    ElementTree.SubElement(testcase, "error", type="incomplete", message=message)
    return [testcase]


def legal(text: str) -> str:
    return ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
