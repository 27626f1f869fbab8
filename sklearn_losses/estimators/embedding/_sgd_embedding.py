"""SGDEmbedding: an embedding that is fitted in batches, to many rows."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from sklearn_losses._machine._params import SEED, Interval, check_parameters
from sklearn_losses._machine._typing import ArrayLike, Matrix, Seed
from sklearn_losses.estimators._validation import unchanged_on_error, warn_caller
from sklearn_losses.estimators.blocks._blocks import learns_from_blocks
from sklearn_losses.estimators.embedding._embedding import (
    _ATTRIBUTES,
    _INIT,
    _LOSS,
    INIT,
    BaseEmbedding,
    LinearEmbedding,
    mean_distance,
)
from sklearn_losses.estimators.embedding._tuple_data import read_data
from sklearn_losses.losses import Loss
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.solvers._embedding import Adam
from sklearn_losses.terms._mining import Mining

CHUNK = 4  # rows of a class that are in a batch together


class SGDEmbedding(BaseEmbedding):
    __doc__ = f"""A linear map in which rows that belong together are near, in batches.

    Each step looks at all pairs of the rows of a batch, or at the triplets that they
    make, so that neither time nor memory grow with the square of the number of rows.
    Its steps are Adam's, with a rate that falls to 0.

    Parameters
    ----------
    n_components : int, default=None
        The dimensions of the embedding; None: as many as features.

    {_LOSS}

    {_INIT}

    alpha : float, default=0.0001
        The strength of the penalty: the squares of the entries of the map, of features
        in units of their standard deviation. There is none of cosines.

    batch_size : int, default=256
        The rows of a batch, or the tuples.

    max_iter : int, default=20
        The epochs of `fit`.

    learning_rate : float, default=0.03
        The size of the first steps, for entries of the map in shares of what they are
        to begin with.

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
    A batch has rows of a class four at a time, where there are so many, for a row
    without another of its class has nothing to be near to. In a call of `partial_fit`
    the rows are the batches; units and means of features are those of the first call.

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
        "random_state": SEED,
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

    def _fit(self, data):
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

    @learns_from_blocks
    def partial_fit(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Go on with one pass over rows, or tuples.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. Classes may be new in each call, or absent, and weights matter
            in proportion to those of the call.

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
            parts = self, X, y, sample_weight
            data = read_data(*parts, reset=is_first, is_all=is_first)
            if not data.compares:
                of = data.same if data.codes is None else data.codes
                what = data.of.replace("labels", "rows")
                warn_caller(
                    f"A call of {type(self).__name__}.partial_fit changed nothing: of "
                    f"its {len(of)} {what} none belong together, or all do. Pass more "
                    "at a time."
                )
                return self
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
        points = self._points(data)
        L = self._start(points, data, loss, self._n_components(data.X.shape[1]))
        self._centres = {}
        self._state = State(points, L, loss, self.learning_rate)

    def _step(self, data, rows, share):
        alpha = self._price(self._state.loss)
        self._state.step(data, rows, alpha, share)

    def _end(self, data):
        state = self._state
        loss = (
            state.loss.at(state.threshold) if state.loss.fits_threshold else state.loss
        )
        points = state.points.of(data.X, data.row_weight)
        self._publish(state.L, points, data, loss, data.X.dtype)
        if data.codes is not None:
            self._recall(data)
        return self

    def _recall(self, data):
        """Add the classes of earlier calls, which are where their rows were."""
        weight = np.ones(len(data.codes)) if data.weight is None else data.weight
        parts = weight, (data.codes, np.arange(len(weight)))
        member = sparse.csr_array(parts, shape=(len(data.classes), len(weight)))
        sums = member @ data.X
        sums = sums.toarray() if sparse.issparse(sums) else np.asarray(sums)
        centres = sums / member.sum(axis=1)[:, None]
        before = vars(self).get("_centres", {})
        self._centres = before | dict(zip(data.classes.tolist(), centres))
        absent = [k for k in before if k not in data.classes.tolist()]
        if not absent:
            return
        rows = np.array([before[k] for k in absent])
        means = self._normed(self._state.points.of(rows).map(self._state.L))
        classes = np.append(self.classes_, absent)
        order = np.argsort(classes)
        self.classes_ = classes[order]
        self.class_means_ = np.vstack([self.class_means_, means])[order]


class State:
    """Where the steps of an embedding are."""

    def __init__(self, points, L, loss, rate):
        self.points, self.L, self.loss = points.without_rows(), L, loss
        self.size = np.sqrt((L * L).mean())
        self.threshold = mean_distance(points.map(L), points.share)
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
        weight = 1.0 if batch.weight is None else batch.weight.mean()
        gradient = 2.0 * (weight * points.back(product) + alpha * self.L)
        step = self.adam.step(gradient.ravel() * self.size)
        self.L = self.L + share * self.size * step.reshape(self.L.shape)
        if self.loss.fits_threshold:
            moved = self.of_threshold.step(np.array([-weight * total]))[0]
            self.threshold = max(0.0, self.threshold + share * moved)


def batch_term(batch, loss, Z):
    """The term of the rows of a batch, or None if no two belong together."""
    if batch.index is not None:
        return batch.named_term(loss)
    counts = np.bincount(batch.codes)
    if counts.max() < 2 or counts.max() == len(Z):
        return None
    if loss.of == "anchors" or loss.mined == "all":
        return batch.named_term(loss)
    return Mining(loss, batch.codes, Z, batch.weight).term(Z)[0]


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
