"""Names of losses. The only place where a string becomes a loss.

Those of this package stand in its classes; `register_loss` adds others.

>>> from sklearn_losses.losses import get_loss
>>> get_loss("huber", delta=2.0)
Huber(delta=2.0)
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from sklearn_losses._machine._params import Options, check_parameter
from sklearn_losses.losses import (
    _binary,
    _binary_curves,
    _bounded,
    _boxes,
    _censored,
    _counts,
    _distributions,
    _label_ranking,
    _multiclass,
    _ordinal,
    _quantiles,
    _ranking,
    _ranking_steps,
    _regression,
    _robust,
    _survival,
    _tuple_losses,
    _zeros,
)
from sklearn_losses.losses._base import Loss

TASKS = (
    *("regression", "binary", "multiclass"),
    *("ordinal", "boxes", "multilabel", "ranking", "survival", "embedding"),
)
# Whose losses are no others with a single raw prediction.
APART = "ordinal", "boxes", "multilabel", "embedding"


def _named(*families):
    """The losses in modules, by names of their own, in the order of the modules."""
    return {
        cls.name: cls
        for family in families
        for cls in vars(family).values()
        if isinstance(cls, type) and issubclass(cls, Loss) and vars(cls).get("name")
    }


# In the order of the families, and of their files.
_CLASSES = _named(
    *(_regression, _robust, _counts, _binary, _binary_curves),
    *(_multiclass, _ranking, _ranking_steps, _survival),
)
# Those with several raw predictions.
_OF_OUTPUTS = _named(
    *(_distributions, _censored, _zeros, _bounded, _ordinal, _quantiles, _boxes),
    _label_ranking,
)
_OF_TUPLES = _named(_tuple_losses)
_OTHERS = _OF_OUTPUTS | _OF_TUPLES

A_LOSS = TypeVar("A_LOSS", bound=Loss)


def loss_names(task: str | None = None) -> list[str]:
    """The names of the losses.

    Parameters
    ----------
    task : {"regression", "binary", "multiclass", "ordinal", "boxes", "multilabel", \
            "ranking", "survival", "embedding"}, default=None
        Only the losses of that task; None means all but "ordinal", "boxes",
        "multilabel" and "embedding".
        Distributions and censored targets have names, too, which are not among these.

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
    is_other = task in APART
    classes = _CLASSES | (_OTHERS if is_other else {})
    return [n for n, cls in classes.items() if task is None or cls.task == task]


def get_loss(name: str, **parameters: Any) -> Loss:
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
    classes = _CLASSES | _OTHERS
    if not isinstance(name, str) or name not in classes:
        close = difflib.get_close_matches(str(name), classes)
        hint = (
            f"Did you mean {' or '.join(map(repr, close))}?"
            if close
            else f"Known are: {', '.join(_CLASSES)}."
        )
        raise ValueError(f"There is no loss named {name!r}. {hint}")
    return classes[name](**parameters)


def register_loss(name: str) -> Callable[[type[A_LOSS]], type[A_LOSS]]:
    """Give a class of your own a name, which then stands for it wherever a loss may.

    A class decorator: ``@register_loss("power")`` above the class makes
    ``SGDRegressor("power")`` a model with its default parameters.

    Parameters
    ----------
    name : str
        A new name, in letters, digits and underscores.

    Returns
    -------
    callable
        A function of the class, which gets the attribute `name` and is returned. It is
        derived from `PointLoss` or `RowLoss`; see there for what it is made of. All of
        its parameters have defaults.

    Raises
    ------
    TypeError
        If it is no such class, it has no formulas, or a parameter has no default.
    ValueError
        If there is another loss of that name, the class has a name already, or its task
        is none.

    Notes
    -----
    A name is known where the module that registers it has been imported. Other
    processes may not have imported it, as those of ``GridSearchCV(n_jobs=2)``; an
    object, such as ``Power()``, brings its module with it.

    To register a class again under its name, as a cell that is run twice does, replaces
    it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import LinearRegressor, PointLoss, register_loss
    >>> @register_loss("quartic")
    ... class Quartic(PointLoss):
    ...     def _value(self, y_true, raw_prediction):
    ...         return 0.25 * (raw_prediction - y_true) ** 4
    ...     def _gradient(self, y_true, raw_prediction):
    ...         return (raw_prediction - y_true) ** 3
    >>> X = np.linspace(-1.0, 1.0, 50)[:, np.newaxis]
    >>> LinearRegressor("quartic", penalty=None).fit(X, 3.0 * X[:, 0]).coef_.round(1)
    array([3.])
    """
    if not (isinstance(name, str) and name.isidentifier()):
        given = name.__name__ if isinstance(name, type) else repr(name)
        raise TypeError(
            "register_loss needs a name of letters, digits and underscores, as in "
            f'@register_loss("my_loss") above the class. Got {given}.'
        )

    def register(cls):
        _check_class(name, cls)
        _check_default(name, cls())
        cls.name = name
        _CLASSES[name] = cls
        return cls

    return register


def _check_class(name, cls):
    """Refuse what a name cannot stand for."""
    caller = f"register_loss({name!r})"
    if not (isinstance(cls, type) and issubclass(cls, Loss)):
        hint = ": not an instance, the class" if isinstance(cls, Loss) else ""
        raise TypeError(
            f"{caller} takes a class that derives from PointLoss or RowLoss. Got "
            f"{cls!r}{hint}."
        )
    known = (_CLASSES | _OTHERS).get(name, cls)
    if _full_name(known) != _full_name(cls):
        raise ValueError(
            f"There is a loss named {name!r} already, {_full_name(known)}. Use another "
            f"name for {_full_name(cls)}."
        )
    own = vars(cls).get("name")
    if own not in (None, name):
        raise ValueError(
            f"{cls.__name__} has the name {own!r} already. For another name derive a "
            "class from it."
        )
    for parameter in inspect.signature(cls).parameters.values():
        is_open = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if parameter.default is parameter.empty and not is_open:
            raise TypeError(
                f"{caller} needs a class whose parameters have defaults, since the "
                f"name stands for {cls.__name__}(). Its parameter {parameter.name!r} "
                "has none."
            )


def _check_default(name, loss):
    """Refuse a class whose instances solvers could not use."""
    if loss.task not in TASKS:
        raise ValueError(
            f"register_loss({name!r}) needs a task among "
            f"{', '.join(map(repr, TASKS))}. That of {type(loss).__name__} is "
            f"{loss.task!r}."
        )
    loss.at_scale(1.0).checked()


def _full_name(cls):
    return f"{cls.__module__}.{cls.__qualname__}"
