"""Linear models for any loss: a loss is an object, tuned, pickled and compiled."""

from sklearn_losses import inspection, losses, penalties, solvers
from sklearn_losses._machine._instruction_set import instruction_set
from sklearn_losses.estimators import (
    LinearClassifier,
    LinearMultiTask,
    LinearOrdinalClassifier,
    LinearRegressor,
    SGDClassifier,
    SGDRegressor,
    alpha_max,
    regularization_path,
)
from sklearn_losses.inspection import *  # noqa: F403
from sklearn_losses.losses import *  # noqa: F403
from sklearn_losses.penalties import *  # noqa: F403
from sklearn_losses.solvers import *  # noqa: F403

__version__ = "0.1.0.dev0"
__all__ = [
    *losses.__all__,
    *penalties.__all__,
    "LinearClassifier",
    "LinearMultiTask",
    "LinearOrdinalClassifier",
    "LinearRegressor",
    "SGDClassifier",
    "SGDRegressor",
    *solvers.__all__,
    "alpha_max",
    "regularization_path",
    *inspection.__all__,
    "instruction_set",
]
