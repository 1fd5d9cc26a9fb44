"""What is installed is what the folders hold, and the code keeps the rules that no tool checks."""

import ast
import os
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 40
LINT_IMPORTS = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(config_filename=sys.argv[1], no_cache=True))
"""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def import_names() -> dict[Path, str]:
    """Each folder with code, and the folder it becomes in the installed package."""
    frontends = sorted(path for path in (ROOT / "frontends").iterdir() if any(path.glob("*.py")))
    return {
        ROOT / "graphc": "graphc",
        ROOT / "kernels": "graphc/kernels",
        **{path: f"graphc/{path.name}" for path in frontends},
    }


def expected_files() -> set[str]:
    """Every Python file of the folders, and the data files that pyproject.toml names."""
    data = PROJECT["tool"]["setuptools"]["package-data"]
    files = set()
    for folder, target in import_names().items():
        for path in folder.rglob("*"):
            name = f"{target}/{path.relative_to(folder).as_posix()}"
            patterns = data.get(name.rpartition("/")[0].replace("/", "."), [])
            if path.suffix == ".py" or any(fnmatch(path.name, pattern) for pattern in patterns):
                files.add(name)
    return files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel built from a copy of the tree, with the setuptools that is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("graphc", "kernels", "frontends", "pyproject.toml", "setup.py"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("README.md", "LICENSE"):  # a licence file must lie inside the project
        (folder / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "out", "."]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (path,) = (folder / "out").glob("*.whl")
    return set(zipfile.ZipFile(path).namelist())


def test_the_wheel_holds_the_folders_and_nothing_else(wheel: set[str]) -> None:
    packaged = {name for name in wheel if ".dist-info/" not in name}
    assert packaged == expected_files()


def test_the_wheel_carries_the_licences(wheel: set[str]) -> None:
    licences = {name.partition(".dist-info/licenses/")[2] for name in wheel}
    assert {"LICENSE", "graphc/samples/SOURCES.md"} <= licences


def test_every_folder_with_code_is_a_package() -> None:
    for folder in import_names():
        for path in folder.rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), path.parent


def test_imports_keep_their_direction(tmp_path: Path) -> None:
    tree = tmp_path / "graphc"
    tree.mkdir()
    for path in (ROOT / "graphc").iterdir():
        (tree / path.name).symlink_to(path)
    for folder, target in import_names().items():
        if target != "graphc":
            (tmp_path / target).symlink_to(folder)
    done = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, str(ROOT / "pyproject.toml")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def product_files() -> list[Path]:
    return [path for folder in import_names() for path in sorted(folder.rglob("*.py"))]


def test_files_and_functions_stay_small() -> None:
    too_long = []
    for path in product_files():
        text = path.read_text()
        if len(text.splitlines()) >= MAX_FILE_LINES:
            too_long.append(f"{path.relative_to(ROOT)}: {len(text.splitlines())} lines")
        too_long += [
            f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and code_lines(node) >= MAX_FUNCTION_LINES
        ]
    assert not too_long, "\n".join(too_long)


def code_lines(function: ast.FunctionDef) -> int:
    """The lines from the first statement on: neither the signature nor the docstring counts."""
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return function.end_lineno - statements[0].lineno + 1 if statements else 0


def test_init_files_only_import() -> None:
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    for path in product_files():
        if path.name != "__init__.py":
            continue
        body = ast.parse(path.read_text()).body
        rest = [node for node in body if not isinstance(node, allowed)]
        assert all(isinstance(node, ast.Expr) for node in rest), path  # the docstring


def test_optional_dependencies_are_imported_when_used() -> None:
    optional = ["matplotlib", "PIL", "pandas", "pydot", "scipy.signal", "keras", "tensorflow"]
    code = f"import sys\nfrom graphc import keras\nprint(*sys.modules.keys() & set({optional}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert not done.stdout.split()
