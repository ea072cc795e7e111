"""The house around the code: who may import whom, what the wheel holds, what no file may say.

Nothing here tests what a layer computes.
"""

import ast
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from importlib.metadata import requires
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]

#: The parts in the order of design: a module imports from its own part and from those before it. `assay` is
#: the public face, the root `__init__.py`.
PARTS = (
    "errors",
    "syntax",
    "numerics",
    "reference",
    "specs",
    "adapters",
    "harness",
    "reports",
    "assay",
    "cli",
    "__main__",
)
#: The rooms of a part, each with those of the same part that it may import from beside itself; the room with
#: no name holds the modules that lie in none, such as harness/record.py.
ROOMS = {
    "specs": {"language": (), "": ("language",), "variants": ("language",)},
    "harness": {
        "": (),
        "judging": ("",),
        "running": ("", "judging"),
        "auditing": ("", "judging", "running"),
        "checking": ("", "judging", "running", "auditing"),
        "gating": ("", "judging", "running", "mapping"),
        "mapping": ("", "judging", "running"),
    },
}
FRAMEWORKS = {"torch", "tensorflow", "keras", "jax", "flax", "optax"}
#: Packages of extras that are not frameworks; like those, they are loaded when they are first used.
EXTRAS = {"onnx", "safetensors"}
#: What a module may import at once because nothing but that loads it.
HOSTS = {"pytest_plugin.py": ("pytest.",)}
#: The parts that stay independent, and all that each may use; the others use what pyproject.toml declares.
INDEPENDENT = {
    "numerics": ("numpy.", "scipy.", "ml_dtypes."),
    "reference": ("numpy.", "scipy.special."),
}
#: Folders of the repository that are no part of the package.
OUTSIDE = {"tests", "docs", "examples", "benchmarks"}


def project_files() -> list[PurePosixPath]:
    """Every file of the project: what git has, and what it would take if it were added."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [PurePosixPath(name) for name in names.split("\0") if (ROOT / name).is_file()]


def package_files() -> list[PurePosixPath]:
    """The files of which the package consists: all in its folders, and the modules at the root."""

    def inside(path: PurePosixPath) -> bool:
        if len(path.parts) == 1:
            return path.suffix == ".py" or path.name == "py.typed"
        return path.parts[0] not in OUTSIDE and not path.parts[0].startswith(".")

    return [path for path in project_files() if inside(path)]


# --- imports run one way ---------------------------------------------------------------------------------


def part_of(module: tuple[str, ...]) -> str:
    """The part that a module belongs to, its name given relative to the package."""
    return module[0] if module and module[0] in PARTS else "assay"


def may_enter(module: tuple[str, ...], target: tuple[str, ...]) -> bool:
    """Whether a module may import from the room of another one; of other parts it may."""
    rooms = ROOMS.get(module[0], {})
    if target[:1] != module[:1] or not rooms:
        return True
    own, other = ("".join(name for name in one[1:2] if name in rooms) for one in (module, target))
    return other in (own, *rooms[own])


def imports(tree: ast.AST) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import statement, and whether it is carried out as soon as its module is imported."""

    def walk(node: ast.AST, at_import: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, at_import
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for child in node.body:
                yield from walk(child, False)
            for child in node.orelse:
                yield from walk(child, at_import)
            return
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, at_import and not deferred)

    return walk(tree, True)


