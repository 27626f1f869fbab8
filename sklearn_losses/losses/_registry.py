"""Names of losses. The only place where a string becomes a loss.

>>> from sklearn_losses.losses import get_loss
>>> get_loss("huber", delta=2.0)
Huber(delta=2.0)
"""

import difflib

from sklearn_losses._machine._params import Options, check_parameter
from sklearn_losses.losses import (
    _binary,
    _censored,
    _counts,
    _distributions,
    _multiclass,
    _ordinal,
    _quantiles,
    _regression,
    _robust,
)
from sklearn_losses.losses._base import Loss


def _named(*families):
    """The losses in modules, by their names, in the order of the modules."""
    return {
        cls.name: cls
        for family in families
        for cls in vars(family).values()
        if isinstance(cls, type) and issubclass(cls, Loss) and cls.name is not None
    }


_CLASSES = _named(_regression, _robust, _counts, _binary, _multiclass)
_OF_OUTPUTS = _named(_distributions, _censored, _ordinal, _quantiles)


def loss_names(task=None):
    """The names of the losses.

    Parameters
    ----------
    task : {"regression", "binary", "multiclass", "ordinal"}, default=None
        Only the losses of that task; None means all but the last. Distributions and
        censored targets have names, too, which are not among these.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If there is no such task.
    """
    if task is not None:
        tasks = Options("regression", "binary", "multiclass", "ordinal")
        check_parameter("loss_names", "task", task, [tasks])
    classes = _OF_OUTPUTS if task == "ordinal" else _CLASSES
    return [n for n, cls in classes.items() if task is None or cls.task == task]


def get_loss(name, **parameters):
    """The loss of that name.

    Parameters
    ----------
    name : str
        One of `loss_names`, or of a distribution.
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
    classes = _CLASSES | _OF_OUTPUTS
    if not isinstance(name, str) or name not in classes:
        close = difflib.get_close_matches(str(name), classes)
        hint = (
            f"Did you mean {' or '.join(map(repr, close))}?"
            if close
            else f"Known are: {', '.join(_CLASSES)}."
        )
        raise ValueError(f"There is no loss named {name!r}. {hint}")
    return classes[name](**parameters)
