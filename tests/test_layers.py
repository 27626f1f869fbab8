"""The layers import in one direction, and nothing that is private in scikit-learn.

    _machine -> losses -> terms -> design -> penalties -> problem -> solvers
    -> estimators -> inspection -> model_selection

A layer imports from itself and from those before it, and no modules import each other
in a circle, inside of functions neither. A .pxd is a module besides its .pyx, as it may
be cimported by what that imports.
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
    "model_selection",
]
ROOT = Path(sklearn_losses.__file__).parent
LONGEST = 60  # lines of a function: more than that are two
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
    source = re.sub(r'"""(?s:.*?)"""', "", source).replace("\\\n", " ")
    for match in _CYTHON.finditer(source):
        if match["source"]:
            names = re.sub(r"#[^\n]*", "", match["names"]).strip("() \n")
            for name in filter(None, map(str.strip, names.split(","))):
                yield match["kind"], match["source"], name.split()[0]
        else:
            for module in filter(None, map(str.strip, match["modules"].split(","))):
                yield match["plain"], module.split()[0], None


def _imports(source, suffix):
    return (_python_imports if suffix == ".py" else _cython_imports)(source)


def module_of(path):
    """The dotted name of a file; that of a .pxd ends with it, of a package in none."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    name = ".".join(part for part in parts if part != "__init__")
    return name + ".pxd" * (path.suffix == ".pxd")


def imported(sources):
    """The modules that each module imports, of those in a dict of names to sources.

    Parameters
    ----------
    sources : dict of str to (str, str)
        The text and the suffix of each.
    """
    graph = {}
    for module, (source, suffix) in sources.items():
        names = {f"{module}.pxd"} if suffix == ".pyx" else set()
        for kind, package, name in _imports(source, suffix):
            ending = ".pxd" if kind == "cimport" else ""
            inner = f"{package}.{name}{ending}"
            names.add(inner if inner in sources else package + ending)
        graph[module] = names & sources.keys() - {module}
    return graph


def circles(graph):
    """The groups of modules that import each other, each with a way around."""
    found, seen = [], set()
    for start in sorted(graph):
        ways = {name: [start, name] for name in sorted(graph[start])}
        queue = list(ways)
        for name in queue:  # which grows: the nearest come first
            for following in sorted(graph[name] - ways.keys()):
                ways[following] = [*ways[name], following]
                queue.append(following)
        if start in ways and start not in seen:
            found.append(" -> ".join(ways[start]))
            seen.update(ways[start])
    return found


def violations(source, layer, suffix):
    """The imports that a source of that layer may not have, as sentences.

    `layer` is None for the modules of the package's root, which may see all layers.
    """
    found = []
    for kind, module, name in _imports(source, suffix):
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


def test_no_modules_import_each_other():
    sources = {module_of(p): (p.read_text(encoding="utf-8"), p.suffix) for p in SOURCES}
    graph = imported(sources)
    assert sum(map(len, graph.values())) > len(graph)
    assert circles(graph) == []


LAZY = "def f():\n    from p.a import A\n"


@pytest.mark.parametrize(
    ("sources", "circle"),
    [
        ({"p.a": ("import p.b", ".py"), "p.b": (LAZY, ".py")}, "p.a -> p.b -> p.a"),
        (
            {
                "p.a": ("from p import b", ".py"),
                "p.b": ("from p.c cimport f", ".pyx"),
                "p.c.pxd": ("from p.d cimport g", ".pxd"),
                "p.d.pxd": ("from p.e import H", ".pxd"),
                "p.e": ("class C:\n    def f(self):\n        import p.a", ".py"),
                "p": ("from p.a import A", ".py"),
            },
            "p.a -> p.b -> p.c.pxd -> p.d.pxd -> p.e -> p.a",
        ),
        ({"p": ("from p.a import A", ".py"), "p.a": ("from p import A", ".py")}, "p"),
    ],
)
def test_circles_are_found(sources, circle):
    (found,) = circles(imported(sources))
    assert found.startswith(circle)


def _lines(function):
    """Of a function, without its docstring."""
    size = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        size -= function.body[0].end_lineno - function.body[0].lineno + 1
    return size


def test_functions_are_short():
    python = {p: ast.parse(p.read_text(encoding="utf-8")) for p in ROOT.rglob("*.py")}
    sizes = {
        f"{path.relative_to(ROOT)}: {node.name}": _lines(node)
        for path, tree in python.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    assert len(sizes) > 1000
    assert {name: size for name, size in sizes.items() if size > LONGEST} == {}


def test_a_header_is_no_circle():
    sources = {
        "p.a": ("from p.b cimport f", ".pyx"),
        "p.a.pxd": ('"""Use it thus:\n    from p import a\n"""', ".pxd"),
        "p.b.pxd": ("from p.a cimport T", ".pxd"),
    }
    assert circles(imported(sources)) == []


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
