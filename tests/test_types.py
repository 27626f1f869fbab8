"""Types: a program that checkers accept, and one whose marked lines they refuse.

scikit-learn and scipy have no types, which mypy has to be told, as here.
"""

import ast
import importlib
import importlib.util
import inspect
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_losses

PROGRAMS = Path(__file__).parent / "typed_programs"
RIGHT, WRONG = PROGRAMS / "right.py", PROGRAMS / "wrong.py"
CONFIG = """
[mypy]
strict = true

[mypy-scipy.*,sklearn.*]
ignore_missing_imports = true
"""
AN_ERROR = re.compile(r"(right|wrong)\.py:(\d+):[\d -]* error: .*")


def _errors(folder, module, *options):
    """The errors that a checker finds in the programs, by their places."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    # An editable install has no folder that a checker could look for.
    root = str(Path(sklearn_losses.__file__).parents[1])
    paths = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", module, *options, str(RIGHT), str(WRONG)]
    found = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    errors = {(e[1], int(e[2])): e[0] for e in AN_ERROR.finditer(found.stdout)}
    assert errors, found.stdout + found.stderr
    return errors


def _expect_marked_lines(errors):
    lines = WRONG.read_text(encoding="utf-8").splitlines()
    marked = {("wrong", i) for i, line in enumerate(lines, 1) if "# wrong" in line}
    assert len(marked) > 50
    assert [error for place, error in errors.items() if place not in marked] == []
    assert [lines[i - 1] for _, i in sorted(marked - errors.keys())] == []


def test_mypy(tmp_path):
    (tmp_path / "mypy.ini").write_text(CONFIG, encoding="utf-8")
    _expect_marked_lines(_errors(tmp_path, "mypy", "--cache-dir", "cache"))


@pytest.mark.thorough  # it reads the source of scikit-learn
def test_pyright(tmp_path):
    options = "--level", "error", "--pythonpath", sys.executable
    _expect_marked_lines(_errors(tmp_path, "basedpyright", *options))


@pytest.mark.usefixtures("registry")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_right_program_runs():
    assert "merged" in runpy.run_path(str(RIGHT))  # its last line


def test_all_names_are_used():
    text = RIGHT.read_text(encoding="utf-8")
    assert [n for n in sklearn_losses.__all__ if not re.search(rf"\b{n}\b", text)] == []


def _public_functions():
    """All that is exported, and the public methods of it that are written here."""
    for name in sklearn_losses.__all__:
        exported = getattr(sklearn_losses, name)
        if not inspect.isclass(exported):
            yield name, exported
            continue
        for member in dir(exported):
            found = inspect.getattr_static(exported, member)
            found = getattr(found, "fget", None) or getattr(found, "__func__", found)
            found = getattr(found, "fn", found)  # of available_if
            is_public = not member.startswith("_") or member in ("__init__", "__call__")
            if not (is_public and inspect.isfunction(found)):
                continue
            if found.__module__.startswith("sklearn_losses."):
                yield f"{name}.{member}", found


def _untyped(function):
    """What a signature has no type for."""
    if function.__name__ == "<lambda>":  # of a property, whose base has one
        return
    signature = inspect.signature(function)
    for name, parameter in signature.parameters.items():
        if parameter.annotation is parameter.empty and name not in ("self", "cls"):
            yield name
    if signature.return_annotation is signature.empty:
        yield "what it returns"


def test_public_signatures_are_complete():
    missing = {name: list(_untyped(function)) for name, function in _public_functions()}
    assert len(missing) > 500
    assert {name: what for name, what in missing.items() if what} == {}


STUBS = sorted(Path(sklearn_losses.__file__).parent.rglob("*.pyi"))


@pytest.mark.parametrize("path", STUBS, ids=lambda path: path.stem)
def test_a_stub_names_what_is_compiled(path):
    parts = path.relative_to(Path(sklearn_losses.__file__).parents[1]).with_suffix("")
    module = importlib.import_module(".".join(parts.parts))
    for stub in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(stub, ast.ClassDef):
            functions = {f.name for f in stub.body if isinstance(f, ast.FunctionDef)}
            fields = {a.target.id for a in stub.body if isinstance(a, ast.AnnAssign)}
            found = {k for k in vars(getattr(module, stub.name)) if k[0] != "_"}
            assert functions - {"__init__"} <= found <= functions | fields
