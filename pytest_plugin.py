"""The pytest plugin: a kernel under ``@assay.conforms(…)`` becomes one test per case, named by the case.

Installed with the package. It costs nothing where no kernel is declared: until then only pytest is imported.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .api import Declared
    from .harness.checking.check import Checker
    from .harness.checking.checks import Finding
    from .harness.checking.probes import Probe

__all__ = ["KernelTest"]

API = f"{__package__}.api"
"""Module that whoever declares a kernel has imported."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the command line."""
    group = parser.getgroup("assay", "kernels under @assay.conforms")
    group.addoption("--assay-tier", choices=("smoke", "sweep"), help="sizes of kernel tests: smoke or sweep")
    group.addoption("--assay-device", help="where the arrays of kernel tests lie: cpu or cuda")


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: Any, name: str, obj: Any) -> list[pytest.Item] | None:
    """The tests of a declared kernel; other objects are left to pytest."""
    if API not in sys.modules or not isinstance(collector, pytest.Module):
        return None
    declared = sys.modules[API].declared(obj)
    if declared is None or getattr(obj, "__module__", collector.obj.__name__) != collector.obj.__name__:
        return None
    return list(_tests(collector, name, declared))


@pytest.hookimpl
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the processes of isolated kernels."""
    for checker in session.config.stash.get(CHECKERS, ()):
        checker.examiner.process.close()


CHECKERS: pytest.StashKey[list[Checker]] = pytest.StashKey()


def _tests(collector: pytest.Module, name: str, declared: Declared) -> Iterator[pytest.Item]:
    from .harness.running.processes import Unstarted

    config = collector.config
    chosen = {"sizes": config.getoption("--assay-tier"), "device": config.getoption("--assay-device")}
    options = {option: value for option, value in chosen.items() if value} | declared.options
    try:
        checker = sys.modules[API].prepare(declared.function, declared.spec, **options)
        probes = checker.probes()
    except (ValueError, Unstarted) as error:
        raise collector.CollectError(f"@assay.conforms({declared.spec!r}) of {name}: {error}") from error
    config.stash.setdefault(CHECKERS, []).append(checker)
    for probe in probes:
        test = KernelTest.from_parent(
            collector, name=f"{name}[{probe.id}]", checker=checker, probe=probe, function=declared.function
        )
        marks = getattr(declared.function, "pytestmark", ())
        test.own_markers.extend(marks)
        test.keywords.update((mark.name, mark) for mark in marks)
        yield test


class CaseFails(AssertionError):
    """A kernel fails in one case."""

    def __init__(self, findings: tuple[Finding, ...], again: str) -> None:
        super().__init__("; ".join(f"{finding.check}: {finding.message}" for finding in findings))
        self.findings, self.again = findings, again


class KernelTest(pytest.Item):
    """One case of one kernel."""

    def __init__(self, *, checker: Checker, probe: Probe, function: Any, **more: Any) -> None:
        super().__init__(**more)
        self.checker, self.probe, self.function = checker, probe, function

    def runtest(self) -> None:
        """Ask the case, and look closely at what fails."""
        if not self.checker.examiner.has_sense(self.probe):
            pytest.skip("the spec has no value there")
        if self.checker.examiner.too_slow(self.probe):
            pytest.skip("a call of this size would take too long: name it by sizes= to have it asked")
        failures = self.checker.examiner.examine(self.probe).failures
        if failures:
            findings = tuple(self.checker.diagnosis.finding(self.probe, failure) for failure in failures)
            raise CaseFails(findings, self.checker.examiner.options.again)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *rest: Any, **more: Any) -> Any:
        """The report of the command, without a traceback through assay."""
        if not isinstance(excinfo.value, CaseFails):
            return super().repr_failure(excinfo, *rest, **more)
        from .reports.check_page import findings_text

        return findings_text(excinfo.value.findings, excinfo.value.again)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """File, line and name for pytest's listings."""
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        return self.path, code.co_firstlineno - 1 if code else 0, self.name
