"""docs/ is what the code says: the catalogue, and examples and recipes that run."""

import doctest
import importlib.util
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from sklearn_losses import (
    LinearRegressor,
    SGDRegressor,
    check_loss,
    describe,
)
from sklearn_losses.losses import get_loss, loss_names

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def maker():
    """docs/make_catalogue.py as a module."""
    path = DOCS / "make_catalogue.py"
    spec = importlib.util.spec_from_file_location("make_catalogue", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_catalogue_is_up_to_date(maker):
    committed = (DOCS / "catalogue.md").read_text(encoding="utf-8")
    assert committed == maker.catalogue(), "Run: python docs/make_catalogue.py"


def test_every_loss_has_one_row_with_all_columns(maker):
    lines = [line for line in maker.catalogue().splitlines() if line.startswith("| `")]
    cells = [line.replace(r"\|", "").strip("|").split(" | ") for line in lines]
    assert {len(row) for row in cells} == {len(maker.COLUMNS)}
    assert sorted(row[1].strip("`") for row in cells) == sorted(loss_names())


@pytest.mark.parametrize("name", loss_names())
def test_every_loss_has_a_formula(maker, name):
    text = maker.formula(type(get_loss(name)))
    assert any(sign in text for sign in "()^/")
    assert 5 < len(text) < 90


@pytest.mark.parametrize("name", ["architecture", "penalties"])
@pytest.mark.usefixtures("registry")
def test_the_examples_run(name):
    found = doctest.testfile(str(DOCS / f"{name}.md"), module_relative=False)
    assert found.attempted > 10
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
    assert check_loss("power").passed
    assert "convex" in str(describe("power"))
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = X @ [1.0, -2.0]
    model = LinearRegressor("power", penalty="l1", alpha=0.01).fit(X, y)
    assert 0.0 <= model.gap_ <= 1e-5 * model.objective_
    assert pickle.loads(pickle.dumps(model)).loss_.power == 1.5
    grid = {"loss": [power.Power()], "loss__power": [1.2, 2.0]}
    search = GridSearchCV(SGDRegressor("power"), grid, cv=2).fit(X, y)
    np.testing.assert_allclose(search.best_estimator_.coef_, [1.0, -2.0], atol=0.01)
