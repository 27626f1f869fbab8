"""Norms of groups: features, or the classes of a feature, that are 0 together.

>>> import numpy as np
>>> from sklearn_losses import GroupLasso
>>> penalty = GroupLasso(groups=[[0, 1], [2, 3]], weights=None)
>>> penalty.prox([3.0, 4.0, 0.1, 0.2], alpha=1.0)
array([2.4, 3.2, 0. , 0. ])
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sklearn_losses._machine._params import (
    NONE,
    Instance,
    Interval,
    InvalidParameterError,
    Options,
)
from sklearn_losses._machine._typing import ArrayLike
from sklearn_losses.penalties._base import FeaturePenalty, Penalty, numbers
from sklearn_losses.penalties._names import in_order
from sklearn_losses.penalties._norms import BlockNorm
from sklearn_losses.penalties._price import Price

GROUPS = [Instance(object, "a list of lists of features, or a label for each feature")]
GROUP_WEIGHTS = [
    Options("sqrt"),
    NONE,
    Instance((list, tuple, np.ndarray), "an array of numbers >= 0"),
]


class GroupLasso(Penalty):
    """alpha sum over groups g of weights_g |w_g|_2: a group is 0 as a whole or not.

    With several classes each has groups of its own.

    Parameters
    ----------
    groups : list of list, or array-like of shape (n_features,)
        The features of each group, by index or, where X is a DataFrame, by name, each
        feature in one group; or the label of the group of each feature. A Series with
        names of features is in any order.
    weights : "sqrt", None or array-like of shape (n_groups,), default="sqrt"
        A number >= 0 for each group, in the order of `groups` or of the sorted labels;
        0: not penalised. "sqrt" is the root of the number of its features, with which
        large groups are as easily 0 as small ones; None: all are 1.

    References
    ----------
    Yuan and Lin 2006, "Model selection and estimation in regression with grouped
    variables", Journal of the Royal Statistical Society B 68.
    """

    _constraints = {"groups": GROUPS, "weights": GROUP_WEIGHTS}

    def __init__(self, groups: ArrayLike, weights: ArrayLike | None = "sqrt") -> None:
        self.groups = groups
        self.weights = weights

    def _norm(self, strength, n_features, names):
        owner = type(self).__name__
        label, n_groups = labels(owner, self.groups, n_features, names)
        if self.weights is None:
            weight = np.ones(n_groups)
        elif isinstance(self.weights, str):
            weight = np.sqrt(np.bincount(label, minlength=n_groups))
        else:
            weight = numbers(owner, "weights", self.weights, n_groups, "groups")
        return BlockNorm(label, strength * weight)

    def _price(self, alpha, n_features, names):
        return Price(norm=self._norm(alpha, n_features, names))


class SparseGroupLasso(GroupLasso):
    """A norm of groups, and an l1 norm within them.

    alpha (l1_ratio |w|_1 + (1 - l1_ratio) sum over groups g of weights_g |w_g|_2)

    Parameters
    ----------
    groups : list of list, or array-like of shape (n_features,)
        As of `GroupLasso`.
    l1_ratio : float, default=0.5
        The share of the l1 norm, in [0, 1].
    weights : "sqrt", None or array-like of shape (n_groups,), default="sqrt"
        As of `GroupLasso`.

    References
    ----------
    Simon, Friedman, Hastie and Tibshirani 2013, "A sparse-group lasso", Journal of
    Computational and Graphical Statistics 22.
    """

    _constraints = GroupLasso._constraints | {"l1_ratio": [Interval(0, 1, "both")]}

    def __init__(
        self,
        groups: ArrayLike,
        l1_ratio: float = 0.5,
        weights: ArrayLike | None = "sqrt",
    ) -> None:
        self.groups = groups
        self.l1_ratio = l1_ratio
        self.weights = weights

    def _price(self, alpha, n_features, names):
        norm = self._norm((1.0 - self.l1_ratio) * alpha, n_features, names)
        return Price(l1=alpha * self.l1_ratio, norm=norm)


class MultiTask(FeaturePenalty):
    """alpha sum_j weights_j |w_.j|_2: the coefficients of a feature for all classes.

    They are 0 together, so that a feature is used for all classes or for none. The
    classes have to share an objective, as with ``CrossEntropy()``.

    Parameters
    ----------
    weights : array-like of shape (n_features,), or dict of name to float, default=None
        Each >= 0; 0: not penalised. None: all are 1.

    References
    ----------
    Obozinski, Taskar and Jordan 2010, "Joint covariate selection and joint subspace
    selection for multiple classification problems", Statistics and Computing 20.
    """

    def _price(self, alpha, n_features, names):
        weight = alpha * np.ones(n_features) * self._weights(n_features, names)
        return Price(norm=BlockNorm(np.arange(n_features), weight, shares=True))


def labels(owner, groups, n_features, names):
    """The number of the group of each feature, and how many groups there are.

    Raises
    ------
    InvalidParameterError
        If they overlap or miss a feature; it names the feature.
    """
    start = f"The 'groups' parameter of {owner}"
    wanted = (
        "must be a list with the features of each group, or the label of the group of "
        f"each of the {n_features} features"
    )
    if isinstance(groups, (str, Mapping)) or not hasattr(groups, "__len__"):
        raise InvalidParameterError(f"{start} {wanted}. Got {groups!r} instead.")
    nested = [hasattr(g, "__len__") and not isinstance(g, str) for g in groups]
    if not any(nested):
        groups = in_order(start, groups, names)
        if len(groups) != n_features:
            raise InvalidParameterError(f"{start} {wanted}. Got {len(groups)} labels.")
        return _labels_of_each(start, groups)
    if not all(nested):
        raise InvalidParameterError(
            f"{start} {wanted}. Got {groups[nested.index(False)]!r} among lists."
        )
    return _labels_of_lists(start, groups, n_features, names), len(groups)


def _is_missing(label):
    try:
        return label is None or bool(label != label)
    except TypeError:  # of NA of pandas it is NA, too
        return True


def _labels_of_each(start, groups):
    for j, group in enumerate(groups):
        if _is_missing(group):
            raise InvalidParameterError(
                f"{start} has no label for the feature {j}: it is {group}. Give it a "
                "label, of its own if it is alone."
            )
    try:
        known, label = np.unique(np.asarray(groups), return_inverse=True)
    except TypeError:
        raise InvalidParameterError(
            f"{start} must have labels that can be compared, numbers or strings. Got "
            f"{groups!r}."
        ) from None
    return label, len(known)


def _labels_of_lists(start, groups, n_features, names):
    place = {} if names is None else {name: j for j, name in enumerate(names)}
    label = np.full(n_features, -1, dtype=np.intp)
    for g, features in enumerate(groups):
        for feature in features:
            j = place.get(feature, feature)
            is_index = Interval(0, n_features, "left", integer=True).allows(j)
            if not is_index:
                raise InvalidParameterError(
                    f"{start} has the feature {feature!r} in group {g}, and X has no "
                    f"such feature: it has {n_features}, by index from 0 on"
                    + (" or by name." if place else ".")
                )
            if label[j] >= 0:
                raise InvalidParameterError(
                    f"{start} has the feature {feature!r} in group {label[j]} and "
                    f"again in group {g}. Groups must not overlap: put it into one."
                )
            label[j] = g
    missing = np.flatnonzero(label < 0)
    if len(missing):
        name = int(missing[0]) if names is None else names[missing[0]]
        raise InvalidParameterError(
            f"{start} misses the feature {name!r}. Each must be in one group: add "
            "["
            f"{name!r}], with weight 0 if it should not be penalised."
        )
    return label
