"""LinearEmbedding and SGDEmbedding: maps in which distances say what belongs together."""

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
from sklearn_losses.estimators._embedding_scores import (
    knn_accuracy_score,
    pair_auc_score,
)
from sklearn_losses.estimators._tuple_data import (
    is_tuples,
    read_data,
    read_index,
    same_of_pairs,
)
from sklearn_losses.estimators._validation import (
    ROWS,
    resolve_loss,
    unchanged_on_error,
    warn_caller,
)
from sklearn_losses.losses import Loss
from sklearn_losses.problem._embedding import EmbeddingObjective
from sklearn_losses.solvers._embedding import Adam, solve
from sklearn_losses.terms._mining import Mining
from sklearn_losses.terms._tuples import AnchorTerm

START = 10.0  # the mean squared distance that a fit begins with, in units of the loss
COLLAPSED = 1e-6  # of that: rows are at one place
N_PAIRS = 20_000  # that a threshold is found with
CHUNK = 4  # rows of a class that are in a batch together
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
        distances that suit the loss. 'auto': 'lda' with labels of more than n_components
        classes, and 'pca' otherwise. Features are in units of their standard deviation
        in all of these but an array."""

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
                f"{owner} cannot use loss={self.loss!r} with {data.of}, because it needs "
                f"{needed}. Use {other}."
            )
        return loss

    def _n_components(self, n_features, n_default=None):
        """How many, once that is a number that can be."""
        k = self.n_components
        if k is None:
            return n_default or n_features
        if k > n_features:
            raise InvalidParameterError(
                f"The 'n_components' parameter of {type(self).__name__} must be at most "
                f"n_features={n_features}. Got {k}."
            )
        return int(k)

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
        Z = points.map(L)
        return L * np.sqrt(START * unit_of(loss) / max(mean_distance(Z), 1e-300))

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
                f"{owner} cannot use init='lda', because there are {most} discriminants, "
                f"fewer than n_components={n_components}. Use init='pca'."
            )
        n = len(data.codes)
        counts = np.bincount(data.codes)
        member = np.zeros((n, len(counts)))
        member[np.arange(n), data.codes] = 1.0 / np.sqrt(counts[data.codes])
        means = points.back(member)  # of classes, times the root of their size
        X = points.dense()
        total, between = X.T @ X / n, means.T @ means / n
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
        Z = self._normed(points.map(L))
        self._warn_of_collapse(Z, loss)
        for name in ("classes_", "class_means_", "threshold_"):
            vars(self).pop(name, None)
        if data.codes is not None:
            self.classes_ = data.classes
            member = np.zeros((len(data.classes), len(Z)))
            member[data.codes, np.arange(len(Z))] = 1.0
            self.class_means_ = member @ Z / member.sum(axis=1, keepdims=True)
        self._labels = data.labels or (0, 1)
        self.loss_ = loss
        if data.of == "triplets":
            return
        fitted = getattr(loss, "threshold", None)
        if fitted is None:
            self.threshold_ = best_threshold(*_pairs_of(data, Z, self.random_state))
        else:
            self.threshold_ = float(np.sqrt(fitted))

    def _finite(self, components):
        if not np.isfinite(components).all():
            raise ValueError(
                f"The components overflow {components.dtype}, which is that of X. Scale "
                "the features, or use float64."
            )
        return components

    def _warn_of_collapse(self, Z, loss):
        """Say so where all rows are at one place, which no neighbour can be told from."""
        unit = 1.0 if self._is_normed else START * unit_of(loss)
        distance = mean_distance(Z)
        if distance > COLLAPSED * unit:
            return
        warn_caller(
            f"The embedding has collapsed: all rows are at nearly one place, with a mean "
            f"squared distance of {distance:.3g} where the loss, {loss!r}, looks at those "
            f"of about {unit:.3g}. That is where penalty and loss are least "
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
        X : array-like of shape (n_pairs, 2, n_features), (n_triplets, 3, n_features) or \
                (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_pairs,), (n_triplets,) or (n_samples,)
            Of pairs 1 where their distance is up to `threshold_`, and otherwise 0, or
            the -1 of a fit's y. Of triplets 1 where the second row is nearer to the first
            than the third is, and otherwise 0. Of rows, after a fit to labels, the class
            whose mean is nearest.
        """
        check_is_fitted(self)
        if not is_tuples(X):
            return self._nearest_class(X)
        if np.shape(X)[1] == 3:
            return self._in_order(X).astype(np.intp)
        if not hasattr(self, "threshold_"):
            raise ValueError(
                f"This {type(self).__name__} has no threshold for pairs, because it was "
                "fitted to triplets. Compare pair_distance with one of your own."
            )
        return np.where(
            self.pair_distance(X) <= self.threshold_, self._labels[1], self._labels[0]
        )

    def _nearest_class(self, X):
        if not hasattr(self, "class_means_"):
            X = validate_data(self, X, reset=False, **ROWS)
            raise ValueError(
                f"This {type(self).__name__} was fitted to tuples, and predicts them: X "
                "must have the shape (n, 2, n_features) or (n, 3, n_features)."
            )
        Z = self.transform(X)
        square = (self.class_means_**2).sum(axis=1)
        return self.classes_[(square - 2.0 * (Z @ self.class_means_.T)).argmin(axis=1)]

    def _in_order(self, X):
        X = self._tuples(X, 3)
        anchor, near, far = (self._places(X[:, i]) for i in range(3))
        to_near = ((anchor - near) ** 2).sum(axis=1)
        return to_near < ((anchor - far) ** 2).sum(axis=1)

    def score(self, X: Matrix, y: ArrayLike | None = None) -> float:
        """How well distances say what belongs together.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or array-like of \
                shape (n_pairs, 2, n_features) or (n_triplets, 3, n_features)
        y : array-like of shape (n_samples,) or (n_pairs,), default=None
            Labels of rows or of pairs, as in `fit`.

        Returns
        -------
        float
            Of labelled rows the accuracy of the nearest of the other rows of X; of pairs
            the area under the ROC curve; of triplets the share that is in order.
        """
        check_is_fitted(self)
        if not is_tuples(X):
            if y is None:
                raise ValueError(
                    f"{type(self).__name__}.score requires y to be passed: the labels of "
                    "the rows."
                )
            return knn_accuracy_score(y, self.transform(X), n_neighbors=1)
        X = np.asarray(X)
        if X.shape[1] == 3:
            return float(self._in_order(X).mean())
        same, _ = same_of_pairs(type(self).__name__, y, len(X))
        return pair_auc_score(same, self.pair_distance(X))

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
        The dimensions of the embedding; None: as many as features.

    {_LOSS}

    metric : {{'low_rank', 'full', 'diagonal'}}, default='low_rank'
        What M = L'L may be. 'full': any metric; 'diagonal': a weight >= 0 of each
        feature. Both are convex where the loss is, so that nothing depends on the start,
        and `gap_` proves the end.

    {_INIT}

    alpha : float, default=0.0001
        The strength of the penalty: the squares of the entries of the map (the trace of
        M), of features in units of their standard deviation.

    tol : float, default=1e-5
        A fit ends where the objective falls, or its slopes are, by less than that.

    max_iter : int, default=300
        The iterations, at most.

    warm_start : bool, default=False
        Whether a fit begins with the map of the last.

    random_state : int, RandomState instance or None, default=0
        Which pairs of labelled rows `threshold_` is found with.

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

    NCA is not convex, nor is any loss of few components: what is found depends on `init`.

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
        max_iter: int = 300,
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

    def fit(self, X: Matrix, y: ArrayLike | None = None) -> Self:
        """Fit the map.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or array-like of \
                shape (n_pairs, 2, n_features) or (n_triplets, 3, n_features)
            Labelled rows, or tuples of rows.

        y : array-like of shape (n_samples,) or (n_pairs,), default=None
            Labels of rows; 1 of pairs that belong together, and 0 or -1 of others; None
            of triplets.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used. The estimator is then as it was
            before.
        """
        with unchanged_on_error(self):
            check_parameters(self, self._constraints)
            return self._fit(read_data(self, X, y))

    def fit_tuples(
        self, X: Matrix, index: ArrayLike, y: ArrayLike | None = None
    ) -> Self:
        """Fit the map to tuples of the rows of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        index : array-like of int of shape (n_pairs, 2) or (n_triplets, 3)
            The numbers of the rows of each tuple.

        y : array-like of shape (n_pairs,), default=None
            1 of pairs that belong together, and 0 or -1 of others; None of triplets.

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
            return self._fit(read_index(self, X, index, y))

    def _fit(self, data):
        loss, owner = self._usable_loss(data), type(self).__name__
        if self.metric != "low_rank" and self.n_components is not None:
            raise InvalidParameterError(
                f"{owner} cannot use n_components={self.n_components} with "
                f"metric={self.metric!r}, which has as many as there are features."
            )
        if self.metric == "diagonal" and loss.similarity == "cosine":
            raise InvalidParameterError(
                f"{owner} cannot use metric='diagonal' with loss={self.loss!r}, because "
                "it is of cosines. Use similarity='dot' or 'distance'."
            )
        dtype = data.X.dtype
        n_components = self._n_components(data.X.shape[1])
        points = Points(data.X)
        if points.is_constant.all():
            raise ValueError(
                f"{owner} needs rows that differ. All {points.shape[0]} rows of X are "
                "equal."
            )
        L = self._first_map(points, data, loss, n_components)
        mines = data.codes is not None and loss.of != "anchors" and loss.mined != "all"
        mining = Mining(loss, data.codes, points.map(L)) if mines else None
        Z = points.map(L)
        term = mining.term(Z)[0] if mines else data.named_term(loss)
        if mines:
            mining.others = mining.others[:0]
        objective = EmbeddingObjective(
            points, term, float(self.alpha), self.metric == "diagonal"
        )
        is_convex = self.metric != "low_rank" and objective.has_bound
        theta = objective.vector_of(L, mean_distance(Z))
        run, objective = solve(
            objective, mining, theta, self.tol, self.max_iter, is_convex
        )
        self._set_end(run, objective, is_convex)
        self._publish(
            objective.map_of(run.theta),
            *(points, data, objective.term_at(run.theta).loss, dtype),
        )
        return self

    def _first_map(self, points, data, loss, n_components):
        if self.warm_start and hasattr(self, "components_"):
            if self.components_.shape != (n_components, points.shape[1]):
                raise ValueError(
                    f"{type(self).__name__} cannot begin with the components_ of the last "
                    f"fit, of shape {self.components_.shape}: needed are "
                    f"{(n_components, points.shape[1])}. Use warm_start=False."
                )
            return self.components_.astype(np.float64) * points.spread
        if self.metric == "low_rank" or isinstance(self.init, np.ndarray):
            return self._start(points, data, loss, n_components)
        L = np.eye(n_components)
        return L * np.sqrt(START * unit_of(loss) / mean_distance(points.map(L)))

    def _set_end(self, run, objective, is_convex):
        """What a fit has come to."""
        value = float(objective.value_gradient(run.theta)[0])
        self.objective_, self.n_iter_ = value, run.n_iter
        self.gap_ = np.nan
        if objective.has_bound:
            self.gap_ = max(0.0, value - objective.bound(run.theta))
        self.n_tuples_ = int(np.count_nonzero(objective.term.weight))
        owner = type(self).__name__
        if not run.converged:
            warn_caller(
                f"{owner} did not converge in max_iter={self.max_iter} iterations. Use "
                "more, or a larger tol.",
                ConvergenceWarning,
            )
        elif is_convex and self.alpha > 0 and self.gap_ > SURE * value:
            warn_caller(
                f"{owner} with metric={self.metric!r} ended with gap_={self.gap_:.3g}, of "
                f"an objective of {value:.3g}. Use a smaller tol or a larger alpha.",
                ConvergenceWarning,
            )


class SGDEmbedding(BaseEmbedding):
    __doc__ = f"""A linear map in which rows that belong together are near, in batches.

    Each step looks at all pairs of the rows of a batch, or at the triplets that they
    make, so that neither time nor memory grow with the square of the number of rows. Its
    steps are Adam's, with a rate that falls to 0.

    Parameters
    ----------
    n_components : int, default=None
        The dimensions of the embedding; None: as many as features.

    {_LOSS}

    {_INIT}

    alpha : float, default=0.0001
        The strength of the penalty: the squares of the entries of the map, of features
        in units of their standard deviation.

    batch_size : int, default=256
        The rows of a batch, or the tuples.

    max_iter : int, default=20
        The epochs of `fit`.

    learning_rate : float, default=0.03
        The size of the first steps, for entries of the map in shares of what they are to
        begin with.

    random_state : int, RandomState instance or None, default=0
        The order of the rows, and which pairs `threshold_` is found with.

    Attributes
    ----------
    {_ATTRIBUTES}

    See Also
    --------
    LinearEmbedding : All rows at once, by L-BFGS.

    Notes
    -----
    A batch has rows of a class four at a time, where there are so many, for a row without
    another of its class has nothing to be near to. In a call of `partial_fit` the rows
    are the batches; units and means of features are those of the first call.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_losses import SGDEmbedding, SupCon
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SGDEmbedding(16, loss=SupCon(), max_iter=5).fit(X[:1000], y[:1000])
    >>> model.score(X[1000:], y[1000:]) > 0.9
    True
    """

    _constraints = {
        "n_components": LinearEmbedding._constraints["n_components"],
        "init": INIT,
        "alpha": LinearEmbedding._constraints["alpha"],
        "batch_size": [Interval(2, None, "left", integer=True)],
        "max_iter": [Interval(1, None, "left", integer=True)],
        "learning_rate": [Interval(0, None, "neither")],
    }

    def __init__(
        self,
        n_components: int | None = None,
        *,
        loss: Loss | str = "nca",
        init: str | ArrayLike = "auto",
        alpha: float = 0.0001,
        batch_size: int = 256,
        max_iter: int = 20,
        learning_rate: float = 0.03,
        random_state: Seed = 0,
    ) -> None:
        self.n_components = n_components
        self.loss = loss
        self.init = init
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X: Matrix, y: ArrayLike | None = None) -> Self:
        """Fit the map from the start on.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or array-like of \
                shape (n_pairs, 2, n_features) or (n_triplets, 3, n_features)
            Labelled rows, or tuples of rows.

        y : array-like of shape (n_samples,) or (n_pairs,), default=None
            Labels of rows; 1 of pairs that belong together, and 0 or -1 of others; None
            of triplets.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used. The estimator is then as it was
            before.
        """
        with unchanged_on_error(self):
            check_parameters(self, self._constraints)
            data = read_data(self, X, y)
            self._begin(data)
            rng = check_random_state(self.random_state)
            n_batches = self.max_iter * len(batches(data, self.batch_size, rng))
            done = 0
            for _ in range(self.max_iter):
                for rows in batches(data, self.batch_size, rng):
                    self._step(data, rows, 1.0 - done / n_batches)
                    done += 1
            self.n_iter_ = self.max_iter
            return self._end(data)

    def partial_fit(self, X: Matrix, y: ArrayLike | None = None) -> Self:
        """Go on with one pass over rows, or tuples.

        Parameters
        ----------
        X, y
            As in `fit`. Classes may be new in each call.

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
            is_first = not hasattr(self, "_state")
            data = read_data(self, X, y, reset=is_first)
            if is_first:
                self._begin(data)
                self.n_iter_ = 0
            else:
                self._state = self._state.copy()
            rng = check_random_state(self.random_state)
            for rows in batches(data, self.batch_size, rng):
                self._step(data, rows, 1.0)
            self.n_iter_ += 1
            return self._end(data)

    def _begin(self, data):
        loss = self._usable_loss(data)
        points = Points(data.X)
        if points.is_constant.all():
            raise ValueError(
                f"{type(self).__name__} needs rows that differ. All {points.shape[0]} "
                "rows of X are equal."
            )
        L = self._start(points, data, loss, self._n_components(data.X.shape[1]))
        self._state = State(points, L, loss, self.learning_rate)

    def _step(self, data, rows, share):
        self._state.step(data, rows, float(self.alpha), share)

    def _end(self, data):
        state = self._state
        loss = state.loss.at(state.threshold) if state.loss.fits_threshold else state.loss
        points = state.points.of(data.X)
        self._publish(state.L, points, data, loss, data.X.dtype)
        return self


