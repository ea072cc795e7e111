"""The terminal: whatever its width, colours and encoding."""

import io

import pytest
from reports.records import ABSENT, at_scale, differing, record, verdict
from rich.console import Console

from assay.harness.record import OUTCOMES, Record
from assay.reports.console import STYLES, Progress, plain_text, table
from assay.reports.overview import Overview


@pytest.fixture(scope="module")
def scaled() -> Record:
    return at_scale(cases=20)


def printed(shown: Record, width: int = 80, encoding: str = "utf-8", **settings: bool) -> str:
    """What a terminal of this width and encoding receives."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    Console(file=file, width=width, legacy_windows=False, **settings).print(table(shown))  # type: ignore[arg-type]
    file.flush()
    return file.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined,no-any-return]


def test_every_outcome_has_a_colour() -> None:
    assert set(STYLES) == set(OUTCOMES)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(scaled: Record, width: int) -> None:
    assert max(map(len, printed(scaled, width).splitlines())) <= width


def test_there_is_no_colour_where_none_is_wanted(scaled: Record) -> None:
    assert "\x1b" not in printed(scaled)
    assert "\x1b[" in printed(scaled, force_terminal=True)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_any_encoding_will_do(scaled: Record, encoding: str) -> None:
    strange = differing(message="… ± ≠ 你好 \u2028", check="∞", margins=())
    assert printed(scaled, encoding=encoding).isascii()
    assert printed(record(strange), encoding=encoding).isascii()


def test_every_spec_target_and_finding_is_there(scaled: Record) -> None:
    text, overview = plain_text(scaled, width=160), Overview(scaled)
    assert all(spec.name in text for spec in overview.specs)
    assert f"{len(overview.findings)} findings" in text
    assert all(f"{f.spec} in {f.implementation}" in text for f in overview.findings)
    assert f"{len(scaled.verdicts):,} verdicts" in text


def test_a_shell_can_take_the_command_over_all_its_lines() -> None:
    text = printed(record(differing(case=f"gelu/{'a' * 30}/float32/tails/5x129")), width=60)
    joined = " ".join(text.replace("\\\n", " ").split())
    assert f"assay explain gelu/{'a' * 30}/float32/tails/5x129 --implementation torch.nn" in joined


def test_no_line_ends_in_blanks(scaled: Record) -> None:
    assert [line for line in printed(scaled).splitlines() if line != line.rstrip()] == []


def test_only_so_many_findings_are_listed() -> None:
    verdicts = [differing(check=f"check {n}") for n in range(7)]
    console = Console(width=80, file=io.StringIO())
    console.print(table(record(*verdicts), findings=3))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.count("assay explain") == 3
    assert "and 4 more findings" in text


def test_nothing_asked_absent_targets_and_an_early_end_are_said() -> None:
    assert "nothing was asked" in plain_text(record())
    text = plain_text(record(targets=(ABSENT,), complete=False))
    assert f"torch/cuda was not tested: {ABSENT.reason}" in text
    assert "The run is incomplete" in text


def test_markup_in_messages_is_only_text() -> None:
    text = plain_text(record(differing(message="[red]x[/red] [link", margins=(), implementation="a[/b].c")))
    assert "[red]x[/red] [link" in text
    assert "a[/b].c" in text


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def lines(width: int = 80) -> tuple[Console, io.StringIO]:
    """A console that is no terminal, and what it is sent."""
    file = io.StringIO()
    return Console(file=file, width=width, force_terminal=False), file


def test_progress_off_a_terminal_is_a_line_now_and_then() -> None:
    console, file = lines()
    clock = _Clock()
    with Progress(console, interval=30, clock=clock) as progress:
        progress.start("torch/cpu", 5)
        for second, outcome in (
            (1, "conforms"),
            (31, "differs"),
            (32, "conforms"),
            (70, "hung"),
            (71, "conforms"),
        ):
            clock.now = second
            progress.advance(verdict(outcome))
    assert file.getvalue().splitlines() == [
        "torch/cpu: 5 cases",
        "torch/cpu: 2 of 5, 1 failing, about 47 s left",
        "torch/cpu: 4 of 5, 2 failing, about 18 s left",
        "torch/cpu: 5 of 5, 2 failing, done",
    ]


def test_progress_on_a_terminal_counts_each_target_and_all() -> None:
    file = io.StringIO()
    console = Console(file=file, width=100, force_terminal=True, legacy_windows=False)
    with Progress(console) as progress:
        progress.start("torch/cpu", 2)
        progress.start("jax/cpu", 1)
        for outcome in ("conforms", "differs"):
            progress.advance(verdict(outcome))
        progress.advance(verdict(target="jax/cpu"))
    last = file.getvalue().rsplit("all", 1)[1]
    assert "3/3" in last
    assert "2/2" in last
    assert "1 failing" in last


def test_progress_may_be_ended_twice_and_takes_a_target_it_was_not_told_of() -> None:
    for terminal in (True, False):
        console = Console(file=io.StringIO(), force_terminal=terminal)
        progress = Progress(console)
        progress.advance(verdict(target="unknown"))
        progress.start("torch/cpu", 1)
        progress.advance(verdict(target="unknown"))
        progress.finish()
        progress.finish()
