"""The search over families of losses."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_losses import (
    AbsoluteError,
    Barron,
    Focal,
    Gamma,
    LogLoss,
    Poisson,
    PseudoHuber,
    SquaredError,
    StoredBlocks,
    Truncated,
    search_loss,
)
from sklearn_losses.model_selection._search_loss import usual_families
from tests.model_selection.test_tuned import LABELS, THREE, X, Y

FAMILIES = {
    SquaredError(): {},
    PseudoHuber(): {"loss__delta": (0.05, 20.0, "log")},
    Barron(): {"loss__alpha": (-4.0, 2.0)},
}


def test_families_are_ranked():
    y = Y.copy()
    y[::9] += 30.0
    found = search_loss(X, y, PseudoHuber(), families=FAMILIES, max_fits=40, cv=3)
    metrics = [row["metric"] for row in found.table]
    assert metrics == sorted(metrics)
    assert found.table[-1]["loss"] == "SquaredError()"
    assert not found.table[-1]["tied"]
    assert found.table[0]["behind"] == found.table[0]["error"] == 0.0
    assert found.n_fits <= 40
    best = found.best_estimator_
    assert_allclose(best.best_score_, metrics[0])
    assert str(best.loss_) == found.table[0]["loss"]
    lines = str(found).splitlines()
    assert len(lines) == 4
    assert lines[1].endswith(found.table[0]["loss"])


def test_usual_families():
    assert {type(one).__name__ for one in usual_families(np.exp(Y), True)} >= {
        "Gamma",
        "Tweedie",
        "SplineLoss",
    }
    assert not any(isinstance(one, Poisson) for one in usual_families(Y, True))
    assert any(isinstance(one, Focal) for one in usual_families(LABELS, False))


def test_labels_have_a_metric():
    found = search_loss(X, LABELS, families={LogLoss(): {}}, max_fits=10, cv=3)
    assert found.best_estimator_.predict_proba(X).shape == (160, 2)
    found = search_loss(X, THREE, max_fits=16, cv=3)
    assert len(found.table) == 2


def test_what_cannot_be_fitted_is_left_out():
    kinked = Truncated(AbsoluteError())
    families = {kinked: {}, Gamma(): {}, SquaredError(): {}}
    settings = dict(families=families, max_fits=30, cv=3)
    with pytest.warns(UserWarning, match=r"left out Truncated.*, Gamma\(\)"):
        found = search_loss(X, Y, AbsoluteError(), **settings)
    assert sorted(found.failed) == ["Gamma()", repr(kinked)]
    assert len(found.table) == 1


def test_bad_input():
    with pytest.raises(ValueError, match="needs a metric"):
        search_loss(X, Y)
    with pytest.raises(ValueError, match="must be at least 20 for 3 families"):
        search_loss(X, Y, AbsoluteError(), families=FAMILIES, max_fits=9)
    with pytest.raises(ValueError, match="could fit no family: Gamma"):
        search_loss(X, Y, AbsoluteError(), families={Gamma(): {}})
    nothing, families = np.full_like(Y, np.nan), {Gamma(): {}, Poisson(): {}}
    with pytest.raises(ValueError, match=r"family: Gamma\(\), Poisson\(\): .*") as said:
        search_loss(X, nothing, AbsoluteError(), families=families)
    assert str(said.value).count("NaN") == 1  # one reason, said once
    with pytest.raises(TypeError, match="rows that are at hand"):
        search_loss(StoredBlocks.arrays(X, Y, n_rows=50), None)
    with pytest.raises(ValueError, match=r"must be a dict of a loss to what"):
        search_loss(X, Y, AbsoluteError(), families=[SquaredError()])
