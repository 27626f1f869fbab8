"""The Hessian of a loss of groups by the features at work, kept while they change.

Along a path of penalties most features that are at work stay there, and the Hessian
changes slowly. So its point stays, too: only columns of features that are new are
computed, and a quasi-Newton method corrects what has become wrong. Where that takes
many steps the whole is computed anew.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_losses.solvers.descent._curvature import Curvature


class Inner(NamedTuple):
    """A fit of some of the features.

    Attributes
    ----------
    chosen : ndarray of int of shape (n_chosen,)
        Which ones, ascending.
    memory : Memory
        Its own.
    began_with : KeptHessian or None
    """

    chosen: np.ndarray
    memory: object
    began_with: KeptHessian | None

    def hessian(self, scale):
        """The last one that was computed, in units of a scale of all features.

        Returns
        -------
        KeptHessian or None
        """
        descent, curvature = self.memory.descent, self.memory.curvature
        if descent is None or self.memory.bent_at is None:
            return self.began_with
        problem = descent.problem
        matrix = curvature.blocks[0][:-1, :-1].copy()
        matrix.flat[:: len(matrix) + 1] -= problem.l2[:-1]
        own, of_all = problem.features.scale, scale[self.chosen]
        factor = np.divide(of_all, own, out=np.zeros(len(own)), where=own > 0)
        matrix *= np.outer(factor, factor)
        raw = problem.raw_at(self.memory.bent_at)
        return KeptHessian(self.chosen, matrix, raw)


class KeptHessian:
    """X_A' H X_A of some columns A of X, in units of their spread.

    Parameters
    ----------
    chosen : ndarray of int of shape (n_chosen,)
        A, ascending.
    matrix : ndarray of shape (n_chosen, n_chosen)
    raw : ndarray of shape (n_rows,)
        The raw predictions that H is of.
    """

    def __init__(self, chosen, matrix, raw):
        self.chosen, self.matrix, self.raw = chosen, matrix, raw

    def at(self, chosen, features, term):
        """The same of other columns, with those of the new ones at the same point.

        Parameters
        ----------
        chosen : ndarray of int
            Ascending.
        features : Centred
            Of these columns.
        term : GroupTerm
        """
        place = np.searchsorted(self.chosen, chosen).clip(max=len(self.chosen) - 1)
        is_old = self.chosen[place] == chosen
        old, new = np.flatnonzero(is_old), np.flatnonzero(~is_old)
        matrix = np.empty((len(chosen), len(chosen)))
        matrix[np.ix_(old, old)] = self.matrix[np.ix_(place[old], place[old])]
        if len(new):
            order = term.grouping.order
            z = features.chosen(order)
            bent = term.products(self.raw, 0.0, np.ascontiguousarray(z[:, new]))
            columns = z[:, :-1].T @ bent
            columns[new] = 0.5 * (columns[new] + columns[new].T)
            matrix[:, new], matrix[new] = columns, columns.T
        return KeptHessian(chosen, matrix, self.raw)

    def curvature(self, l2):
        """What a descent begins with, of columns that l2 is charged for."""
        size = len(self.chosen)
        whole = np.zeros((size + 1, size + 1))
        whole[:-1, :-1] = self.matrix
        whole[:-1, :-1].flat[:: size + 1] += l2
        return Curvature(whole[None])
