"""Losses of pairs, of triplets, and of an anchor among all other rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_losses._machine._params import (
    BOOLEAN,
    Interval,
    Options,
)
from sklearn_losses.losses._binary import LogLoss
from sklearn_losses.losses._ranking import PairwiseHinge, PairwiseLogistic
from sklearn_losses.losses._tuples import AnchorLoss, PairLoss, TripletLoss

POSITIVE = [Interval(0, None, "neither")]
NEAR_0 = 1e-12  # of a squared margin: what a distance, whose slope is, is never below
LOG_LOSS = LogLoss()


class Contrastive(PairLoss):
    """same * d^2 + (1 - same) * max(0, margin - d)^2, of a distance d.

    Rows of one class are drawn together, and others are pushed apart until the margin
    is between them. Convex in the squared distance.

    It estimates a map in which distances below the margin mean one class. Take it for
    verification: where a distance has to be compared with one number for all. Do not
    take it where classes are wide and only neighbours matter: `TripletMargin` leaves
    rows of one class where they are.

    Parameters
    ----------
    margin : float, default=1.0
        The distance that rows of different classes should have.
    mining : {"k_nearest", "all"}, default="k_nearest"
        Which pairs labels make; see `PairLoss`.
    n_neighbors : int, default=3
        How many nearest ones.

    See Also
    --------
    LogisticPair : The distance between both kinds is fitted.
    TripletMargin : Distances are compared with each other alone.

    References
    ----------
    Hadsell, Chopra and LeCun 2006, "Dimensionality reduction by learning an invariant
    mapping".

    Examples
    --------
    >>> from sklearn_losses import Contrastive
    >>> Contrastive(margin=2.0).value([1, 0], [4.0, 1.0])
    array([4., 1.])
    """

    name = "contrastive"
    _constraints = {"margin": POSITIVE} | PairLoss._constraints

    def __init__(
        self, margin: float = 1.0, mining: str = "k_nearest", n_neighbors: int = 3
    ) -> None:
        super().__init__(mining, n_neighbors)
        self.margin = margin

    def _distance(self, squared_distance):
        return np.sqrt(squared_distance + NEAR_0 * self.margin**2)

    def _value(self, same: Any, squared_distance: Any) -> Any:
        missing = np.maximum(0.0, self.margin - self._distance(squared_distance))
        return np.where(same, squared_distance, missing**2)

    def _gradient(self, same: Any, squared_distance: Any) -> Any:
        d = self._distance(squared_distance)
        return np.where(same, 1.0, -np.maximum(0.0, self.margin - d) / d)


class LogisticPair(PairLoss):
    """log(1 + exp(d^2 - b)) of a pair of one class, log(1 + exp(b - d^2)) of others.

    The logistic regression of "the same?" on the squared distance, whose threshold b is
    fitted beside the map. Convex in both.

    It estimates log-odds: b - d^2 are those that a pair is of one class. Take it where
    probabilities of pairs are wanted, or a convex metric with a proof of its end. Do
    not take it where one class is far more spread than others: there is one threshold.

    Parameters
    ----------
    threshold : "mle" or float, default="mle"
        The squared distance at which a pair is as likely of one class as not. "mle": it
        is fitted.
    mining : {"k_nearest", "all"}, default="k_nearest"
        Which pairs labels make; see `PairLoss`.
    n_neighbors : int, default=3
        How many nearest ones.

    See Also
    --------
    Contrastive : A margin that is given.

    References
    ----------
    Guillaumin, Verbeek and Schmid 2009, "Is that you? Metric learning approaches for
    face identification" (LDML).

    Examples
    --------
    >>> from sklearn_losses import LogisticPair
    >>> LogisticPair(threshold=2.0).value([1, 0], [2.0, 5.0]).round(3)
    array([0.693, 0.049])
    """

    name = "logistic_pair"
    lipschitz, smoothness = 1.0, 0.25
    _constraints = {
        "threshold": [Options("mle"), Interval(0, None, "left")]
    } | PairLoss._constraints

    def __init__(
        self,
        threshold: float | str = "mle",
        mining: str = "k_nearest",
        n_neighbors: int = 3,
    ) -> None:
        super().__init__(mining, n_neighbors)
        self.threshold = threshold

    def at(self, threshold: float) -> LogisticPair:
        """This loss with that threshold."""
        return LogisticPair(float(threshold), self.mining, self.n_neighbors)

    def _raw(self, squared_distance):
        if self.fits_threshold:
            raise ValueError(
                "LogisticPair(threshold='mle') is no function yet. Give it a number, "
                "or see loss_ of a fitted LinearEmbedding."
            )
        return self.threshold - squared_distance

    def _value(self, same: Any, squared_distance: Any) -> Any:
        return _in_shape(LOG_LOSS.value, same, self._raw(squared_distance))

    def _gradient(self, same: Any, squared_distance: Any) -> Any:
        return -_in_shape(LOG_LOSS.gradient, same, self._raw(squared_distance))


def _in_shape(function, y, raw):
    """A function of points, of arrays of any shape."""
    y = np.broadcast_to(np.asarray(y, dtype=np.float64), np.shape(raw))
    return function(y.ravel(), np.ravel(raw)).reshape(np.shape(raw))


class TripletMargin(TripletLoss):
    """max(0, margin + near - far) of squared distances; soft: log(1 + exp(...)).

    Of triplets: a row (the anchor) should be nearer to one of its class than to one of
    another, by a margin. With mining="k_nearest" it is LMNN, with the penalty in place
    of its pull. Convex if squared.

    It estimates a map in which a row's neighbours are of its class. Take it before a
    classifier of nearest neighbours, and wherever only the order of distances is known.
    Do not take it to compare distances with one threshold for all rows: `Contrastive`
    and `LogisticPair` do that.

    Parameters
    ----------
    margin : float, default=1.0
        By how much the far one should be further away.
    soft : bool, default=False
        Whether the corner is rounded, so that triplets beyond the margin count a
        little, too.
    squared : bool, default=True
        Whether distances are squared, as in LMNN and FaceNet. False: as they are, which
        is not convex.
    mining : {"k_nearest", "semi_hard", "all"}, default="k_nearest"
        Which triplets labels make; see `TripletLoss`. "all" takes O(n^2 log n), and
        forms none of them: the loss is the mean over anchors of the mean over the
        triplets of each, and `n_tuples_` counts the anchors.
    n_neighbors : int, default=3
        How many nearest ones of the own class.

    See Also
    --------
    NCA : Without a margin and without a choice of neighbours.
    Contrastive : Distances that are comparable between rows.

    References
    ----------
    Weinberger and Saul 2009, "Distance metric learning for large margin nearest
    neighbor classification"; Schroff, Kalenichenko and Philbin 2015, "FaceNet";
    Hermans, Beyer and Leibe 2017, "In defense of the triplet loss".

    Examples
    --------
    >>> from sklearn_losses import TripletMargin
    >>> TripletMargin(margin=1.0).value([1.0, 1.0], [1.5, 4.0])
    array([0.5, 0. ])
    >>> TripletMargin(soft=True).value([1.0], [2.0]).round(3)
    array([0.693])
    """

    name = "triplet_margin"
    _constraints = {
        "margin": POSITIVE,
        "soft": [BOOLEAN],
        "squared": [BOOLEAN],
    } | TripletLoss._constraints

    def __init__(
        self,
        margin: float = 1.0,
        soft: bool = False,
        squared: bool = True,
        mining: str = "k_nearest",
        n_neighbors: int = 3,
    ) -> None:
        super().__init__(mining, n_neighbors)
        self.margin = margin
        self.soft = soft
        self.squared = squared

    _width = 0.0  # over which the corner is smoothed

    @property
    def convex(self) -> bool:  # type: ignore
        return bool(self.squared)

    @property
    def differentiable(self) -> bool:  # type: ignore
        return bool(self.soft)

    @property
    def lipschitz(self) -> float:  # type: ignore
        return 1.0 if self.squared else np.inf

    @property
    def smoothness(self) -> float:  # type: ignore
        return 0.25 if self.soft and self.squared else np.inf

    def softened(self, h: float) -> TripletMargin:
        found = TripletMargin(**self.get_params())
        found._width = h * self.margin
        return found

    def _size(self, squared_distance):
        """What is compared, of squared distances, and its slope."""
        if self.squared:
            return squared_distance, 1.0
        d = np.sqrt(squared_distance + NEAR_0 * self.margin**2)
        return d, 0.5 / d

    def _of_excess(self, t):
        """The loss of margin + near - far, and its slope."""
        if self.soft:
            value = _in_shape(LOG_LOSS.value, 0.0, t)
            return value, _in_shape(LOG_LOSS.gradient, 0.0, t)
        if self._width == 0.0:
            return np.maximum(t, 0.0), np.where(t > 0, 1.0, 0.0)
        slope = np.clip(t / self._width, 0.0, 1.0)
        return slope * (t - 0.5 * self._width * slope), slope

    def _value(self, near: Any, far: Any) -> Any:
        t = self.margin + self._size(near)[0] - self._size(far)[0]
        return self._of_excess(t)[0]

    def _gradient(self, near: Any, far: Any) -> Any:
        (near, to_near), (far, to_far) = self._size(near), self._size(far)
        slope = self._of_excess(self.margin + near - far)[1]
        return slope * to_near, -slope * to_far

    def _of_anchors(self, same, score):
        """Of all triplets of an anchor, whose scores are minus squared distances.

        They are the pairs of a ranking: the rows of its class should come first.
        """
        distance, slope = self._size(np.maximum(-score, 0.0))
        is_other = np.isfinite(score)
        distance = np.where(is_other, distance, 0.0)
        scale = 1.0 if self.soft else self.margin
        ranking = PairwiseLogistic() if self.soft else PairwiseHinge()
        raw = -distance / scale
        raw = raw - self.margin * same if self.soft else raw
        value, gradient = ranking.value_gradient(
            np.ravel(same),
            raw.ravel(),
            np.repeat(np.arange(len(score)), score.shape[1]),
            1.0 * is_other.ravel(),
        )
        return scale * value, gradient.reshape(score.shape) * slope


class NCA(AnchorLoss):
    """1 - P, of the probability P that a softmax of -d^2 chooses the own class.

    Neighbourhood components analysis: an anchor chooses one of the other rows, the
    nearer the likelier. Its mean is one minus scikit-learn's objective, over n. Not
    convex; no row is preferred beforehand, and outliers cost at most 1.

    It estimates a map in which a row's neighbours are of its class. Take it before a
    classifier of nearest neighbours, by default. Do not take it for many rows at once,
    for it looks at all pairs: take `SGDEmbedding`, or `TripletMargin`.

    Parameters
    ----------
    log : bool, default=False
        Whether it is -log P, to which rows that are far from their class matter most.

    See Also
    --------
    TripletMargin : A margin, of few neighbours.
    SupCon : Of all rows of the class, and not of the nearest.

    References
    ----------
    Goldberger, Hinton, Roweis and Salakhutdinov 2005, "Neighbourhood components
    analysis".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import NCA
    >>> NCA().value([[0, 1, 0]], [[-np.inf, -1.0, -1.0]])
    array([0.5])
    """

    name = "nca"
    convex = False
    _constraints = {"log": [BOOLEAN]}

    def __init__(self, log: bool = False) -> None:
        self.log = log

    @property
    def _kind(self) -> str:  # type: ignore
        return "likelihood" if self.log else "probability"


class _Temperature(AnchorLoss):
    """What losses of scores with a temperature share."""

    _constraints = {
        "temperature": POSITIVE,
        "similarity": [Options("cosine", "dot", "distance")],
    }

    def __init__(self, temperature: float = 0.1, similarity: str = "cosine") -> None:
        self.temperature = temperature
        self.similarity = similarity

    @property
    def convex(self) -> bool:  # type: ignore
        return self.similarity != "cosine"


class InfoNCE(_Temperature):
    """-log(e_p / (e_p + N)), its mean over the rows p of the class, e = exp(score).

    N is the sum over the rows of other classes: each row of the class is compared with
    them alone (NT-Xent with labels). With similarity="dot" and temperature=1.0 it is
    the N-pair loss. Convex in L'L, but for the cosine.

    It estimates scores whose exp is in proportion to how likely two rows are of one
    class. Take it with `SGDEmbedding` where classes have few rows: two views of one,
    a question and its answer. Do not take it where labels are often wrong: its slopes
    have no bound but the temperature.

    Parameters
    ----------
    temperature : float, default=0.1
        What scores are divided by: the lower, the more the nearest of other classes
        matter.
    similarity : {"cosine", "dot", "distance"}, default="cosine"
        What scores are: the cosine of embedded rows, which then have length 1; their
        product; or minus their squared distance.

    See Also
    --------
    SupCon : The other rows of the class are in the sum, too.
    NCA : The class as a whole.

    References
    ----------
    Sohn 2016, "Improved deep metric learning with multi-class N-pair loss objective";
    Van den Oord, Li and Vinyals 2018, "Representation learning with contrastive
    predictive coding".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import InfoNCE
    >>> InfoNCE().value([[0, 1, 0]], [[-np.inf, 2.0, 2.0]]).round(3)
    array([0.693])
    """

    name = "info_nce"
    _kind = "each_positive"


class SupCon(_Temperature):
    """log(sum of e) - the mean score of the rows of the class, e = exp(score).

    The supervised contrastive loss in its "out" form. Its minimum is the logarithm of
    how many rows of the class there are. Convex in L'L, but for the cosine.

    It estimates a map in which all rows of a class are at one place. Take it with
    `SGDEmbedding`, as in deep learning. Do not take it where a class has several
    clusters: `NCA` leaves them apart.

    Parameters
    ----------
    temperature : float, default=0.1
        What scores are divided by: the lower, the more the nearest rows matter.
    similarity : {"cosine", "dot", "distance"}, default="cosine"
        What scores are: the cosine of embedded rows, which then have length 1; their
        product; or minus their squared distance.

    See Also
    --------
    InfoNCE : Each row of the class against those of others.
    NCA : Near rows of the class are enough.

    References
    ----------
    Khosla and others 2020, "Supervised contrastive learning".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import SupCon
    >>> SupCon().value([[0, 1, 1]], [[-np.inf, 2.0, 2.0]]).round(3)
    array([0.693])
    """

    name = "sup_con"
    _kind = "supervised"
