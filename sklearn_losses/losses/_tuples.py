"""What a loss of tuples of embedded rows is: of pairs, triplets, or anchors.

A tuple loss says what distances between rows should be, and a map that makes them so is
learned: by `LinearEmbedding` and `SGDEmbedding`. Squared distances are what it is of,
for those of a linear map L are linear in L'L.

>>> from sklearn_losses.losses import Contrastive, TripletMargin
>>> Contrastive(margin=2.0).value([1, 0, 0], [0.5, 1.0, 9.0])  # same, distance^2
array([0.5, 1. , 0. ])
>>> TripletMargin(margin=1.0).value([1.0, 1.0], [1.5, 3.0])  # near, far
array([0.5, 0. ])

To write one of your own, derive from `PairLoss`, `TripletLoss` or `AnchorLoss` and
write its formulas in numpy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_losses._machine._params import (
    Interval,
    Options,
    check_parameters,
)
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._anchors import KINDS, of_anchors
from sklearn_losses.losses._base import Loss

NEIGHBORS = [Interval(1, None, "left", integer=True)]


class TupleLoss(Loss):
    """What losses of tuples share. Derive from `PairLoss` and the like.

    Attributes
    ----------
    of : {"pairs", "triplets", "anchors"}
        What a tuple is.
    similarity : {"distance", "dot", "cosine"}
        What of two embedded rows it is a function of.
    """

    granularity = "tuple"
    task = "embedding"
    of = "pairs"
    similarity = "distance"
    estimates = "distances"
    symmetric = False

    @property
    def mined(self) -> str:
        """Which tuples labels make: "all", or which of them."""
        return getattr(self, "mining", "all")

    @property
    def fits_threshold(self) -> bool:
        """Whether a distance is fitted beside the map."""
        return getattr(self, "threshold", None) == "mle"

    def checked(self) -> Any:
        """The loss itself, once its parameters are what they may be."""
        check_parameters(self, self._constraints)
        for name in ("_value", "_gradient"):
            if getattr(self, name) is None:
                raise TypeError(
                    f"{type(self).__name__} has no formula {name}: write it, in numpy."
                )
        return self

    def softened(self, h: float) -> TupleLoss:
        """This loss, with its kinks, if any, smoothed from below over h."""
        return self

    def _of_sorted(self, score, first, last, weight):
        """Values of anchors, and slopes; rows first to last are of their class.

        The weights of rows are for softmaxes, in which a row may count as several.
        """
        column = np.arange(score.shape[1])
        same = (column >= first[:, None]) & (column < last[:, None])
        return self._of_anchors(1.0 * (same & np.isfinite(score)), score)

    # What other losses have, and one of tuples has not.
    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{type(self).__name__} is a loss of {self.of}, of which single rows have "
            "none: it has value and gradient, and is no part of another loss. "
            "LinearEmbedding and SGDEmbedding fit it."
        )

    compiled = curvature = hessian = conjugate = minimum = optimal_constant = _refuse
    inverse_link = value_gradient = check_targets = _refuse
    __add__ = __radd__ = __mul__ = __rmul__ = __sub__ = __truediv__ = _refuse
    has_conjugate = False

    def split_weight(self) -> tuple[Loss, float]:
        return self, 1.0

    # ---------------------------------------------------------- for the user
    def value(self, first: ArrayLike, second: ArrayLike) -> Array:  # type: ignore
        """The loss of each tuple.

        Parameters
        ----------
        first, second : array-like
            Of pairs: 1 where they belong together and 0 where not, and their squared
            distances, of shape (n_pairs,). Of triplets: the squared distances to the
            near and to the far one, of shape (n_triplets,). Of anchors: which rows
            belong to each, and the scores of all rows, of shape (n_anchors, n_rows),
            -inf that of the anchor itself.

        Returns
        -------
        ndarray of shape (n_tuples,)

        Raises
        ------
        ValueError
            If shapes do not fit, or an entry is not what it must be.
        """
        return self.checked()._value(*self._arguments(first, second))

    def gradient(self, first: ArrayLike, second: ArrayLike) -> Any:  # type: ignore
        """The derivatives of `value` by the squared distances, or scores.

        Parameters and errors are those of `value`.

        Returns
        -------
        ndarray of their shape, or two of them of a loss of triplets
        """
        return self.checked()._gradient(*self._arguments(first, second))

    def mean(self, first: ArrayLike, second: ArrayLike) -> float:  # type: ignore
        """The mean of `value`, whose parameters and errors it has.

        Returns
        -------
        float
        """
        return float(np.mean(self.value(first, second)))

    def __call__(self, first: Any, second: Any, *args: Any, **kwargs: Any) -> float:
        """The mean of the loss; see `mean`."""
        return self._refuse() if args or kwargs else self.mean(first, second)

    def _arguments(self, first, second):
        first = np.asarray(first, dtype=np.float64)
        second = np.asarray(second, dtype=np.float64)
        if first.shape != second.shape:
            raise ValueError(
                f"{type(self).__name__} needs two arrays of one shape. Got the shapes "
                f"{first.shape} and {second.shape}."
            )
        if self.of != "triplets" and not np.isin(first, (0, 1)).all():
            raise ValueError(
                f"{type(self).__name__} needs 1 for rows that belong together, and 0 "
                f"for others. Got {first[~np.isin(first, (0, 1))][0]}."
            )
        for distance in (second,) if self.of == "pairs" else (first, second):
            if self.of != "anchors" and not (distance >= 0).all():
                raise ValueError("Squared distances must be >= 0.")
        return first, second


class PairLoss(TupleLoss):
    """A loss of pairs: of their squared distance, and whether they belong together.

    Derive from it, and write ``_value(self, same, squared_distance)`` and
    ``_gradient``, the derivative by the squared distance: functions of numpy arrays of
    any one shape, where `same` is 1.0 or 0.0. Attributes say whether it is `convex` in
    the squared distance (then fits have a `gap_`) and `differentiable`.

    Parameters
    ----------
    mining : {"k_nearest", "all"}, default="k_nearest"
        Which pairs labels make: each row with its nearest of the own class and of the
        others, sought anew while distances change; or all there are.
    n_neighbors : int, default=3
        How many nearest ones.

    See Also
    --------
    Contrastive : A margin between distances.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import LinearEmbedding, PairLoss
    >>> class Exponential(PairLoss):
    ...     def _value(self, same, squared_distance):
    ...         return np.where(same, squared_distance, np.exp(-squared_distance))
    ...     def _gradient(self, same, squared_distance):
    ...         return np.where(same, 1.0, -np.exp(-squared_distance))
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> model = LinearEmbedding(1, loss=Exponential()).fit(X, X[:, 1] > 0)
    >>> model.score(X, X[:, 1] > 0) > 0.9
    True
    """

    _constraints = {
        "mining": [Options("k_nearest", "all")],
        "n_neighbors": NEIGHBORS,
    }

    def __init__(self, mining: str = "k_nearest", n_neighbors: int = 3) -> None:
        self.mining = mining
        self.n_neighbors = n_neighbors


class TripletLoss(TupleLoss):
    """A loss of triplets: an anchor's squared distances to a near and to a far row.

    Derive from it, and write ``_value(self, near, far)`` and ``_gradient``, the pair of
    the derivatives by either: functions of numpy arrays of any one shape.

    Parameters
    ----------
    mining : {"k_nearest", "semi_hard", "all"}, default="k_nearest"
        Which triplets labels make. "k_nearest": each row with its nearest of the own
        class, which stay, and the nearest of the others, sought anew while distances
        change. "semi_hard": of these the nearest one that is further away than the near
        one. "all": all there are, of `TripletMargin` alone.
    n_neighbors : int, default=3
        How many nearest ones of the own class.

    See Also
    --------
    TripletMargin : A margin between both.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import TripletLoss
    >>> class Ratio(TripletLoss):
    ...     convex = False
    ...     def _value(self, near, far):
    ...         return near / (near + far + 1.0)
    ...     def _gradient(self, near, far):
    ...         total = near + far + 1.0
    ...         return (far + 1.0) / total**2, -near / total**2
    >>> Ratio().value([1.0], [2.0])
    array([0.25])
    """

    of = "triplets"
    _constraints = {
        "mining": [Options("k_nearest", "semi_hard", "all")],
        "n_neighbors": NEIGHBORS,
    }

    def __init__(self, mining: str = "k_nearest", n_neighbors: int = 3) -> None:
        self.mining = mining
        self.n_neighbors = n_neighbors

    def _of_anchors(self, same, score):
        raise ValueError(
            f"{type(self).__name__}(mining='all') cannot be fitted, because it would "
            "form n^3 triplets. Use mining='k_nearest', or TripletMargin(mining='all')."
        )


class AnchorLoss(TupleLoss):
    """A loss of anchors: of the scores that all rows have for one of them.

    Derive from it, and write ``_value(self, same, score)``, of shape (n_anchors,), and
    ``_gradient``, of the shape of `score`: functions of numpy arrays. `same` is 1.0
    where a row is of the class of the anchor, and the anchor's own score is -inf: it
    has `same` 0.0, and its exp is 0.

    Attributes
    ----------
    similarity : {"distance", "dot", "cosine"}
        What scores are, times the temperature: minus the squared distance, the product
        of embedded rows, or that of rows of length 1.
    temperature : float
        What scores are divided by.

    See Also
    --------
    NCA : The probability of an anchor's class.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import AnchorLoss
    >>> class Choice(AnchorLoss):  # as NCA
    ...     convex = False
    ...     def _share(self, score):
    ...         e = np.exp(score - score.max(axis=1, keepdims=True))
    ...         return e / e.sum(axis=1, keepdims=True)
    ...     def _value(self, same, score):
    ...         return 1.0 - (same * self._share(score)).sum(axis=1)
    ...     def _gradient(self, same, score):
    ...         share = self._share(score)
    ...         return share * ((same * share).sum(axis=1, keepdims=True) - same)
    >>> Choice().value([[0, 1, 0]], [[-np.inf, -1.0, -1.0]])
    array([0.5])
    """

    of = "anchors"
    temperature: float = 1.0
    _kind: str | None = None  # of the compiled formulas

    def _value(self, same: Any, score: Any) -> Any:
        return self._of_anchors(same, score)[0]

    def _gradient(self, same: Any, score: Any) -> Any:
        return self._of_anchors(same, score)[1]

    def checked(self) -> Any:
        own = type(self)._value is not AnchorLoss._value
        if self._kind is None and not own:
            raise TypeError(
                f"{type(self).__name__} has no formulas: write _value and _gradient, "
                "in numpy."
            )
        return super().checked()

    def _of_anchors(self, same, score):
        """Values of anchors, and their slopes by the scores, of rows in any order."""
        if type(self)._value is not AnchorLoss._value:
            return self._value(same, score), self._gradient(same, score)
        order = np.argsort(same == 0, axis=1, kind="stable")
        last = (same != 0).sum(axis=1).astype(np.intp)
        value, found = self._of_sorted(
            np.take_along_axis(score, order, axis=1),
            np.zeros_like(last),
            last,
            np.ones(score.shape[1]),
        )
        slopes = np.empty(score.shape)
        np.put_along_axis(slopes, order, found, axis=1)
        return value, slopes

    def _of_sorted(self, score, first, last, weight):
        """The same where rows of a class follow each other, from first to last."""
        if type(self)._value is not AnchorLoss._value:
            return super()._of_sorted(score, first, last, weight)
        value, slopes = np.empty(len(score)), np.empty(score.shape)
        of_anchors(KINDS[self._kind], score, weight, first, last, value, slopes)
        return value, slopes
