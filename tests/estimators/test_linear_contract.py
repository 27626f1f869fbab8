"""scikit-learn's contract of LinearRegressor and LinearClassifier: no exception."""

from collections import Counter

import pytest
from sklearn import config_context
from sklearn.utils.estimator_checks import check_estimator

from sklearn_losses import (
    MCP,
    CrossEntropy,
    Exponential,
    Hinge,
    Huber,
    LinearClassifier,
    LinearRegressor,
    LogLoss,
    Poisson,
    Quantile,
    Sparsemax,
    SquaredError,
    TukeyBiweight,
)
from tests.contract import each_check

ESTIMATORS = [
    LinearRegressor(),
    *(
        LinearRegressor(loss=loss)
        for loss in (
            Quantile(0.4),
            Huber(),
            Poisson(),
            TukeyBiweight(scale=10.0),
        )
    ),
    LinearRegressor(loss=SquaredError(), penalty="l1"),
    LinearRegressor(loss=Huber(), penalty="elasticnet", positive=True),
    LinearRegressor(loss=Quantile(0.4), penalty=None, solver="lbfgs"),
    LinearRegressor(penalty=MCP(), bounds=(-1.0, 10.0)),
    LinearClassifier(),
    *(
        LinearClassifier(loss=loss)
        for loss in (
            Hinge(),
            Exponential(),
            CrossEntropy(),
        )
    ),
    # So curved that its coefficients are determined to more digits than its objective.
    LinearClassifier(loss=Sparsemax(), alpha=0.1, tol=1e-10),
    LinearClassifier(loss=LogLoss(), penalty="l1", n_jobs=2),
    LinearClassifier(loss=LogLoss(), class_weight="balanced", warm_start=True),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_check(ESTIMATORS)
def test_scikit_learn_check(estimator, check, routing):
    with config_context(enable_metadata_routing=routing):
        check(estimator)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", [LinearRegressor(), LinearClassifier()], ids=repr)
def test_that_the_checks_ran(estimator):
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    counts = Counter(result["status"] for result in results)
    assert counts["failed"] == counts["xfail"] == 0
    assert counts["passed"] >= 55
