"""The pages in docs/ are what the code says, and list all of it."""

import ast
import doctest
import importlib.util
import inspect
import pickle
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

import sklearn_losses
from sklearn_losses.losses import (
    AnchorLoss,
    GroupLoss,
    Loss,
    PairLoss,
    PointLoss,
    RowLoss,
    TripletLoss,
    get_loss,
    loss_names,
)
from sklearn_losses.losses._custom import CustomLoss

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def module(name):
    """A file of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def maker():
    return module("make_catalogue")


def test_the_committed_catalogue_is_up_to_date(maker):
    committed = (DOCS / "catalogue.md").read_text(encoding="utf-8")
    assert committed == maker.catalogue(), "Run: python docs/make_catalogue.py"


def test_every_loss_has_one_row_with_all_columns(maker):
    lines = [line for line in maker.catalogue().splitlines() if line.startswith("| `")]
    cells = [line.replace(r"\|", "").strip("|").split(" | ") for line in lines]
    whole = [row for row in cells if len(row) == len(maker.COLUMNS)]
    brief = [row for row in cells if len(row) == len(maker.BRIEF)]
    assert len(whole) + len(brief) == len(cells)
    assert sorted(row[1].strip("`") for row in whole) == sorted(loss_names())
    named = {row[0].strip(" `").partition("(")[0] for row in cells}
    public = [c for c in vars(sklearn_losses).values() if inspect.isclass(c)]
    every = [c for c in public if issubclass(c, Loss) and vars(c).get("name")]
    assert named >= {cls.__name__ for cls in every}


@pytest.mark.parametrize("name", loss_names())
def test_every_loss_has_a_formula(maker, name):
    text = maker.formula(type(get_loss(name)))
    assert any(sign in text for sign in "()^/")
    assert 5 < len(text) < 90


PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_of_a_page(page, monkeypatch, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found = doctest.testfile(str(page), module_relative=False, optionflags=FLAGS)
    assert found.failed == 0


@pytest.fixture
def power(tmp_path, monkeypatch, registry):
    """The loss of docs/architecture.md, in a file of its own."""
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    lines = [example.source for example in doctest.DocTestParser().get_examples(text)]
    recipe = "".join(lines[: 1 + next(i for i, s in enumerate(lines) if "@" in s)])
    assert recipe.count("\n") <= 15
    (tmp_path / "power_loss.py").write_text(recipe, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("power_loss")
    del sys.modules["power_loss"]


def test_the_recipe_of_a_loss(power):
    assert get_loss("power", power=2.5).power == 2.5
    assert "power" in loss_names("regression")
    assert sklearn_losses.check_loss("power").passed
    assert "convex" in str(sklearn_losses.describe("power"))
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = X @ [1.0, -2.0]
    model = sklearn_losses.LinearRegressor("power", penalty="l1", alpha=0.01).fit(X, y)
    assert 0.0 <= model.gap_ <= 1e-5 * model.objective_
    assert pickle.loads(pickle.dumps(model)).loss_.power == 1.5
    grid = {"loss": [power.Power()], "loss__power": [1.2, 2.0]}
    search = GridSearchCV(sklearn_losses.SGDRegressor("power"), grid, cv=2).fit(X, y)
    np.testing.assert_allclose(search.best_estimator_.coef_, [1.0, -2.0], atol=0.01)


@pytest.mark.parametrize("folder", ["losses", "inspection", "model_selection"])
def test_the_map_of_a_large_folder_has_all_its_modules(folder):
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = [n.replace("...", ".+") for n in re.findall(r"`(_[\w.]+)`", text)]
    package = Path(sklearn_losses.__file__).parent / folder
    modules = {p.stem for end in ("py", "pyx") for p in package.glob(f"_[!_]*.{end}")}
    assert [
        m for m in sorted(modules) if not any(re.fullmatch(n, m) for n in named)
    ] == []


def test_every_page_is_in_a_table_of_contents():
    text = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("*.md"))
    tables = "".join(re.findall(r"```{toctree}\n(.*?)```", text, re.DOTALL))
    listed = {re.sub(r".*<|>", "", line).strip() for line in tables.splitlines()}
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert pages <= listed, f"Add to docs/guide.md: {sorted(pages - listed)}"
    assert "search" not in pages, "Sphinx writes a page of that name: use another"


def test_every_public_name_is_on_the_page_of_the_reference():
    api = module("make_api")
    on_page = [name for names in api.sections().values() for name in names]
    assert sorted(on_page) == sorted(sklearn_losses.__all__)
    assert set(on_page) == set(re.findall(r"^   (\w+)$", api.text(), re.MULTILINE))


@pytest.mark.parametrize("name", sorted(sklearn_losses.__all__))
def test_every_public_name_says_what_it_is(name):
    first = (inspect.getdoc(getattr(sklearn_losses, name)) or "").split("\n\n")[0]
    assert 5 < len(first) < 250


LOSSES = [
    name
    for name in sklearn_losses.__all__
    if inspect.isclass(cls := getattr(sklearn_losses, name))
    and issubclass(cls, Loss)
    and not issubclass(cls, CustomLoss)
    and cls
    not in (Loss, PointLoss, RowLoss, GroupLoss, PairLoss, TripletLoss, AnchorLoss)
]


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_says_what_it_estimates_and_when_to_take_it(name):
    cls = getattr(sklearn_losses, name)
    text = inspect.getdoc(cls)
    flat = " ".join(text.split())
    assert re.search(r"It estimates .+ Take it .+ Do not .+", flat)
    sections = {"See Also", "Examples"}
    sections |= {"Parameters"} if inspect.signature(cls).parameters else set()
    sections |= {"References"} if cls.name in loss_names() else set()
    missing = {s for s in sections if f"\n{s}\n{'-' * len(s)}\n" not in text}
    assert not missing, missing
    see_also = re.search(r"See Also\n-+\n(.*?)\n\n", text, re.DOTALL)[1]
    assert set(re.findall(r"^(\w+) :", see_also, re.MULTILINE)) <= {*LOSSES} - {name}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("plot_*.py")), ids=lambda path: path.stem
)
def test_an_example_of_the_gallery_has_a_title_and_shows_its_picture(path):
    text = path.read_text(encoding="utf-8")
    title, line = ast.get_docstring(ast.parse(text)).splitlines()[:2]
    assert line == "=" * len(title)
    assert "plt.show()" in text
    assert "__file__" not in text, "sphinx-gallery knows no __file__"


@pytest.mark.parametrize("name", ["SGDRanker", "SGDSurvival"])
def test_docstrings_of_groups_are_of_groups(name):
    estimator = getattr(sklearn_losses, name)
    for absent in (
        "pa1",
        "ersus rest",
        "intercept_",
        "n_jobs",
        "n_classes",
        "lipschitz",
    ):
        assert absent not in estimator.__doc__
    described = re.findall(r"^    (\w+) : ", estimator.__doc__, re.MULTILINE)
    parameters = inspect.signature(estimator).parameters
    assert (
        described[: len(parameters)] == [*dict.fromkeys(described)][: len(parameters)]
    )
    assert set(parameters) <= set(described)
