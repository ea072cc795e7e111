"""The report of a check: it prints itself in a terminal and in a notebook, and raises if asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..harness.checking.checks import CheckResult

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["KernelFails", "Report"]


class KernelFails(AssertionError):
    """A kernel does not pass its check; the message is the report."""


class Report:
    """What came of `assay.check`.

    ``print(report)`` and a notebook show it; ``report.passed`` says in a word whether anything was found;
    ``report.data`` is the whole of it as data.
    """

    def __init__(self, data: CheckResult) -> None:
        self.data = data

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return self.data.passed

    def raise_for_failures(self) -> None:
        """Raise `KernelFails`, with the report as message, if a check failed."""
        if not self.passed:
            raise KernelFails(f"\n{self}")

    def to_json(self) -> str:
        """The data as JSON; `assay.harness.checking.check.CheckResult` is its schema."""
        return msgspec.json.encode(self.data).decode()

    def __bool__(self) -> bool:
        raise TypeError("a report is neither true nor false; ask report.passed")

    def __rich__(self) -> RenderableType:
        from .check_page import page

        return page(self.data)

    def __str__(self) -> str:
        from .check_page import plain_text

        return plain_text(self.data)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from .check_page import html

        return html(self.data)