def own_targets(node: ast.ImportFrom, package: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The modules of assay that a relative import names; none if it climbs out of the package."""
    climb = node.level - 1
    if climb > len(package):
        return []
    base = package[: len(package) - climb]
    if node.module:
        base += tuple(node.module.split("."))
    return [base] if base else [(alias.name,) for alias in node.names]


def outside_names(node: ast.Import | ast.ImportFrom) -> list[str]:
    """What an absolute import names: `from scipy import special` names scipy.special."""
    prefix = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    return [prefix + alias.name for alias in node.names]


def import_faults(path: PurePosixPath, source: str) -> list[str]:
    """What is wrong with the imports of one module, one sentence each."""
    package = path.parent.parts
    module = (*package, path.stem)
    part = part_of(module)
    allowed = INDEPENDENT.get(part, declared_dependencies()) + HOSTS.get(str(path), ())

    def sentences(node: ast.Import | ast.ImportFrom, at_import: bool) -> Iterator[str]:
        if isinstance(node, ast.ImportFrom) and node.level:
            targets = own_targets(node, package)
            if not targets:
                yield "the import leaves the package"
            for target in targets:
                if PARTS.index(part_of(target)) > PARTS.index(part):
                    yield f"{part} may not import from {part_of(target)}, which stands above it"
                if not may_enter(module, target):
                    yield f"{'/'.join(module)} may not import from the room of {'/'.join(target)}"
            return
        for name in outside_names(node):
            top = name.partition(".")[0]
            if top == "assay":
                yield "inside the package imports are relative"
            elif top in FRAMEWORKS | (set() if part in INDEPENDENT else EXTRAS):
                if at_import:
                    yield f"{top} is loaded when it is first used, never when a module is imported"
                if part in INDEPENDENT:
                    yield f"{part} never imports a framework"
            elif top not in sys.stdlib_module_names and not f"{name}.".startswith(allowed):
                yield f"{part} may not import {name}: of other packages it has {' '.join(allowed)}"

    found = imports(ast.parse(source, str(path)))
    return [f"{path}:{node.lineno}: {one}" for node, at_import in found for one in sentences(node, at_import)]


def declared_dependencies() -> tuple[str, ...]:
    """The import names of the core dependencies that pyproject.toml declares, a dot after each."""
    requirements = [Requirement(line) for line in requires("assay") or ()]
    return tuple(f"{one.name.replace('-', '_')}." for one in requirements if one.marker is None)


def test_imports_run_one_way() -> None:
    modules = [path for path in package_files() if path.suffix == ".py"]
    assert {part_of(path.with_suffix("").parts) for path in modules} >= {"numerics", "reference", "cli"}
    faults = [one for path in modules for one in import_faults(path, (ROOT / path).read_text("utf-8"))]
    assert faults == [], "\n" + "\n".join(faults)


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("numerics/ulps.py", "from ..reference import dense", "numerics may not import from reference"),
        ("numerics/ulps.py", "from .. import reference", "numerics may not import from reference"),
        ("numerics/__init__.py", "from ..specs.cases import Case", "numerics may not import from specs"),
        ("reference/dense.py", "def f():\n    from ..specs import x", "reference may not import from specs"),
        ("specs/dense.py", "from ..adapters import torch", "specs may not import from adapters"),
        ("adapters/jax/dense.py", "from ...harness import run", "adapters may not import from harness"),
        ("harness/running/run.py", "from ...reports.html import page", "harness may not import from reports"),
        ("reports/html.py", "from ..cli import main", "reports may not import from cli"),
        ("specs/language/cases.py", "from ..dense import dense", "specs/language/cases may not import"),
        ("specs/language/case.py", "from ..variants import faults_of", "the room of specs/variants"),
        ("specs/dense.py", "from .variants import faults_of", "the room of specs/variants"),
        ("harness/record.py", "from .judging.judge import judge", "the room of harness/judging"),
        ("harness/judging/judge.py", "from ..running.ask import ask", "the room of harness/running"),
        ("harness/running/run.py", "from ..gating import gate", "the room of harness/gating"),
        ("harness/auditing/audit.py", "from ..checking.check import Checker", "the room of harness/checking"),
        ("harness/gating/gate.py", "from ..auditing.audit import audit", "the room of harness/auditing"),
        ("reports/html.py", "from .. import __version__", "reports may not import from assay"),
        ("harness/running/run.py", "from ....elsewhere import x", "leaves the package"),
        ("harness/running/run.py", "import assay.numerics", "imports are relative"),
        ("cli/app.py", "from assay import __version__", "imports are relative"),
        ("specs/dense.py", "import torch", "torch is loaded when it is first used"),
        ("reference/dense.py", "def dense():\n    import torch", "reference never imports a framework"),
        ("reference/dense.py", "import scipy.stats", "reference may not import scipy.stats"),
        ("reference/dense.py", "from scipy import stats", "reference may not import scipy.stats"),
        ("reference/dense.py", "import ml_dtypes", "reference may not import ml_dtypes"),
        ("reference/dense.py", "import numpydoc", "reference may not import numpydoc"),
        ("numerics/ulps.py", "import msgspec", "numerics may not import msgspec"),
        ("adapters/torch/dense.py", "import torch.nn as nn", "torch is loaded when it is first used"),
        ("adapters/keras/dense.py", "from keras import layers", "keras is loaded when it is first used"),
        ("adapters/jax/dense.py", "try:\n    import flax\nfinally:\n    pass", "flax is loaded when"),
        ("adapters/jax/dense.py", "class Dense:\n    import optax", "optax is loaded when"),
        ("adapters/jax/dense.py", "if not TYPE_CHECKING:\n    import jax", "jax is loaded when"),
        ("harness/running/run.py", "import pandas", "harness may not import pandas"),
        ("harness/running/run.py", "import pytest", "harness may not import pytest"),
        ("cli/app.py", "import pytest", "cli may not import pytest"),
        ("harness/checking/export.py", "import onnx", "onnx is loaded when it is first used"),
        ("reference/dense.py", "def f():\n    import safetensors", "reference may not import safetensors"),
    ],
)
def test_a_forbidden_import_is_found(path: str, source: str, complaint: str) -> None:
    (fault,) = import_faults(PurePosixPath(path), source)
    assert complaint in fault


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("numerics/ulps.py", "import math\nimport numpy as np\nfrom ml_dtypes import bfloat16"),
        ("numerics/__init__.py", "from .ulps import ulps"),
        ("reference/dense.py", "from scipy import special\nfrom scipy.special import erf\nimport numpy"),
        ("reference/dense.py", "from ..numerics.carried import Carried\nfrom .. import numerics"),
        ("adapters/torch/dense.py", "from ...specs import dense\nfrom ..binding import binding"),
        ("adapters/torch/dense.py", "def linear():\n    import torch"),
        ("adapters/torch/dense.py", "if TYPE_CHECKING:\n    import torch"),
        ("harness/running/run.py", "import msgspec\nimport execnet"),
        ("pytest_plugin.py", "import pytest\nfrom .api import check"),
        ("harness/checking/export.py", "def f():\n    import onnx"),
        ("cli/app.py", "from .. import __version__\nfrom ..harness.running import run\nimport cyclopts"),
        ("specs/dense.py", "from .language.spec import Spec"),
        ("specs/variants/dense.py", "from ..language.variant import Fault"),
        ("harness/judging/judge.py", "from ..record import Outcome"),
        ("harness/checking/check.py", "from ..auditing.faults import faults\nfrom .probes import Probe"),
        ("__init__.py", "from .reports import html"),
    ],
)
def test_a_sound_import_is_let_pass(path: str, source: str) -> None:
    assert import_faults(PurePosixPath(path), source) == []


def test_importing_assay_imports_no_framework() -> None:
    script = "import sys, assay, assay.cli; print(*(name.partition('.')[0] for name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert "assay" in loaded.split()
    assert FRAMEWORKS & set(loaded.split()) == set()


# --- the wheel -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the project's files, so that nothing left over here gets in."""
    copy = tmp_path_factory.mktemp("checkout-of.assay")
    for path in project_files():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_bytes((ROOT / path).read_bytes())
    built = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", built, copy]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    (found,) = built.iterdir()
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty virtual environment with the wheel; its dependencies are borrowed from this environment."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel]
    subprocess.run(pip, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    # A folder that a .pth file names is only searched: the editable install in it does not take hold.
    (site,) = home.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")), "utf-8")
    return home


def ask(installed: Path, *command: str, cwd: Path) -> str:
    """What a command of the environment prints; it must succeed, and say nothing on standard error."""
    environment = {"PATH": str(installed / "bin"), "HOME": str(cwd)}
    line = [installed / "bin" / command[0], *command[1:]]
    done = subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.xdist_group("wheel")
def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    held = {name for name in names if ".dist-info/" not in name}
    assert held == {f"assay/{path}" for path in package_files()}


@pytest.mark.xdist_group("wheel")
def test_wheel_says_its_name_licence_and_command(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    info = "assay-0.1.0.dist-info"
    metadata = HeaderParser().parsestr(archive.read(f"{info}/METADATA").decode())
    assert (metadata["Name"], metadata["Version"]) == ("assay", "0.1.0")
    assert (metadata["License-Expression"], metadata["License-File"]) == ("Apache-2.0", "LICENSE")
    assert archive.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert "assay = assay.cli:main" in archive.read(f"{info}/entry_points.txt").decode()


@pytest.mark.xdist_group("wheel")
def test_wheel_works_in_an_empty_environment(installed: Path, tmp_path: Path) -> None:
    where = ask(installed, "python", "-c", "import assay; print(assay.__file__)", cwd=tmp_path)
    assert installed in Path(where.strip()).parents
    assert ask(installed, "assay", "--version", cwd=tmp_path).split()[-1] == "0.1.0"
    assert ask(installed, "python", "-m", "assay", "--version", cwd=tmp_path).split()[-1] == "0.1.0"
    assert ask(installed, "assay", "list", cwd=tmp_path).strip()


# --- what no file may say --------------------------------------------------------------------------------


UNPORTABLE = re.compile(
    r"(?<![\w.])/(work|opt|root|home)/|\bfile:/{2}|\b(pypi|pythonhosted|download\.pytorch|npmjs)\.(org|com)\b"
)


def unportable(text: str) -> list[str]:
    """The lines that name a place of one machine, or a package registry's host."""
    return [line for line in text.splitlines() if UNPORTABLE.search(line)]


def test_no_file_names_a_place_of_one_machine() -> None:
    said = {
        f"{path}: {line}"
        for path in project_files()
        for line in unportable((ROOT / path).read_text("utf-8", errors="replace"))
    }
    assert said == set()


@pytest.mark.parametrize("place", ["work", "opt", "root", "home"])
def test_a_place_of_one_machine_is_found(place: str) -> None:
    assert unportable(f'source = "/{place}/somewhere"') != []
    assert unportable(f"file:{'/' * 2}/{place}/somewhere") != []
    assert unportable(f"https://example.org/{place}/page") == []


@pytest.mark.parametrize("host", ["pypi", "files.pythonhosted", "download.pytorch"])
def test_a_registry_host_is_found(host: str) -> None:
    assert unportable(f"--index-url https://{host}.org/simple") != []
