"""Kept results are the computed ones, bit for bit; a cache that fails is no cache, and no failure."""

from __future__ import annotations

import dataclasses
import os
import threading

import pytest

from assay.harness.judging import cache
from assay.harness.judging.cache import CachedExpectation
from assay.harness.judging.expectation import Expectation
from assay.numerics.profiles import profiles
from assay.specs import all_specs
from assay.specs.language.case import parse

CASES = [
    "layer_norm/default/bfloat16/normal/3x2x17",
    "max_pool2d/default/float32/nan/{}",
    "embedding/default/float32/normal/{}",
]


def case(text):
    spec = all_specs()[text.partition("/")[0]]
    return parse(text.format("x".join(map(str, spec.sizes[0]))), all_specs())


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache._folder.cache_clear()
    yield cache._folder()
    cache._folder.cache_clear()


@pytest.fixture
def computed(monkeypatch):
    """The cases that were computed."""
    seen = []
    evaluate = Expectation._evaluate
    monkeypatch.setattr(
        Expectation, "_evaluate", lambda self, profile: seen.append(self.case.id) or evaluate(self, profile)
    )
    return seen


def results(made, profile):
    return [
        (
            e.name,
            e.check,
            e.exact,
            *((a.dtype, a.shape, a.tobytes()) for a in (e.value, e.tolerance, e.deviation)),
        )
        for e in made.under(profile)
    ]


@pytest.mark.parametrize("text", CASES)
def test_what_is_read_back_is_what_was_computed_bit_for_bit(text, computed):
    asked = case(text)
    for profile in profiles(asked.dtype):
        wanted = results(Expectation(asked), profile)
        assert results(CachedExpectation(asked), profile) == wanted
        computed.clear()
        assert results(CachedExpectation(asked), profile) == wanted
        assert computed == []


def test_each_profile_and_each_case_has_a_result_of_its_own(computed):
    first, other = case(CASES[0]), parse("layer_norm/default/bfloat16/offset/3x2x17", all_specs())
    fused, op_by_op = profiles("bfloat16")[:2]
    found = {str(results(CachedExpectation(c), p)) for c in (first, other) for p in (fused, op_by_op)}
    assert (len(found), len(computed)) == (4, 4)


@pytest.mark.parametrize("damage", [b"", b"short", b"\x00" * 500])
def test_a_damaged_file_is_computed_again_and_mended(folder, computed, damage):
    asked, profile = case(CASES[0]), profiles("bfloat16")[0]
    wanted = results(CachedExpectation(asked), profile)
    (kept,) = folder.iterdir()
    kept.write_bytes(damage)
    assert results(CachedExpectation(asked), profile) == wanted
    assert len(computed) == 2
    assert results(CachedExpectation(asked), profile) == wanted
    assert len(computed) == 2


def test_one_flipped_bit_is_noticed(folder, computed):
    asked, profile = case(CASES[0]), profiles("bfloat16")[0]
    wanted = results(CachedExpectation(asked), profile)
    (kept,) = folder.iterdir()
    data = bytearray(kept.read_bytes())
    data[len(data) // 2] ^= 1
    kept.write_bytes(data)
    assert results(CachedExpectation(asked), profile) == wanted
    assert len(computed) == 2


def test_a_disk_that_takes_nothing_costs_the_cache_and_nothing_else(folder, computed, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    asked, profile = case(CASES[0]), profiles("bfloat16")[0]
    assert results(CachedExpectation(asked), profile) == results(CachedExpectation(asked), profile)
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_costs_the_cache_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    cache._folder.cache_clear()
    assert CachedExpectation(case(CASES[0])).under(profiles("bfloat16")[0])


def test_many_writers_at_once_leave_one_whole_result(folder):
    asked, profile = case(CASES[0]), profiles("bfloat16")[0]
    wanted = results(Expectation(asked), profile)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(results(CachedExpectation(asked), profile)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 8
    assert len(list(folder.iterdir())) == 1


def test_another_source_or_library_is_another_folder(folder, monkeypatch):
    names = {folder.name}
    monkeypatch.setattr(cache, "SOURCES", ("numerics",))
    names.add(cache._fingerprint())
    monkeypatch.setattr(cache.importlib.metadata, "version", lambda name: "0")
    names.add(cache._fingerprint())
    assert len(names) == 3


def test_results_of_sources_from_long_ago_are_removed(folder):
    for age in range(6):
        (folder.parent / f"old{age}").mkdir()
        os.utime(folder.parent / f"old{age}", (age, age))
    cache._folder.cache_clear()
    assert cache._folder() == folder
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, "old5", "old4"}


def test_a_reference_from_elsewhere_is_not_kept(folder):
    asked = case(CASES[0])

    def reference(*arrays, **parameters):
        return asked.spec.reference(*arrays, **parameters)

    spec = dataclasses.replace(asked.spec, reference=reference)
    other = CachedExpectation(dataclasses.replace(asked, spec=spec))
    other.under(profiles("bfloat16")[0])
    assert list(folder.iterdir()) == []
