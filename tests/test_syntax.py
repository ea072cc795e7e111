"""Source is read into trees by one thread at a time."""

import ast
import gc
import sys
import threading
from pathlib import Path

import pytest
from test_house import ROOT, package_files

from assay.syntax import parse

SOURCE = "\n".join(f"x{i} = (i + ({i} * (i - [1, (2, {{'a': i}})][0])))" for i in range(40))


@pytest.fixture
def restless():
    """A collector that runs all the time, and lets other threads in when it does."""
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(5)
    sys.setswitchinterval(1e-6)
    yield
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


def test_threads_that_read_at_once_do_not_disturb_each_other(restless):
    failures = []

    def read():
        for _ in range(50):
            try:
                parse(SOURCE)
            except SystemError as error:
                failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_nobody_reads_source_past_the_one_who_does_it_in_turn():
    paths = [Path(path) for path in package_files() if path.suffix == ".py" and path.parts[0] != "syntax.py"]
    assert not [str(path) for path in paths if "ast.parse(" in (ROOT / path).read_text("utf-8")]


def test_a_tree_is_that_of_the_standard_library():
    assert ast.dump(parse(SOURCE)) == ast.dump(ast.parse(SOURCE))
    assert ast.dump(parse("a + 1", "eval")) == ast.dump(ast.parse("a + 1", mode="eval"))
    with pytest.raises(SyntaxError, match="here") as caught:
        parse("1 +", "eval", "here")
    assert caught.value.filename == "here"
