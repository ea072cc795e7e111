"""Gathers what the tests here prove and to how many digits; ``--proof FILE`` writes it to a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.proof import Proof, all_calls, measuring, proofs_of
from support.proof_page import page


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--proof", type=Path, metavar="FILE", help="write what holds the references up to FILE")


def pytest_configure(config: pytest.Config) -> None:
    target = config.getoption("--proof", None)
    if target is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Page(target))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """Hands on with a test's report what it proved; a proof that compares nothing fails."""
    with measuring() as digits:
        outcome = yield
    proofs = proofs_of(item.path, item.originalname, item.iter_markers("proves"))
    if proofs and not digits:
        pytest.fail("this proof compares nothing: a proof compares with assert_same", pytrace=False)
    item.user_properties.extend(("proof", (*vars(proof).values(), min(digits))) for proof in proofs)
    return outcome


class _Page:
    """Keeps the least digits of every proof that passed, and writes them down if all of them did."""

    def __init__(self, target: Path) -> None:
        self.target, self.digits = target, {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            for name, (*proof, digits) in report.user_properties:
                if name == "proof":
                    key = Proof(*proof)
                    self.digits[key] = min(digits, self.digits.get(key, digits))

    def pytest_terminal_summary(self, terminalreporter, exitstatus) -> None:
        missing = {proof for call in all_calls() for proof in call.proofs} - self.digits.keys()
        if exitstatus == pytest.ExitCode.OK and not missing:
            self.target.write_text(page(self.digits), "utf-8")
            terminalreporter.write_line(f"The proofs: {self.target}")
        else:
            why = f"{len(missing)} proofs failed or were not carried out" if missing else "a test failed"
            terminalreporter.write_line(f"{self.target} is as it was: {why}.", red=True)
