"""Types: a program that checkers accept, and one whose marked lines they refuse.

scikit-learn and scipy have no types, which mypy has to be told, as here.
"""

import ast
import contextlib
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

import sklearn_losses as sl

PROGRAMS = Path(__file__).parent / "typed_programs"
RIGHT, WRONG = PROGRAMS / "right.py", PROGRAMS / "wrong.py"
CONFIG = """
[mypy]
strict = true

[mypy-scipy.*,sklearn.*]
ignore_missing_imports = true
"""
AN_ERROR = re.compile(r"(right|wrong|misspelt)\.py:(\d+):[\d -]* error: .*")


def _misspelt():
    """A program that calls all that is exported with a parameter that it has not.

    Parameters of any name are those of a loss that nobody knows yet.
    """
    lines = ["import sklearn_losses as sl"]
    for name in sl.__all__:
        with contextlib.suppress(ValueError):  # an exception has no signature
            parameters = inspect.signature(getattr(sl, name)).parameters.values()
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                lines.append(f"sl.{name}(no_such_parameter=1)  # wrong")
    return "\n".join(lines)


def _errors(folder, module, *options):
    """The errors that a checker finds in the programs, by their places."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    misspelt = folder / "misspelt.py"
    misspelt.write_text(_misspelt(), encoding="utf-8")
    # An editable install has no folder that a checker could look for.
    root = str(Path(sl.__file__).parents[1])
    paths = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    command = [
        sys.executable,
        "-m",
        module,
        *options,
        *map(str, (RIGHT, WRONG, misspelt)),
    ]
    found = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    errors = {}
    for e in AN_ERROR.finditer(found.stdout):
        errors.setdefault((e[1], int(e[2])), []).append(e[0])
    assert errors, found.stdout + found.stderr
    return errors


def _expect_marked_lines(errors):
    texts = {"wrong": WRONG.read_text(encoding="utf-8"), "misspelt": _misspelt()}
    marked = {
        (program, i): line
        for program, text in texts.items()
        for i, line in enumerate(text.splitlines(), 1)
        if "# wrong" in line
    }
    assert len(marked) > 250
    assert [found for place, found in errors.items() if place not in marked] == []
    assert [line for place, line in marked.items() if place not in errors] == []
    reason = re.compile("no_such_parameter|[Nn]o overload")
    misspelt = [place for place in marked if place[0] == "misspelt"]
    assert [p for p in misspelt if not reason.search(str(errors[p]))] == []


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
    assert [n for n in sl.__all__ if not re.search(rf"\b{n}\b", text)] == []


def _public_functions():
    """All that is exported, and the public methods of it that are written here."""
    for name in sl.__all__:
        exported = getattr(sl, name)
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


STUBS = sorted(Path(sl.__file__).parent.rglob("*.pyi"))


@pytest.mark.parametrize("path", STUBS, ids=lambda path: path.stem)
def test_a_stub_names_what_is_compiled(path):
    parts = path.relative_to(Path(sl.__file__).parents[1]).with_suffix("")
    module = importlib.import_module(".".join(parts.parts))
    for stub in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(stub, ast.ClassDef):
            functions = {f.name for f in stub.body if isinstance(f, ast.FunctionDef)}
            fields = {a.target.id for a in stub.body if isinstance(a, ast.AnnAssign)}
            found = {k for k in vars(getattr(module, stub.name)) if k[0] != "_"}
            assert functions - {"__init__"} <= found <= functions | fields
