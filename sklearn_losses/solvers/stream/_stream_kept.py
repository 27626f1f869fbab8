"""What a very wide stream holds: rows that are kept, vectors of all coefficients."""

import numpy as np
from scipy import sparse

from sklearn_losses.solvers.stream._stream_passes import (
    add_rows,
    chosen_rows,
    dot_rows,
    local_columns,
    put,
    taken,
)
from sklearn_losses.solvers.stream._stream_past import (
    joined_offsets,
)

NOTHING = np.zeros((0, 0))


class SharedVectors:
    """Slopes and curvatures of all coefficients, which states of a stream share.

    Each call would otherwise copy them. A state says what is to be changed first, so
    that it can be done again if a call fails after that; and which changes it expects
    to be the last, for it must not be gone on from where another state has, as after
    `copy.copy` of a model.

    Attributes
    ----------
    slope, curvature : ndarray of shape (n_outputs, n_features + 1)
        The last column is that of the intercepts. The outputs of a column lie together,
        for it is columns that are looked up.
    stamp : ndarray of shape (1,)
        Of the last changes.
    """

    def __init__(self, slope, curvature, stamp):
        self.slope, self.curvature, self.stamp = slope, curvature, stamp
        self._before, self._waiting = [], None

    @classmethod
    def nothing(cls, n_outputs, n_columns):
        shape = n_columns, n_outputs
        return cls(np.zeros(shape).T, np.zeros(shape).T, np.zeros(1))

    @classmethod
    def from_state(cls, values):
        """The vectors after the changes of a state, or None if they have moved on."""
        self = cls(values["slope"], values["curvature"], values["stamp"])
        known = values["expected"]
        if self.stamp[0] not in known:
            return None
        names = "columns", "new_slope", "new_curvature"
        self._put(*(values[name] for name in names))
        self.stamp[0] = known[1]
        return self

    def at(self, columns, outputs=slice(None)):
        """Copies of some columns of both."""
        both = self.slope[outputs], self.curvature[outputs]
        return [taken(vectors, columns) for vectors in both]

    def change(self, columns, slope, curvature=NOTHING):
        """Change some columns, or the slopes alone, but not before somebody reads."""
        self.settle()
        self._waiting = columns, slope, curvature

    def settle(self):
        """Make the change that waits."""
        if self._waiting is not None:
            columns, *new = self._waiting
            self._before.append((columns, *self.at(columns)))
            self._put(columns, *new)
        self._waiting = None

    def _put(self, columns, slope, curvature):
        put(self.slope, columns, slope)
        if curvature.size:
            put(self.curvature, columns, curvature)

    def undo(self):
        """Undo all changes."""
        self._waiting = None
        while self._before:
            self._put(*self._before.pop())

    def withdrawn(self, n):
        """Undo all changes; the state that makes them again.

        Parameters
        ----------
        n : float
            The rows so far, which with the changes makes the stamp.
        """
        if self._before:
            self.settle()
            touched = np.concatenate([before[0] for before in self._before])
            columns = local_columns(touched, self.slope.shape[1])[0]
            change = columns, *self.at(columns)
        else:
            change = self._waiting or (np.zeros(0, np.int32), NOTHING, NOTHING)
        self.undo()
        names = "columns", "new_slope", "new_curvature"
        return dict(zip(names, change)) | {
            "slope": self.slope,
            "curvature": self.curvature,
            "stamp": self.stamp,
            "expected": np.array([self.stamp[0], n + float(np.abs(change[1]).sum())]),
        }


class Entries:
    """The entries of rows as CSR, without the checks of scipy's class.

    Attributes
    ----------
    data, columns, starts : ndarray of float64, int32 and int32
    """

    def __init__(self, data, columns, starts):
        self.data, self.columns, self.starts = data, columns, starts

    @classmethod
    def of(cls, X):
        X = X if sparse.issparse(X) else sparse.csr_array(X)
        data = X.data.astype(np.float64, copy=False)
        return cls(data, *(a.astype(np.int32) for a in (X.indices, X.indptr)))

    @classmethod
    def nothing(cls):
        return cls(np.zeros(0), np.zeros(0, np.int32), np.zeros(1, np.int32))

    def __len__(self):
        return len(self.starts) - 1

    def arrays(self):
        return self.data, self.columns, self.starts

    def chosen(self, rows):
        return Entries(*chosen_rows(*self.arrays(), rows))

    def newest(self, n):
        """The last n rows."""
        return Entries(self.data, self.columns, self.starts[-n - 1 :])

    def joined(self, other):
        starts = other.starts[1:] + self.starts[-1]
        both = zip(self.arrays(), (other.data, other.columns, starts))
        return Entries(*(np.concatenate(pair) for pair in both))

    def dot(self, theta):
        """Raw predictions; theta is of shape (n_outputs, n_columns + 1)."""
        return dot_rows(*self.arrays(), theta)

    def squares(self, n_columns):
        """The mean squares of the columns, and of the 1 of the intercept."""
        sums = np.zeros((1, n_columns + 1))
        add_rows(*self.arrays(), np.ones((len(self), 1)), True, sums)
        return sums[0] / len(self)

    def local(self, n_features):
        """The same with columns numbered anew, and which they are.

        The last is that of the intercept, whose number is that of all features.
        """
        columns, places = local_columns(self.columns, n_features)
        columns = np.append(columns, np.int32(n_features))
        return Entries(self.data, places, self.starts), columns


class Kept:
    """Rows, their targets, weights, offsets, and slopes g as the vectors have them."""

    def __init__(self, rows, y, weight, offset, g):
        self.rows, self.y, self.weight, self.offset, self.g = rows, y, weight, offset, g

    @classmethod
    def new(cls, rows, y, weight, offset, n_outputs):
        return cls(rows, y, weight, offset, np.zeros((len(y), n_outputs)))

    @classmethod
    def from_state(cls, values, name):
        parts = ("data", "columns", "starts", "y", "weight", "offset", "g")
        *rows, y, weight, offset, g = (values[f"{name}_{part}"] for part in parts)
        return cls(Entries(*rows), y, weight, offset, g)

    def state(self, name):
        parts = dict(zip(("data", "columns", "starts"), self.rows.arrays()))
        parts |= {"y": self.y, "weight": self.weight, "offset": self.offset}
        parts["g"] = self.g
        return {f"{name}_{part}": array for part, array in parts.items()}

    def __len__(self):
        return len(self.y)

    def joined(self, other):
        if len(self) == 0 or len(other) == 0:
            return other if len(self) == 0 else self
        rows, pairs = (
            self.rows.joined(other.rows),
            ((self.y, other.y), (self.weight, other.weight), (self.g, other.g)),
        )
        y, weight, g = map(np.concatenate, pairs)
        return Kept(rows, y, weight, joined_offsets(self.offset, other.offset), g)

    def chosen(self, some):
        parts = self.y, self.weight, self.offset, self.g
        return Kept(self.rows.chosen(some), *(part[some] for part in parts))
