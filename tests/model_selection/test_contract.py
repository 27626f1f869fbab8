"""scikit-learn's contract of LossSearchCV."""

import pytest
from sklearn import config_context

from sklearn_losses import (
    LinearClassifier,
    LinearRegressor,
    LogLoss,
    LossSearchCV,
    SquaredError,
)
from tests.contract import each_check

ESTIMATORS = [
    LossSearchCV(
        LinearRegressor(), [SquaredError()], scoring="r2", alphas=[0.1, 0.01], cv=2
    ),
    LossSearchCV(LinearClassifier(), [LogLoss()], alphas=[0.1, 0.01], cv=2),
]


@pytest.mark.filterwarnings("ignore")
@each_check(ESTIMATORS)
def test_scikit_learn_check(estimator, check, routing):
    with config_context(enable_metadata_routing=routing):
        check(estimator)
