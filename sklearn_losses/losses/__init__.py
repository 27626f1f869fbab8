"""Losses: what a model pays for a prediction. See :class:`Loss`."""

# isort: off
from sklearn_losses._machine._instruction_set import with_chosen_build

__path__ = with_chosen_build(__path__, __name__)
# isort: on

from sklearn_losses._machine._params import Interval, InvalidParameterError
from sklearn_losses.losses._base import (
    Loss,
    PointLoss,
    RowLoss,
)
from sklearn_losses.losses._binary import (
    Exponential,
    Focal,
    GeneralizedCrossEntropy,
    Hinge,
    LogLoss,
    ModifiedHuber,
    Perceptron,
    PolyLoss,
    Savage,
    Sigmoid,
    SmoothHinge,
    SquaredHinge,
    Tangent,
)
from sklearn_losses.losses._combine import (
    Asymmetric,
    LabelSmoothing,
    Scaled,
    Sum,
    Truncated,
)
from sklearn_losses.losses._counts import (
    Gamma,
    InverseGaussian,
    NegativeBinomial,
    Poisson,
    Tweedie,
)
from sklearn_losses.losses._custom import (
    CFunctionLoss,
    NumpyLoss,
)
from sklearn_losses.losses._links import (
    IdentityLink,
    Link,
    Log1pLink,
    LogitLink,
    LogLink,
    ProbabilityLink,
    RowLink,
    SoftmaxLink,
    SparsemaxLink,
)
from sklearn_losses.losses._multiclass import (
    CrossEntropy,
    MulticlassHinge,
    MulticlassSquaredHinge,
    Sparsemax,
)
from sklearn_losses.losses._registry import (
    get_loss,
    loss_names,
)
from sklearn_losses.losses._regression import (
    AbsoluteError,
    AbsolutePercentageError,
    EpsilonInsensitive,
    Expectile,
    Huber,
    Linex,
    LogCosh,
    PseudoHuber,
    Quantile,
    SmoothQuantile,
    SquaredEpsilonInsensitive,
    SquaredError,
    SquaredLogError,
)
from sklearn_losses.losses._robust import (
    Andrews,
    Barron,
    Cauchy,
    Fair,
    GemanMcClure,
    Hampel,
    StudentT,
    TukeyBiweight,
    Welsch,
)

__all__ = [
    "AbsoluteError",
    "AbsolutePercentageError",
    "Andrews",
    "Asymmetric",
    "Barron",
    "CFunctionLoss",
    "Cauchy",
    "CrossEntropy",
    "EpsilonInsensitive",
    "Expectile",
    "Exponential",
    "Fair",
    "Focal",
    "Gamma",
    "GemanMcClure",
    "GeneralizedCrossEntropy",
    "Hampel",
    "Hinge",
    "Huber",
    "IdentityLink",
    "Interval",
    "InvalidParameterError",
    "InverseGaussian",
    "LabelSmoothing",
    "Linex",
    "Link",
    "Log1pLink",
    "LogCosh",
    "LogLink",
    "LogLoss",
    "LogitLink",
    "Loss",
    "ModifiedHuber",
    "MulticlassHinge",
    "MulticlassSquaredHinge",
    "NegativeBinomial",
    "NumpyLoss",
    "Perceptron",
    "PointLoss",
    "Poisson",
    "PolyLoss",
    "ProbabilityLink",
    "PseudoHuber",
    "Quantile",
    "RowLink",
    "RowLoss",
    "Savage",
    "Scaled",
    "Sigmoid",
    "SmoothHinge",
    "SmoothQuantile",
    "SoftmaxLink",
    "Sparsemax",
    "SparsemaxLink",
    "SquaredEpsilonInsensitive",
    "SquaredError",
    "SquaredHinge",
    "SquaredLogError",
    "StudentT",
    "Sum",
    "Tangent",
    "Truncated",
    "TukeyBiweight",
    "Tweedie",
    "Welsch",
    "get_loss",
    "loss_names",
]
