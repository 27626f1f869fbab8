"""Penalties on the coefficients: what a model pays for being large.

>>> from sklearn_losses.penalties._penalties import Penalty
>>> Penalty.from_name("elasticnet", alpha=0.1, l1_ratio=0.5)
Penalty(l1=0.05, l2=0.05)
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Penalty:
    """l1 |w|_1 + l2 / 2 |w|_2^2. The intercept is not penalised.

    Parameters
    ----------
    l1, l2 : float
        The two strengths, >= 0.
    """

    l1: float = 0.0
    l2: float = 0.0

    @classmethod
    def from_name(cls, name, alpha, l1_ratio):
        """The penalty of a scikit-learn estimator's parameters.

        Parameters
        ----------
        name : {"l2", "l1", "elasticnet", None}
        alpha : float
        l1_ratio : float
            Only used by "elasticnet".
        """
        if name is None:
            return cls()
        share = {"l2": 0.0, "l1": 1.0, "elasticnet": l1_ratio}[name]
        return cls(l1=alpha * share, l2=alpha * (1.0 - share))

    def value(self, coef):
        """The penalty of each output.

        Parameters
        ----------
        coef : ndarray of shape (n_outputs, n_features)

        Returns
        -------
        ndarray of shape (n_outputs,)
        """
        found = self.l2 / 2.0 * np.einsum("kj,kj->k", coef, coef)
        return found + self.l1 * np.abs(coef).sum(axis=1) if self.l1 else found

    def least_subgradient(self, coef, gradient):
        """The subgradient that, added to `gradient`, leaves the least norm.

        Parameters
        ----------
        coef, gradient : ndarray of shape (n_outputs, n_features)

        Returns
        -------
        ndarray of shape (n_outputs, n_features)
        """
        at_zero = -np.clip(gradient, -self.l1, self.l1)
        return self.l2 * coef + np.where(coef == 0, at_zero, self.l1 * np.sign(coef))


def conjugate_excess(z, l1, positive=False):
    """What an l1 norm leaves of slopes: with l2, P*(-z) = excess^2 / (2 l2).

    Parameters
    ----------
    z : ndarray
        Slopes of the loss by the coefficients.
    l1 : ndarray
    positive : bool
        Whether coefficients are >= 0; slopes > 0 then cost nothing.
    """
    return np.maximum((-z if positive else np.abs(z)) - l1, 0.0)