class State:
    """Where the steps of an embedding are."""

    def __init__(self, points, L, loss, rate):
        self.points, self.L, self.loss = points.without_rows(), L, loss
        self.size = np.sqrt((L * L).mean())
        self.threshold = mean_distance(points.map(L))
        self.adam = Adam(L.size, rate)
        self.of_threshold = Adam(1, rate * self.threshold)

    def copy(self):
        """What a step may change, so that an error leaves it as it was."""
        found = object.__new__(State)
        vars(found).update(vars(self))
        found.L = self.L.copy()
        found.adam, found.of_threshold = self.adam.copy(), self.of_threshold.copy()
        return found

    def step(self, data, rows, alpha, share):
        """One step, of the tuples of some rows, or of some tuples."""
        batch = data.some(rows)
        points = self.points.of(batch.X)
        Z = points.map(self.L)
        loss = self.loss.at(self.threshold) if self.loss.fits_threshold else self.loss
        term = batch_term(batch, loss, Z)
        if term is None:
            return
        _, product, total = term.sums(Z)
        gradient = 2.0 * (points.back(product) + alpha * self.L)
        step = self.adam.step(gradient.ravel() * self.size)
        self.L = self.L + share * self.size * step.reshape(self.L.shape)
        if self.loss.fits_threshold:
            moved = self.of_threshold.step(np.array([-total]))[0]
            self.threshold = max(0.0, self.threshold + share * moved)


