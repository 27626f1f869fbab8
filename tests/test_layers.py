"""The layers import in one direction, and nothing that is private in scikit-learn.

    _machine -> losses -> terms -> design -> penalties -> problem -> solvers
    -> estimators -> inspection

A layer imports from itself and from those before it.
"""

import ast
import re
from pathlib import Path

import pytest

import sklearn_losses

LAYERS = [
    "_machine",
    "losses",
    "terms",
    "design",
    "penalties",
    "problem",
    "solvers",
    "estimators",
    "inspection",
]
ROOT = Path(sklearn_losses.__file__).parent
SOURCES = sorted(p for s in ("*.py", "*.pyx", "*.pxd") for p in ROOT.rglob(s))

_CYTHON = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<source>[\w.]+)[ \t]+(?P<kind>c?import)[ \t]+"
    r"(?P<names>\([^)]*\)|[^\n#;]*)"
    r"|(?P<plain>c?import)[ \t]+(?P<modules>[^\n#;]*))",
    re.MULTILINE,
)


def _python_imports(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield "import", alias.name, None
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield "import", "." * node.level + (node.module or ""), alias.name


def _cython_imports(source):
    source = source.replace("\\\n", " ")
    for match in _CYTHON.finditer(source):
        if match["source"]:
            names = re.sub(r"#[^\n]*", "", match["names"]).strip("() \n")
            for name in filter(None, map(str.strip, names.split(","))):
                yield match["kind"], match["source"], name.split()[0]
        else:
            for module in filter(None, map(str.strip, match["modules"].split(","))):
                yield match["plain"], module.split()[0], None


def violations(source, layer, suffix):
    """The imports that a source of that layer may not have, as sentences.

    `layer` is None for the modules of the package's root, which may see all layers.
    """
    imports = _python_imports if suffix == ".py" else _cython_imports
    found = []
    for kind, module, name in imports(source):
        statement = f"{kind} {module}" + (f": {name}" if name else "")
        package, *path = [*module.split("."), *([name] if name else [])]
        if module.startswith("."):
            found.append(f"{statement} is relative")
        elif package == "sklearn_losses" and layer is not None:
            allowed = LAYERS[: LAYERS.index(layer) + 1]
            if not path or path[0] not in allowed:
                found.append(f"{statement} is not of a layer up to {layer}")
        elif package == "sklearn" and any(part.startswith("_") for part in path):
            found.append(f"{statement} is private")
        if kind == "cimport" and package in ("numpy", "sklearn", "scipy"):
            found.append(f"{statement} binds to a release of {package}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports(path):
    parts = path.relative_to(ROOT).parts
    layer = parts[0] if len(parts) > 1 else None
    assert layer is None or layer in LAYERS
    assert violations(path.read_text(encoding="utf-8"), layer, path.suffix) == []


def test_there_is_something_to_test():
    assert {p.suffix for p in SOURCES} == {".py", ".pyx", ".pxd"}
    assert {"losses", "design", "solvers", "estimators"} <= {
        p.relative_to(ROOT).parts[0] for p in SOURCES
    }


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("losses", "from sklearn_losses.design._rows import Rows"),
        ("losses", "from sklearn_losses import solvers"),
        ("losses", "import sklearn_losses.estimators"),
        ("losses", "def f():\n    import sklearn_losses.solvers.sgd._sgd as sgd"),
        ("design", "import numpy as np, sklearn_losses.estimators as e"),
        ("solvers", "from sklearn_losses import SGDRegressor"),
        ("solvers", "import sklearn_losses"),
        ("estimators", "from sklearn._loss.loss import HuberLoss"),
        ("estimators", "from sklearn.utils import (\n    check_array,\n    _x,\n)"),
        ("estimators", "from sklearn.utils._param_validation import Interval"),
        ("estimators", "import sklearn.linear_model._base"),
        ("inspection", "from sklearn import _config"),
    ],
)
@pytest.mark.parametrize("suffix", [".py", ".pyx"])
def test_violations_are_found(layer, source, suffix):
    assert len(violations(source, layer, suffix)) == 1


def test_relative_imports_are_found():
    assert violations("from ._base import Loss", "losses", ".py")
    assert violations("from ._math cimport expit", "losses", ".pyx")


@pytest.mark.parametrize(
    "source",
    [
        "cimport numpy as cnp",
        "cimport cython, numpy",
        "from numpy cimport ndarray",
        "from scipy.linalg cimport cython_blas",
        "from sklearn.utils cimport murmurhash",
        "from sklearn_losses.solvers.sgd._sgd cimport (\n    Schedule,  # the rate\n)",
        "from sklearn_losses.losses cimport \\\n    _points\nfrom sklearn_losses \\\n"
        "    cimport solvers",
    ],
)
def test_cimports_are_found(source):
    assert len(violations(source, "design", ".pyx")) == 1


@pytest.mark.parametrize(
    ("layer", "source", "suffix"),
    [
        ("inspection", "from sklearn_losses.estimators import SGDRegressor", ".py"),
        ("design", "from sklearn_losses.losses import Huber", ".py"),
        ("losses", "from sklearn_losses.losses cimport _points, _table", ".pyx"),
        ("losses", "import numpy as np\nfrom libc.math cimport exp", ".pyx"),
        ("losses", "from sklearn.base import BaseEstimator", ".py"),
        (None, "from sklearn_losses.estimators import *", ".py"),
    ],
)
def test_other_imports_are_allowed(layer, source, suffix):
    assert violations(source, layer, suffix) == []
