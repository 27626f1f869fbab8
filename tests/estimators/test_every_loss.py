"""Every loss of the catalogue in fit and partial_fit, on dense and on CSR rows."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_losses import SGDClassifier, SGDRegressor
from tests.cases import CLASSIFICATION_LOSSES, LOSSES, REGRESSION_LOSSES, each, targets

N, D = 120, 5
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)) * (RNG.random((N, D)) < 0.7)
SETTINGS = dict(learning_rate="constant", eta0=1e-4, alpha=1e-3, shuffle=False)


def model_and_targets(loss, n_classes=3):
    if loss.task == "regression":
        return SGDRegressor(loss=loss, **SETTINGS), targets(loss, RNG, N)
    return SGDClassifier(loss=loss, **SETTINGS), RNG.integers(0, n_classes, size=N)


def partial(model, rows, y):
    classes = {} if model.__class__ is SGDRegressor else {"classes": np.unique(y)}
    for start in range(0, N, 40):
        model.partial_fit(rows[start : start + 40], y[start : start + 40], **classes)
    return model


@pytest.mark.filterwarnings("ignore:.*diverged")  # exponentials of far targets
@each(LOSSES)
def test_fit_and_partial_fit_dense_and_csr(loss):
    model, y = model_and_targets(loss)
    model.set_params(max_iter=1, tol=None).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert np.abs(model.coef_).max() > 0
    for other in (
        model_and_targets(loss)[0]
        .set_params(max_iter=1, tol=None)
        .fit(sparse.csr_array(X), y),
        partial(model_and_targets(loss)[0], X, y),
        partial(model_and_targets(loss)[0], sparse.csr_matrix(X), y),
    ):
        scale = np.abs(model.coef_).max()
        np.testing.assert_allclose(other.coef_, model.coef_, atol=1e-12 * scale)
        np.testing.assert_allclose(
            other.intercept_, model.intercept_, rtol=1e-9, atol=1e-12 * scale
        )


@each(REGRESSION_LOSSES)
def test_a_small_step_lowers_the_objective(loss):
    y = np.ones(N) if loss.domain.low >= -1 else X @ np.arange(D)
    model = SGDRegressor(loss=loss, **SETTINGS).set_params(eta0=1e-7, penalty=None)
    model.partial_fit(X, y)
    after = loss.mean(y, X @ model.coef_ + model.intercept_)
    assert after <= loss.mean(y, np.zeros(N))
    if loss.domain.low >= 0:
        assert model.predict(X).min() > 0


@each(CLASSIFICATION_LOSSES)
def test_classes_are_learned(loss):
    labels = np.arange(N) % 3
    rows = 4 * np.eye(3, D)[labels] + 0.1 * RNG.normal(size=(N, D))
    for y in (labels, np.minimum(labels, 1)):
        model = SGDClassifier(loss=loss, learning_rate="constant", eta0=0.01)
        model.set_params(max_iter=300, tol=None, random_state=0).fit(rows, y)
        raw = model.decision_function(rows)
        if raw.ndim == 1 and loss.granularity == "row":
            raw = np.stack([np.zeros(N), raw], axis=1)
        columns = range(3) if raw.ndim == 2 and loss.granularity == "point" else [None]
        for k in columns:
            own, target = (raw, y) if k is None else (raw[:, k], y == k)
            assert loss.mean(target, own) < 0.5 * loss.mean(target, -own)
        assert hasattr(model, "predict_proba") == loss.probabilistic
        if loss.probabilistic:
            probability = model.predict_proba(rows)
            np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-12)
