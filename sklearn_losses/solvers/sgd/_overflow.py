"""The error of a fit whose weights overflow: where it happened, and what to do."""

import numpy as np

_BLOCK = 2**18  # entries of X that are looked at together


class WeightsOverflow(ValueError):
    """The weights have overflowed.

    Parameters
    ----------
    epoch : int
        In which, from 1 on.
    row : int or None
        The row of X whose raw prediction is not finite; None: the weights are not.
    feature : int or None
        The feature at fault; None: the intercept.
    at : int
        The row of X where that feature is to blame.
    value : float
        What the feature is there.
    advice : str
        What would make the steps smaller.
    name : str, default=None
        Of the feature.
    keeps_model : bool, default=False
        Whether the estimator has the model of the epoch before.
    """

    def __init__(
        self,
        epoch,
        row,
        feature,
        at,
        value,
        advice,
        name=None,
        keeps_model=False,
    ):
        # All of them, so that the error can be pickled.
        super().__init__(epoch, row, feature, at, value, advice, name, keeps_model)
        self.epoch = epoch
        self.row = row
        self.feature = feature
        self.at = at
        self.value = value
        self.advice = advice
        self.name = name
        self.keeps_model = keeps_model

    def of_estimator(self, feature_names, keeps_model):
        """This error, with what the estimator knows besides.

        Parameters
        ----------
        feature_names : array of str, or None
        keeps_model : bool

        Returns
        -------
        WeightsOverflow
        """
        name = self.name
        if feature_names is not None and self.feature is not None:
            name = str(feature_names[self.feature])
        return WeightsOverflow(*self.args[:6], name, keeps_model)

    def __str__(self):
        feature = f"feature {self.feature}"
        if self.name is not None:
            feature += f" ({self.name!r})"
        if self.row is not None:
            where = f"the raw prediction of row {self.row} of X"
        else:
            where = f"the {'intercept' if self.feature is None else 'weight'}"
            where += "" if self.feature is None else f" of {feature}"
        cause = (
            "these targets"
            if self.feature is None
            else f"{feature}, which is {self.value:g} in row {self.at} of X"
        )
        kept = " The model of the epoch before is kept." if self.keeps_model else ""
        return (
            f"The weights overflowed in epoch {self.epoch}: {where} is not finite. The "
            f"steps are too large for {cause}. Scale the features, for instance with "
            f"StandardScaler, or use {self.advice}.{kept}"
        )


def find_overflow(epoch, objective, coef, row, train, advice):
    """The error, with the feature at fault.

    Parameters
    ----------
    epoch : int
    objective : Objective
    coef : ndarray of shape (n_outputs, n_features)
        The weights when it was seen.
    row : int or None
        The first row whose raw prediction is not finite; None: only weights are not.
    train : ndarray of uint32 or None
        The rows to learn from; None: all.
    advice : str

    Returns
    -------
    WeightsOverflow
    """
    size = np.abs(coef).max(axis=0, initial=0.0)
    size[np.isnan(size)] = np.inf
    if row is not None:
        at, columns, x = _entries(objective.rows, [row])
        with np.errstate(over="ignore", invalid="ignore"):
            share = np.where(x == 0.0, 0.0, np.abs(x) * size[columns])
        if np.any(share > 0.0):
            # Of those that are infinite, that of the largest entry.
            worst = np.lexsort([np.abs(x), share])[-1]
            return WeightsOverflow(
                epoch, row, int(columns[worst]), row, float(x[worst]), advice
            )
    if np.all(np.isfinite(size)):
        return WeightsOverflow(epoch, row, None, row, 0.0, advice)
    at, feature, value = _largest(objective.rows, train, np.isinf(size))
    return WeightsOverflow(epoch, row, feature, at, value, advice)


def _entries(rows, subset):
    """The row, column and value of each stored entry of some rows."""
    subset, d = np.asarray(subset, dtype=np.intp), rows.n_features
    if not rows.is_sparse:
        x = rows.data.reshape(-1, d)[subset].ravel()
        return np.repeat(subset, d), np.tile(np.arange(d), len(subset)), x
    starts = rows.starts.astype(np.intp)
    sizes = starts[subset + 1] - starts[subset]
    skipped = np.cumsum(sizes) - sizes
    stored = np.arange(sizes.sum()) + np.repeat(starts[subset] - skipped, sizes)
    return np.repeat(subset, sizes), rows.columns[stored], rows.data[stored]


def _largest(rows, train, among):
    """The row, column and value of the largest entry in the columns `among`."""
    train = np.arange(rows.n_rows) if train is None else train
    best = (int(train[0]), int(np.argmax(among)), 0.0)
    step = max(1, _BLOCK // rows.n_features)
    for first in range(0, len(train), step):
        at, columns, x = _entries(rows, train[first : first + step])
        size = np.where(among[columns], np.abs(x), -1.0)
        p = np.argmax(size) if len(size) else 0
        if len(size) and size[p] > abs(best[2]):
            best = (int(at[p]), int(columns[p]), float(x[p]))
    return best
