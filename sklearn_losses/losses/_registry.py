"""Names of losses. The only place where a string becomes a loss.

>>> from sklearn_losses.losses import get_loss
>>> get_loss("huber", delta=2.0)
Huber(delta=2.0)
"""

import difflib

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
from sklearn_losses.losses._counts import (
    Gamma,
    InverseGaussian,
    NegativeBinomial,
    Poisson,
    Tweedie,
)
from sklearn_losses.losses._multiclass import (
    CrossEntropy,
    MulticlassHinge,
    MulticlassSquaredHinge,
    Sparsemax,
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

_CLASSES = {
    cls.name: cls
    for cls in (
        SquaredError,
        AbsoluteError,
        Quantile,
        SmoothQuantile,
        Expectile,
        Huber,
        PseudoHuber,
        LogCosh,
        EpsilonInsensitive,
        SquaredEpsilonInsensitive,
        Linex,
        AbsolutePercentageError,
        SquaredLogError,
        Fair,
        Cauchy,
        StudentT,
        GemanMcClure,
        Welsch,
        TukeyBiweight,
        Andrews,
        Hampel,
        Barron,
        Poisson,
        Gamma,
        InverseGaussian,
        Tweedie,
        NegativeBinomial,
        LogLoss,
        Hinge,
        Perceptron,
        SquaredHinge,
        SmoothHinge,
        ModifiedHuber,
        Exponential,
        Focal,
        GeneralizedCrossEntropy,
        PolyLoss,
        Savage,
        Tangent,
        Sigmoid,
        CrossEntropy,
        MulticlassHinge,
        MulticlassSquaredHinge,
        Sparsemax,
    )
}


def loss_names(task=None):
    """The names of the losses.

    Parameters
    ----------
    task : {"regression", "binary", "multiclass"}, default=None
        Only the losses of that task; None means all.

    Returns
    -------
    list of str
    """
    return [n for n, cls in _CLASSES.items() if task is None or cls.task == task]


def get_loss(name, **parameters):
    """The loss of that name.

    Parameters
    ----------
    name : str
        One of `loss_names`.
    **parameters
        Of the class: ``get_loss("huber", delta=2.0)`` is ``Huber(delta=2.0)``.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        If there is no loss of that name; it says which names are close.
    """
    if not isinstance(name, str) or name not in _CLASSES:
        close = difflib.get_close_matches(str(name), _CLASSES)
        hint = (
            f"Did you mean {' or '.join(map(repr, close))}?"
            if close
            else f"Known are: {', '.join(_CLASSES)}."
        )
        raise ValueError(f"There is no loss named {name!r}. {hint}")
    return _CLASSES[name](**parameters)
