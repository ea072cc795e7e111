"""Halving finds the release in which a change lies, and says which releases it could not ask."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version
from support.compared import API, CASE, record, verdict

import assay.cli.bisect as command
from assay.cli.app import main
from assay.errors import Usage
from assay.harness.gating.bisect import Pinned, bisect, in_order, pinned, releases_between
from assay.harness.gating.compare import compare
from assay.harness.gating.environments import Unmade

RELEASES = [Pinned("keras", Version(f"3.{minor}.0")) for minor in range(20)]


@pytest.mark.parametrize("first_changed", range(1, 20))
def test_the_first_release_that_differs_is_found_in_few_steps(first_changed):
    asked = []

    def ask(release):
        asked.append(release)
        return release.version >= Version(f"3.{first_changed}.0")

    found = bisect(RELEASES, ask)
    assert (found.last, found.changed) == (RELEASES[first_changed - 1], RELEASES[first_changed])
    assert not found.passed_over
    assert len(asked) == len(set(asked)) <= 5
    assert not {RELEASES[0], RELEASES[-1]} & set(asked)


def test_what_cannot_be_asked_is_passed_over_and_told_where_the_change_may_lie_in_it():
    broken = {RELEASES[at] for at in (2, 9, 10, 11)}

    def ask(release):
        return "it does not start" if release in broken else release.version >= Version("3.10.0")

    found = bisect(RELEASES, ask)
    assert (found.last, found.changed) == (RELEASES[8], RELEASES[12])
    assert set(found.passed_over) == {RELEASES[at] for at in (9, 10, 11)}


def test_releases_are_in_the_direction_that_is_asked():
    old, new = pinned("keras==3.1.0"), pinned("keras==3.4.0")
    versions = ["3.5.0", "3.3.0", "3.2.0", "3.1.0", "3.0.5"]
    assert [str(one) for one in in_order(old, new, versions)] == [f"keras==3.{n}.0" for n in (1, 2, 3, 4)]
    assert in_order(new, old, versions) == in_order(old, new, versions)[::-1]


@pytest.mark.parametrize("text", ["keras", "keras>=3", "keras==3.*", "keras==3.1,<4", "@@"])
def test_an_end_must_pin_one_release(text):
    with pytest.raises(Usage, match="pins no release"):
        pinned(text)


def test_ends_of_two_packages_are_refused_and_so_is_a_version_that_is_none():
    with pytest.raises(Usage, match="not two releases of one package"):
        releases_between(pinned("keras==3.1.0"), pinned("jax==0.4.30"))
    with pytest.raises(Usage, match="--release takes versions"):
        in_order(pinned("keras==3.1.0"), pinned("keras==3.4.0"), ["newest"])


def test_where_there_is_no_index_the_releases_are_asked_for(tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'No module named pip' >&2; exit 1\n")
    program.chmod(0o755)
    with pytest.raises(Usage, match=r"\(No module named pip\); name them with --release"):
        releases_between(pinned("keras==3.1.0"), pinned("keras==3.4.0"), str(program))


# --- the command, where what environments hold is told ------------------------------------------------------


@pytest.fixture
def environments(tmp_path, monkeypatch):
    """PyTorch 2.0.0 to 2.9.0, wrong since 2.6.0, of which 2.5.0 has no wheel; returns what was asked."""
    asked = []

    def run_gate(sides, scope, folder, watch):
        assert (scope.cases, scope.frameworks) == ((CASE,), ("torch",))
        release = sides[1].requirements.split()[0]
        asked.append((release, sides[0].label.strip()))
        if release == "torch==2.5.0":
            raise Unmade("no wheel")
        wrong = Version(release.removeprefix("torch==")) >= Version("2.6.0")
        before = record(verdict())
        after = record(verdict("differs", check="values", digest="e") if wrong else verdict())
        return compare(before, after), after, None

    monkeypatch.setattr(command, "run_gate", run_gate)
    monkeypatch.chdir(tmp_path)
    return asked


VERSIONS = [word for minor in range(1, 9) for word in ("--release", f"2.{minor}.0")]


def test_the_command_tells_the_release_and_what_changed_in_it(environments, capsys):
    assert main(["bisect", "torch==2.0.0", "torch==2.9.0", "--case", CASE, *VERSIONS]) == 1
    said = capsys.readouterr().out
    assert "torch==2.5.0: could not be asked: no wheel" in said
    assert "Changed in torch==2.6.0; torch==2.4.0 is as torch==2.0.0 is." in said
    assert "torch==2.5.0 lies between them" in said
    assert f"regressed {CASE} {API}: differs (values)" in said
    assert environments[0] == ("torch==2.9.0", "torch==2.0.0")
    first = str(Path("bisect/2.9.0/baseline/run.json"))
    assert {label for _, label in environments[1:]} == {first}, "the first release is run once"


def test_where_nothing_changed_or_the_last_cannot_be_asked_the_status_says_so(environments, capsys):
    assert main(["bisect", "torch==2.0.0", "torch==2.4.0", "--case", CASE, *VERSIONS]) == 0
    assert "Nothing changed between torch==2.0.0 and torch==2.4.0." in capsys.readouterr().out
    other = ["--implementation", "torch.nn.GE*"]
    assert main(["bisect", "torch==2.0.0", "torch==2.9.0", "--case", CASE, *VERSIONS, *other]) == 0
    assert main(["bisect", "torch==2.0.0", "torch==2.5.0", "--case", CASE, *VERSIONS]) == 3
    assert "could not be compared with torch==2.0.0: no wheel" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("wrong", [("--case", "gleu/default"), ("--implementation", "torch.nn.Gleu")])
def test_a_mistyped_name_is_wrong_usage_before_anything_is_installed(environments, wrong, capsys):
    given = [*wrong, *(() if "--case" in wrong else ("--case", CASE))]
    assert main(["bisect", "torch==2.0.0", "torch==2.9.0", *given, *VERSIONS]) == 2
    assert not environments
