"""docs/catalogue.md and docs/penalties.md are what the code says."""

import doctest
import importlib.util
from pathlib import Path

import pytest

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


def test_the_examples_of_penalties():
    found = doctest.testfile(str(DOCS / "penalties.md"), module_relative=False)
    assert found.attempted > 10
    assert found.failed == 0


def test_the_examples_of_the_search():
    found = doctest.testfile(str(DOCS / "search.md"), module_relative=False)
    assert found.attempted > 8
    assert found.failed == 0
