"""What holds for every test: pytest's root is the tests folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.adapters import binding

TESTS = Path(__file__).resolve().parent


def pytest_configure(config: pytest.Config) -> None:
    if config.rootpath != TESTS:
        raise pytest.UsageError(
            f"pytest's root is {config.rootpath}, so it would import the package a second time under that"
            " folder's name. Run `pytest tests`, or `make test` for the linters as well."
        )


@pytest.fixture(autouse=True)
def _own_bindings() -> Iterator[None]:
    """Forget the bindings that a test loaded: they would count in every later one."""
    before = {framework: dict(binding.bindings([framework])) for framework in binding.FRAMEWORKS}
    yield
    binding._registered.update(before)
