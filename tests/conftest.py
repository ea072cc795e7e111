"""What holds for every test: pytest's root is the tests folder."""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


def pytest_configure(config: pytest.Config) -> None:
    if config.rootpath != TESTS:
        raise pytest.UsageError(
            f"pytest's root is {config.rootpath}, so it would import the package a second time under that"
            " folder's name. Run `pytest tests`, or `make test` for the linters as well."
        )
