"""LinearEmbedding: a map in which distances say what belongs together."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.linalg import eigh
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_losses._machine._params import (
    BOOLEAN,
    NONE,
    SEED,
    Instance,
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses._machine._typing import (
    Array,
    ArrayLike,
    BaseEstimator,
    Labels,
    Matrix,
    Seed,
)
from sklearn_losses.design._points import Points
from sklearn_losses.design._structure import refuse_collection
from sklearn_losses.estimators._parameters import resolve_loss
from sklearn_losses.estimators._validation import (
    ROWS,
    check_weights,
    unchanged_on_error,
    warn_caller,
)
from sklearn_losses.estimators.embedding._threshold import threshold_of
from sklearn_losses.estimators.embedding._tuple_data import (
    is_tuples,
    read_data,
    read_index,
    same_of_pairs,
)
from sklearn_losses.estimators.scores._embedding import (
    knn_accuracy_score,
    pair_auc_score,
)
from sklearn_losses.losses import Loss
from sklearn_losses.problem._embedding import EmbeddingObjective
from sklearn_losses.solvers._embedding import solve
from sklearn_losses.terms._mining import Mining

COLLAPSED = 1e-6  # of the distance that a fit begins with: rows are at one place
# Where rows are few, losses that are not convex have bad minima, and time is cheap: a
# second start, in whose units distances are larger, unless little is left to gain; of
# cosines, which know no units, a random one.
FEW, LARGER, LITTLE = 1000, 4.0, 1e-3
SURE = 1e-2  # a gap, in shares of the objective, that goes without saying

INIT = [
    Options("auto", "pca", "lda", "identity"),
    Instance(np.ndarray, "an array of shape (n_components, n_features)"),
]

_LOSS = """loss : Loss or str, default='nca'
        A loss of tuples: an object, such as ``TripletMargin(margin=2.0)``, or a name;
        see ``loss_names("embedding")``. `NCA`, `InfoNCE` and `SupCon` need labels of
        rows; losses of pairs and triplets mine those, or take them as they are."""

_INIT = """init : {'auto', 'pca', 'lda', 'identity'} or ndarray, default='auto'
        Where to begin: with principal components, with discriminants, with the first
        features, or with a map of shape (n_components, n_features). It is scaled to
        distances that suit the loss, but for an array. 'auto': 'lda' with labels of
        more than n_components classes, and 'pca' otherwise."""

_ATTRIBUTES = """components_ : ndarray of shape (n_components, n_features)
        The map, for rows from which `mean_` is subtracted; float32 if X was.

    mean_ : ndarray of shape (n_features,)
        The means of the features.

    threshold_ : float
        The distance up to which a pair is said to belong together: the one that is
        fitted by ``LogisticPair("mle")``, or that separates pairs of the fit best, by
        the mean of both rates. There is none after a fit to triplets.

    loss_ : Loss
        The loss, with its threshold if that was fitted.

    n_iter_ : int
        The iterations, or epochs.

    classes_ : ndarray of shape (n_classes,)
        The labels, after a fit to labelled rows.

    class_means_ : ndarray of shape (n_classes, n_components)
        Where the means of the classes are.

    n_features_in_ : int
        The number of features.

    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Their names, if all are strings."""


class BaseEmbedding(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What embeddings share: all but how they are fitted."""

    _tasks = ("embedding",)
    loss: Any
    n_components: Any
    init: Any
    alpha: Any
    random_state: Any

    # ------------------------------------------------------------- parameters
    def _usable_loss(self, data):
        """The loss, if it can be of what there is."""
        loss, owner = resolve_loss(self, self._tasks), type(self).__name__
        if data.of != "labels" and loss.of != data.of:
            needed = "labels of rows" if loss.of == "anchors" else loss.of
            other = "LogisticPair()" if data.of == "pairs" else "TripletMargin()"
            raise InvalidParameterError(
                f"{owner} cannot use loss={self.loss!r} with {data.of}, because it "
                f"needs {needed}. Use {other}."
            )
        return loss

    def _price(self, loss):
        """alpha; 0 of cosines, whose penalty the length of a map would evade."""
        return 0.0 if loss.similarity == "cosine" else float(self.alpha)

    def _n_components(self, n_features, n_default=None):
        """How many, once that is a number that can be."""
        k = self.n_components
        if k is None:
            return n_default or n_features
        if k > n_features:
            raise InvalidParameterError(
                f"The 'n_components' parameter of {type(self).__name__} must be at "
                f"most n_features={n_features}. Got {k}."
            )
        return int(k)

    def _points(self, data):
        """The rows as points, if they are at more than one place."""
        points = Points(data.X, data.row_weight)
        if points.is_constant.all():
            raise ValueError(
                f"{type(self).__name__} needs rows that differ. All {points.shape[0]} "
                "rows of X are equal."
            )
        return points

    def _start(self, points, data, loss, n_components):
        """The first map, for rows as `points` has them."""
        if isinstance(self.init, np.ndarray):
            return self._given_start(points, n_components)
        kind = self.init
        if kind == "auto":
            enough = data.codes is not None and n_components < len(data.classes)
            kind = "lda" if enough else "pca"
        if kind == "identity":
            L = np.eye(n_components, points.shape[1])
        elif kind == "pca":
            L = points.principal(n_components)
        else:
            L = self._discriminants(points, data, n_components)
        L = np.where(points.is_constant, 0.0, L)
        distance = mean_distance(points.map(L), points.share)
        return L * np.sqrt(reach(loss) / max(distance, 1e-300))

    def _given_start(self, points, n_components):
        L, owner = self.init, type(self).__name__
        shape = (n_components, points.shape[1])
        if L.shape != shape or L.dtype.kind not in "iuf" or not np.isfinite(L).all():
            raise InvalidParameterError(
                f"The 'init' parameter of {owner} must be finite numbers of the shape "
                f"{shape}. Got the shape {L.shape}, of dtype {L.dtype}."
            )
        return L.astype(np.float64) * points.spread

    def _discriminants(self, points, data, n_components):
        owner = type(self).__name__
        most = 0 if data.codes is None else len(data.classes) - 1
        if n_components > most:
            raise InvalidParameterError(
                f"{owner} cannot use init='lda', because there are {most} "
                f"discriminants, fewer than n_components={n_components}. Use "
                "init='pca'."
            )
        size = np.bincount(data.codes, points.share)
        member = np.zeros((len(data.codes), len(size)))
        member[np.arange(len(member)), data.codes] = points.share
        means = points.back(member / np.sqrt(size))  # times the root of their size
        X = points.dense()
        total, between = X.T @ (points.share[:, None] * X), means.T @ means
        within = total - between + 1e-3 * np.eye(len(total))  # where some are exact
        low = len(total) - n_components
        return eigh(between, within, subset_by_index=[low, len(total) - 1])[1].T[::-1]

    # -------------------------------------------------------------- publishing
    def _publish(self, L, points, data, loss, dtype):
        """The attributes of a model, and what is to be said of it."""
        components = L / points.spread
        self._is_normed = loss.similarity == "cosine"
        self.components_ = self._finite(components.astype(dtype))
        self.mean_ = points.mean.astype(dtype)
        Z, share = self._normed(points.map(L)), points.share
        self._warn_of_collapse(mean_distance(Z, share), loss)
        for name in ("classes_", "class_means_", "threshold_"):
            vars(self).pop(name, None)
        if data.codes is not None:
            self.classes_ = data.classes
            member = np.zeros((len(data.classes), len(Z)))
            member[data.codes, np.arange(len(Z))] = share
            self.class_means_ = member @ Z / member.sum(axis=1, keepdims=True)
        self._labels = data.labels or (0, 1)
        self.loss_ = loss
        if data.of == "triplets":
            return
        fitted = getattr(loss, "threshold", None)
        if fitted is None:
            self.threshold_ = threshold_of(data, Z, self.random_state)
        else:
            self.threshold_ = float(np.sqrt(fitted))

    def _finite(self, components):
        if not np.isfinite(components).all():
            raise ValueError(
                f"The components overflow {components.dtype}, which is that of X. "
                "Scale the features, or use float64."
            )
        return components

    def _warn_of_collapse(self, distance, loss):
        """Say so where all rows are at one place, which tells nothing of them."""
        unit = 1.0 if self._is_normed else reach(loss)
        if distance > COLLAPSED * unit:
            return
        warn_caller(
            "The embedding has collapsed: all rows are at nearly one place, with a "
            f"mean squared distance of {distance:.3g} where the loss, {loss!r}, looks "
            f"at those of about {unit:.3g}. That is where penalty and loss are least "
            f"(alpha={self.alpha}), or where a fit got caught: use a smaller alpha, "
            "another init or, of triplets, mining='k_nearest'.",
            ConvergenceWarning,
        )

    def _normed(self, Z):
        """Rows of length 1, where the loss looks at their directions alone."""
        if not self._is_normed:
            return Z
        length = np.sqrt((Z * Z).sum(axis=1, keepdims=True))
        return Z / np.where(length > 0, length, 1.0)

    # ------------------------------------------------------------------ using
    def fit(
        self,
        X: Matrix,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the map.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or \
                array-like of shape (n_pairs, 2, n_features) or (n_triplets, 3, \
                n_features)
            Labelled rows, or tuples of rows.

        y : array-like of shape (n_samples,) or (n_pairs,), default=None
            Labels of rows; 1 of pairs that belong together, and 0 or -1 of others; None
            of triplets.

        sample_weight : array-like of shape (n_samples,), (n_pairs,) or \
                (n_triplets,), default=None
            Weights >= 0 of labelled rows, or of tuples; see Notes of `LinearEmbedding`.
            The slopes of a batch count as the mean of its weights.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used. The estimator is then as it was
            before.
        """
        refuse_collection(X, "X")
        with unchanged_on_error(self):
            check_parameters(self, self._constraints)
            return self._fit(read_data(self, X, y, sample_weight))

    def transform(self, X: Matrix) -> Array:
        """Where the map takes rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            (X - mean_) @ components_.T, of length 1 if the loss is of cosines.
        """
        check_is_fitted(self)
        refuse_collection(X, "X")
        X = validate_data(self, X, reset=False, **ROWS)
        return self._places(X)

    def _places(self, X):
        L = self.components_
        if isinstance(X, np.ndarray):
            return self._normed((X - self.mean_.astype(X.dtype)) @ L.T.astype(X.dtype))
        return self._normed(X @ L.T - L @ self.mean_)

    def pair_distance(self, pairs: ArrayLike) -> Array:
        """The distances of the embedded rows of pairs.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features)

        Returns
        -------
        ndarray of shape (n_pairs,)
        """
        check_is_fitted(self)
        pairs = self._tuples(pairs, 2)
        difference = self._places(pairs[:, 0]) - self._places(pairs[:, 1])
        return np.sqrt((difference**2).sum(axis=1))

    def _tuples(self, X, size):
        refuse_collection(X, "X")
        X = check_array(X, allow_nd=True, dtype=[np.float64, np.float32])
        if X.ndim != 3 or X.shape[1] != size or X.shape[2] != self.n_features_in_:
            what = "pairs" if size == 2 else "triplets"
            raise ValueError(
                f"{type(self).__name__} needs {what} of the shape (n, {size}, "
                f"{self.n_features_in_}). Got the shape {X.shape}."
            )
        return X

    def get_mahalanobis_matrix(self) -> Array:
        """M, with which (x - z)' M (x - z) is the squared distance of the mapped rows.

        Returns
        -------
        ndarray of shape (n_features, n_features)
            components_.T @ components_.
        """
        check_is_fitted(self)
        return self.components_.T @ self.components_

    def predict(self, X: ArrayLike) -> Labels:
        """Which pairs belong together, which triplets are in order, or classes of rows.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, n_features), (n_triplets, 3, n_features) \
                or (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_pairs,), (n_triplets,) or (n_samples,)
            Of pairs 1 where their distance is up to `threshold_`, and otherwise 0, or
            the -1 of a fit's y. Of triplets 1 where the second row is nearer to the
            first than the third is, and otherwise 0. Of rows, after a fit to labels,
            the class whose mean is nearest.
        """
        check_is_fitted(self)
        refuse_collection(X, "X")
        if not is_tuples(X):
            return self._nearest_class(X)
        if np.shape(X)[1] == 3:
            return self._in_order(X).astype(np.intp)
        if not hasattr(self, "threshold_"):
            raise ValueError(
                f"This {type(self).__name__} has no threshold for pairs, because it "
                "was fitted to triplets. Compare pair_distance with one of your own."
            )
        return np.where(
            self.pair_distance(X) <= self.threshold_, self._labels[1], self._labels[0]
        )

    def _nearest_class(self, X):
        if not hasattr(self, "class_means_"):
            X = validate_data(self, X, reset=False, **ROWS)
            raise ValueError(
                f"This {type(self).__name__} was fitted to tuples, and predicts them: "
                "X must have the shape (n, 2, n_features) or (n, 3, n_features)."
            )
        Z = self.transform(X)
        square = (self.class_means_**2).sum(axis=1)
        return self.classes_[(square - 2.0 * (Z @ self.class_means_.T)).argmin(axis=1)]

    def _in_order(self, X):
        X = self._tuples(X, 3)
        anchor, near, far = (self._places(X[:, i]) for i in range(3))
        to_near = ((anchor - near) ** 2).sum(axis=1)
        return to_near < ((anchor - far) ** 2).sum(axis=1)

    def score(
        self,
        X: Matrix,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """How well distances say what belongs together.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or \
                array-like of shape (n_pairs, 2, n_features) or (n_triplets, 3, \
                n_features)
        y : array-like of shape (n_samples,) or (n_pairs,), default=None
            Labels of rows or of pairs, as in `fit`.
        sample_weight : array-like of shape (n_samples,), (n_pairs,) or \
                (n_triplets,), default=None
            Weights >= 0 of labelled rows, or of tuples.

        Returns
        -------
        float
            Of labelled rows the accuracy of the nearest of the other rows of X; of
            pairs the area under the ROC curve; of triplets the share that is in order.
        """
        check_is_fitted(self)
        if not is_tuples(X):
            if y is None:
                raise ValueError(
                    f"{type(self).__name__}.score requires y to be passed: the labels "
                    "of the rows."
                )
            return knn_accuracy_score(
                y, self.transform(X), n_neighbors=1, sample_weight=sample_weight
            )
        X = np.asarray(X)
        if X.shape[1] == 3:
            weight = check_weights(sample_weight, len(X))
            return float(np.average(self._in_order(X), weights=weight))
        same, _ = same_of_pairs(type(self).__name__, y, len(X))
        distance = self.pair_distance(X)
        return pair_auc_score(same, distance, sample_weight=sample_weight)

    @property
    def _n_features_out(self):
        return self.components_.shape[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class LinearEmbedding(BaseEmbedding):
    __doc__ = f"""A linear map in which rows that belong together are near each other.

    It minimizes

        loss of the distances |L (x_i - x_j)| + alpha |L|^2

    by L-BFGS, of features in units of their standard deviation. No array of differences
    is formed: it takes memory for n rows of d features and of k components, and for the
    tuples that are mined.

    Parameters
    ----------
    n_components : int, default=None
        The dimensions of the embedding; None: as many as features. Of another metric
        than 'low_rank' it is how many of its largest are kept in the end.

    {_LOSS}

    metric : {{'low_rank', 'full', 'diagonal'}}, default='low_rank'
        What M = L'L may be. 'full': any metric; 'diagonal': a weight >= 0 of each
        feature. Both are convex where the loss is, so that nothing depends on the
        start, and `gap_` proves the end.

    {_INIT} Another metric than 'low_rank' begins with the
        features as they are; a diagonal one with nothing else but a diagonal array.

    alpha : float, default=0.0001
        The strength of the penalty: the squares of the entries of the map (the trace of
        M), of features in units of their standard deviation. There is none of cosines,
        on which the length of a map has no influence.

    tol : float, default=1e-5
        A fit ends where slopes are less than that, or the objective hardly falls. That
        of a convex metric goes on until its gap is 100 times that, of the objective.

    max_iter : int, default=1000
        The iterations, at most.

    warm_start : bool, default=False
        Whether a fit begins with the map of the last.

    random_state : int, RandomState instance or None, default=0
        Which pairs of labelled rows `threshold_` is found with, and a second start of
        cosines, where rows are few.

    Attributes
    ----------
    {_ATTRIBUTES}

    objective_ : float
        The minimum that was found, of the tuples of the end.

    gap_ : float
        No metric, of any rank, has an objective that is less by more than this; nan if
        the loss is not convex in squared distances.

    n_tuples_ : int
        Of how many pairs, triplets or anchors the objective was.

    See Also
    --------
    SGDEmbedding : In batches, for many rows.
    pair_auc_scorer, knn_accuracy_scorer : Scorers for searches.

    Notes
    -----
    `fit(X, y)` takes labels of rows. It takes tuples, too: an array of pairs, of shape
    (n_pairs, 2, n_features), with y of 0 and 1, or of triplets (anchor, near, far),
    without y; so that a cross-validation splits tuples. `fit_tuples` takes numbers of
    rows. Labelled rows that are alone in their class are among those of other classes.

    Weights matter in proportion, and what has the weight 0 is absent. A row of weight w
    counts as w rows at its place which do not look at each other: it is an anchor w
    times, and a softmax (`NCA`, `InfoNCE`, `SupCon`) has it w times. A pair counts as
    the product of both rows, a triplet as its anchor, as does a row of an `AnchorLoss`
    of your own; which pairs and triplets are mined does not depend on weights. Rows
    that are really repeated see each other as nearest ones, which is another fit: w of
    them have w (w - 1) such pairs, which no fit can count in which weights matter in
    proportion.

    NCA is not convex, nor is any loss of few components: what is found depends on
    `init`.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_losses import LinearEmbedding, NCA
    >>> X, y = load_wine(return_X_y=True)
    >>> pipe = make_pipeline(LinearEmbedding(2, loss=NCA()), KNeighborsClassifier(3))
    >>> pipe.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.95
    True
    """

    _constraints = {
        "n_components": [Interval(1, None, "left", integer=True), NONE],
        "metric": [Options("low_rank", "full", "diagonal")],
        "init": INIT,
        "alpha": [Interval(0, None, "left")],
        "tol": [Interval(0, None, "neither")],
        "max_iter": [Interval(1, None, "left", integer=True)],
        "warm_start": [BOOLEAN],
        "random_state": SEED,
    }

    def __init__(
        self,
        n_components: int | None = None,
        *,
        loss: Loss | str = "nca",
        metric: str = "low_rank",
        init: str | ArrayLike = "auto",
        alpha: float = 0.0001,
        tol: float = 1e-5,
        max_iter: int = 1000,
        warm_start: bool = False,
        random_state: Seed = 0,
    ) -> None:
        self.n_components = n_components
        self.loss = loss
        self.metric = metric
        self.init = init
        self.alpha = alpha
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.random_state = random_state

    def fit_tuples(
        self,
        X: Matrix,
        index: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the map to tuples of the rows of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        index : array-like of int of shape (n_pairs, 2) or (n_triplets, 3)
            The numbers of the rows of each tuple.

        y : array-like of shape (n_pairs,), default=None
            1 of pairs that belong together, and 0 or -1 of others; None of triplets.

        sample_weight : array-like of shape (n_pairs,) or (n_triplets,), default=None
            Weights >= 0 of tuples.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As of `fit`.
        """
        with unchanged_on_error(self):
            check_parameters(self, self._constraints)
            return self._fit(read_index(self, X, index, y, sample_weight))

    def _fit(self, data):
        loss = self._usable_loss(data)
        self._check_metric(loss)
        points = self._points(data)
        n_components = self._n_components(points.shape[1])
        n_fitted = n_components if self.metric == "low_rank" else points.shape[1]
        L = self._first_map(points, data, loss, n_fitted)
        is_few = points.shape[0] <= FEW and loss.of == "anchors" and not loss.convex
        starts = [L]
        if is_few and not self.warm_start:
            starts.insert(0, self._other_start(L, loss))
        ends = []
        for start in starts:
            ends.append(self._solved(points, data, loss, start))
            if ends[-1][0].value <= LITTLE:
                break
        run, objective = min(ends, key=lambda end: end[0].value)
        self._set_end(run, objective)
        loss = objective.term_at(run.theta).loss
        L = largest(objective.map_of(run.theta), n_components)
        self._publish(L, points, data, loss, data.X.dtype)
        return self

    def _other_start(self, L, loss):
        if loss.similarity == "cosine":
            return check_random_state(self.random_state).normal(size=L.shape)
        return LARGER * L

    def _check_metric(self, loss):
        """Refuse a metric that does not go with other parameters."""
        if self.metric == "diagonal" and not self._begins_diagonal():
            raise InvalidParameterError(
                f"{type(self).__name__} cannot use init={self.init!r} with "
                "metric='diagonal', because it is no diagonal map. Use init='auto'."
            )
        if self.metric == "diagonal" and loss.similarity == "cosine":
            raise InvalidParameterError(
                f"{type(self).__name__} cannot use metric='diagonal' with "
                f"loss={self.loss!r}, because it is of cosines. Use similarity='dot' "
                "or 'distance'."
            )

    def _begins_diagonal(self):
        if isinstance(self.init, np.ndarray):
            L = self.init
            return L.ndim == 2 and np.array_equal(L, np.diag(np.diag(L)))
        return self.init in ("auto", "identity")

    def _solved(self, points, data, loss, L):
        """The end of a fit that begins with a map."""
        Z, mining = points.map(L), None
        if data.codes is not None and loss.of != "anchors" and loss.mined != "all":
            mining = Mining(loss, data.codes, Z, data.weight)
        term = mining.term(Z)[0] if mining else data.named_term(loss)
        is_diagonal = self.metric == "diagonal"
        objective = EmbeddingObjective(points, term, self._price(loss), is_diagonal)
        threshold = mean_distance(Z, points.share)
        if self.warm_start and hasattr(self, "components_"):
            threshold = getattr(self.loss_, "threshold", threshold)
        theta = objective.vector_of(L, threshold)
        is_proved = self.metric != "low_rank" and objective.has_bound and self.alpha > 0
        return solve(objective, mining, theta, self.tol, self.max_iter, is_proved)

    def _first_map(self, points, data, loss, n_components):
        if self.warm_start and hasattr(self, "components_"):
            if self.components_.shape != (n_components, points.shape[1]):
                raise ValueError(
                    f"{type(self).__name__} cannot begin with the components_ of the "
                    f"last fit, of shape {self.components_.shape}: needed are "
                    f"{(n_components, points.shape[1])}. Use warm_start=False."
                )
            return self.components_.astype(np.float64) * points.spread
        as_said = isinstance(self.init, np.ndarray) or self.init != "auto"
        if self.metric == "low_rank" or as_said:
            return self._start(points, data, loss, n_components)
        L = np.eye(n_components)
        return L * np.sqrt(reach(loss) / mean_distance(points.map(L), points.share))

    def _set_end(self, run, objective):
        """What a fit has come to."""
        value = float(run.value)
        self.objective_, self.n_iter_, self.gap_ = value, run.n_iter, np.nan
        self.n_tuples_ = int(np.count_nonzero(objective.term.weight))
        if objective.has_bound:
            self.gap_ = max(0.0, value - objective.bound(run.theta))
        owner = type(self).__name__
        if not run.converged:
            warn_caller(
                f"{owner} did not converge in max_iter={self.max_iter} iterations. Use "
                "more, or a larger tol.",
                ConvergenceWarning,
            )
        elif self.metric != "low_rank" and self.alpha > 0 and self.gap_ > SURE * value:
            warn_caller(
                f"{owner} with metric={self.metric!r} ended with gap_={self.gap_:.3g}, "
                f"of an objective of {value:.3g}. Use a smaller tol or a larger alpha.",
                ConvergenceWarning,
            )


def reach(loss):
    """The mean squared distance that a fit begins with.

    At which a loss tells near rows from others: triplets mind the few that are nearest,
    and a threshold for all pairs is near their mean.
    """
    margin = getattr(loss, "margin", None)
    if loss.of == "triplets":
        is_squared = margin is not None and getattr(loss, "squared", True)
        return 100.0 * (margin if is_squared else (margin or 1.0) ** 2)
    if margin is not None:
        return 2.0 * margin**2
    return 20.0 * getattr(loss, "temperature", 1.0)


def largest(L, n_components):
    """The map to so many dimensions that is nearest to another one."""
    if n_components == len(L):
        return L
    if np.count_nonzero(L) <= len(L):  # of features, which stay as they are
        order = np.argsort(-np.diag(L), kind="stable")[:n_components]
        return L[np.sort(order)]
    _, size, directions = np.linalg.svd(L)
    return size[:n_components, None] * directions[:n_components]


def mean_distance(Z, share):
    """The mean squared distance of all pairs of rows, which have shares of all."""
    return 2.0 * float((share @ (Z - share @ Z) ** 2).sum())
