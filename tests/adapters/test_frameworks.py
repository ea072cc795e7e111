"""How a framework is asked: versions its bindings know, parts that import, variables that it documents."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from assay.adapters.binding import FRAMEWORKS
from assay.adapters.framework import Unavailable, framework
from assay.adapters.lazy import Absent, Lazy, Unimportable

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def asked_for(extra):
    """The first version of each distribution that an extra of the project asks for."""
    found = [re.match(r"([\w-]+)[^>]*>=([\d.]+)", one) for one in PROJECT["optional-dependencies"][extra]]
    return {match[1]: match[2] for match in found}


def release(version):
    return tuple(map(int, version.split(".")))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_project_asks_for_versions_that_the_bindings_know(name):
    known = framework(name, "cpu").oldest
    extra = asked_for("tensorflow" if name == "keras" else name)
    assert known
    for distribution, oldest in known.items():
        assert release(oldest) <= release(extra[distribution])


def test_the_baselines_of_the_upgrades_that_are_told_can_be_asked():
    told = re.findall(
        r"^## ([A-Za-z]+) ([\d.]+) → ", (ROOT / "docs" / "upgrades.md").read_text("utf-8"), re.M
    )
    oldest = {}
    for name in FRAMEWORKS:
        oldest |= framework(name, "cpu").oldest
    known = {"pytorch": oldest["torch"], **oldest}
    assert told
    for name, version in told:
        assert release(known[name.lower()]) <= release(version), name


@pytest.fixture
def a_place(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return tmp_path


def put_distribution(place, name, version):
    (place / f"{name}-{version}.dist-info").mkdir()
    (place / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")


@pytest.mark.parametrize(
    ("name", "distribution", "version"),
    [
        ("torch", "torch", "1.11.0"),
        ("jax", "jax", "0.4.25"),
        ("jax", "flax", "0.8.4"),
        ("tensorflow", "tensorflow", "2.9"),
    ],
)
def test_a_version_that_the_bindings_do_not_know_is_refused_with_those_that_can_be_asked(
    name, distribution, version, a_place
):
    put_distribution(a_place, distribution, version)
    asked = framework(name, "cpu")
    with pytest.raises(
        Unavailable, match=f"{distribution} {version} is too old: .*>={asked.oldest[distribution]}"
    ):
        asked.start()


def test_what_is_not_installed_is_absent_and_what_does_not_import_says_why(a_place):
    put_distribution(a_place, "half", "1.2")
    (a_place / "half").mkdir()
    (a_place / "half" / "__init__.py").write_text("raise AttributeError('jax has no such thing')")
    (a_place / "needy.py").write_text("import nowhere_to_be_found")
    for name, kind, words in (
        ("nowhere_to_be_found", Absent, "nowhere_to_be_found is not installed"),
        ("half", Unimportable, "half 1.2 does not import: AttributeError: jax has no such thing"),
        ("half.part", Unimportable, "half 1.2 does not import: AttributeError"),
        ("needy", Unimportable, "needy does not import: ModuleNotFoundError: No module named 'nowhere_to"),
        ("json.part", Absent, "json has no module json.part"),
    ):
        with pytest.raises(kind, match=words):
            _ = Lazy(name).anything


def test_a_part_that_fails_is_imported_once_so_that_its_reason_stays(a_place):
    (a_place / "moody.py").write_text(
        "import json\njson.tried = getattr(json, 'tried', 0) + 1\nraise OSError(json.tried)"
    )
    for _ in range(2):
        with pytest.raises(Unimportable, match="OSError: 1"):
            _ = Lazy("moody").anything


@pytest.mark.parametrize("name", [*FRAMEWORKS, "keras[jax]", "keras[torch]"])
def test_environment_variables_are_listed_by_name(name):
    documented = framework(name, "cpu").environment
    assert {"OMP_NUM_THREADS", "ONEDNN_MAX_CPU_ISA"} <= set(documented)
    assert len(set(documented)) == len(documented)
    assert not [variable for variable in documented if variable.endswith(("_FILE", "_DIR", "_HOME", "_PATH"))]
