"""A kernel under @assay.conforms is one test per case, under xdist too, and fails in the command's words."""

from __future__ import annotations

import pytest

import assay.api  # pytester takes back what is imported within it, and NumPy can be loaded but once
import assay.reports.check_page

assert assay.api, assay.reports.check_page

pytest_plugins = ["pytester"]

MODULE = """
import numpy as np
import pytest
import assay

@assay.conforms("softmax")
def right(x, *, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)

@assay.conforms("softmax", axis=-1)
def without_shift(x):
    e = np.exp(x)
    return e / e.sum(-1, keepdims=True)

@assay.conforms("relu", isolate=True)
def elsewhere(x):
    return np.maximum(x, 0)

@pytest.mark.skip(reason="needs a GPU")
@assay.conforms("relu")
def skipped(x):
    raise AssertionError

def test_the_kernel_is_still_a_function():
    assert right(np.zeros((1, 2), "f4")).tolist() == [[0.5, 0.5]]
"""


@pytest.fixture
def project(pytester, monkeypatch):
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(test_kernels=MODULE)

    def run(*arguments, alone=False):
        """Run pytest on the module, in a process of its own if it must be alone."""
        start = pytester.runpytest_subprocess if alone else pytester.runpytest_inprocess
        return start("-p", "assay.pytest_plugin", "-p", "no:cacheprovider", *arguments)

    run.pytester = pytester
    return run


def names(result):
    return [line for line in result.outlines if "::" in line]


def test_every_case_is_a_test_with_its_id(project):
    listed = names(project("--collect-only", "-q"))
    assert "test_kernels.py::right[softmax/default/float32/normal/3x17]" in listed
    assert "test_kernels.py::right[softmax/default/float32/normal/3x17@strided]" in listed
    assert "test_kernels.py::without_shift[softmax/default/float32/saturated/3x17]" in listed
    assert not any("without_shift[softmax/axis=0" in line for line in listed)
    assert "test_kernels.py::test_the_kernel_is_still_a_function" in listed


def test_a_failing_case_prints_what_the_command_prints(project):
    result = project("-k", "without_shift", "-q")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "*special values  softmax/default/float32/*/3x17",
            "*pattern*NaN stands in every wrong place",
            "*cause*no maximum subtracted*",
            "*again*assay.check(without_shift, *axis=-1,*",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_plugin.py*Error*")


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_right_kernels_pass_alone_and_under_xdist(project, workers):
    result = project("-k", "right or elsewhere or skipped or function", "-rs", *workers, alone=bool(workers))
    counts = result.parseoutcomes()
    assert result.ret == 0
    assert counts["passed"] > 40
    assert counts["skipped"] > 10
    result.stdout.fnmatch_lines(["*needs a GPU*"])


def test_the_tier_chooses_the_sizes_and_the_device_is_passed_on(project):
    smoke, sweep = (names(project("--collect-only", "-q", *more)) for more in (("--assay-tier", "smoke"), ()))
    assert len(sweep) > 2 * len(smoke)
    failed = project("--assay-device", "cuda", "-k", "right")
    failed.stdout.fnmatch_lines(["*NumPy has no device 'cuda'*"])


def test_a_kernel_that_is_imported_is_not_collected_twice(project):
    project.pytester.makepyfile(test_other="from test_kernels import right\n")
    assert not any("test_other" in line for line in names(project("--collect-only", "-q")))


def test_a_declaration_that_makes_no_sense_is_an_error_of_collection(project):
    project.pytester.makepyfile(test_kernels='import assay\n@assay.conforms("softmaxx")\ndef f(x): ...\n')
    result = project()
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*did you mean softmax*"])


def test_without_a_declared_kernel_nothing_but_pytest_is_imported(project):
    project.pytester.makepyfile(
        test_kernels="import sys\ndef test(): assert not {'numpy', 'scipy', 'rich'} & set(sys.modules)\n"
    )
    assert project(alone=True).ret == 0