def batch_term(batch, loss, Z):
    """The term of the rows of a batch, or None if no two belong together."""
    if batch.index is not None:
        return batch.named_term(loss)
    counts = np.bincount(batch.codes)
    if counts.max() < 2 or counts.max() == len(Z):
        return None
    if loss.of == "anchors" or loss.mined == "all":
        return AnchorTerm(loss, batch.codes)
    return Mining(loss, batch.codes, Z).term(Z)[0]


def batches(data, size, rng):
    """The rows of batches, those of a class a few at a time; or tuples."""
    if data.index is not None:
        order = rng.permutation(len(data.index))
    else:
        order = rng.permutation(len(data.codes))
        order = order[np.argsort(data.codes[order], kind="stable")]
        codes = data.codes[order]
        place = np.arange(len(order)) - np.searchsorted(codes, codes)
        chunk = codes * (len(order) // CHUNK + 1) + place // CHUNK
        ids = np.unique(chunk, return_inverse=True)[1]
        order = order[np.argsort(rng.permutation(ids.max() + 1)[ids], kind="stable")]
    n_batches = max(1, round(len(order) / size))
    return np.array_split(order, n_batches)


def unit_of(loss):
    """The squared distance that a loss looks at."""
    margin = getattr(loss, "margin", None)
    if margin is not None:
        is_squared = loss.of == "triplets" and getattr(loss, "squared", True)
        return margin if is_squared else margin**2
    return getattr(loss, "temperature", 1.0)


def mean_distance(Z):
    """The mean squared distance of all pairs of rows."""
    return 2.0 * float(Z.var(axis=0).sum())


def _pairs_of(data, Z, random_state):
    """Whether pairs belong together, and their distances: those given, or a sample."""
    if data.index is not None:
        i, j = data.index.T
        same = data.same
    else:
        i, j = _sampled_pairs(data.codes, check_random_state(random_state))
        same = 1.0 * (data.codes[i] == data.codes[j])
    return same, np.sqrt(((Z[i] - Z[j]) ** 2).sum(axis=1))


def _sampled_pairs(codes, rng):
    """Pairs of rows, about as many of one class as of two."""
    n = len(codes)
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    first = (np.cumsum(counts) - counts)[codes]
    i = rng.randint(n, size=N_PAIRS)
    i = i[counts[codes[i]] > 1]
    place = rng.randint(1 << 30, size=len(i)) % counts[codes[i]]
    j = order[first[i] + place]
    left = np.append(i, rng.randint(n, size=N_PAIRS))
    right = np.append(j, rng.randint(n, size=N_PAIRS))
    differ = left != right
    return left[differ], right[differ]


def best_threshold(same, distance):
    """The distance up to which pairs are best said to belong together.

    By the mean of the share of those that do and are found, and of those that do not and
    are left out.
    """
    order = np.argsort(distance, kind="stable")
    same, distance = same[order], distance[order]
    found = np.cumsum(same) / max(same.sum(), 1.0)
    wrong = np.cumsum(1.0 - same) / max((1.0 - same).sum(), 1.0)
    gain = found - wrong
    gain[:-1][distance[1:] == distance[:-1]] = -np.inf  # ties are on one side
    best = int(gain.argmax())
    following = distance[min(best + 1, len(distance) - 1)]
    return float(0.5 * (distance[best] + following))
