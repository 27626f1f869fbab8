"""Names of losses. The only place where a string becomes a loss.

>>> from sklearn_losses.losses import get_loss
>>> get_loss("huber", delta=2.0)
Huber(delta=2.0)
"""

import difflib

from sklearn_losses._machine._params import Options, check_parameter
from sklearn_losses.losses import (
    _binary,
    _counts,
    _multiclass,
    _ranking,
    _regression,
    _robust,
    _survival,
)
from sklearn_losses.losses._base import Loss

# In the order of the families, and of their files.
FAMILIES = _regression, _robust, _counts, _binary, _multiclass, _ranking, _survival
TASKS = "regression", "binary", "multiclass", "ranking", "survival"
_CLASSES = {
    cls.name: cls
    for family in FAMILIES
    for cls in vars(family).values()
    if isinstance(cls, type) and issubclass(cls, Loss) and cls.name is not None
}


def loss_names(task=None):
    """The names of the losses.

    Parameters
    ----------
    task : {"regression", "binary", "multiclass", "ranking", "survival"}, default=None
        Only the losses of that task; None means all.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If there is no such task.
    """
    if task is not None:
        check_parameter("loss_names", "task", task, [Options(*TASKS)])
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
