"""A lower bound of the objective of a loss of groups, which needs no conjugate.

Slopes g of the loss L itself, at raw predictions p, have L*(g) = g.p - L(p). What the
penalty can balance may be a share c of them alone; as conjugates are convex,

    L*(c g) <= c L*(g) + (1 - c) L*(0),    L*(0) = - inf L,

so that all that a loss has to know is its infimum.
"""

import numpy as np

from sklearn_losses.penalties._conjugate import Conjugate
from sklearn_losses.problem._duality import ROUNDING


class GroupDual:
    """D of one objective, in the units of centred features.

    Parameters
    ----------
    term : GroupTerm
        Of a convex loss.
    features : Centred
    price : Price
        Convex, in the units of the features.

    Attributes
    ----------
    conjugate : Conjugate
        Of the price.
    z : ndarray of shape (n_features,)
        That of the last slopes, in units of centred features.
    """

    def __init__(self, term, features, price):
        self.term, self.features = term, features
        self.conjugate = Conjugate(price, features.n_features)
        self.is_soft = self.conjugate.is_soft
        self.lowest = term.known_minimum

    def bound(self, model, reach=0.0, z=None):
        """D of the slopes of a model of all rows.

        Parameters
        ----------
        model : GroupModel
        reach : float
            How large a coefficient is; see `Conjugate`.
        z : ndarray of shape (n_features,), default=None
            Those of the slopes; None: they are computed.
        """
        with np.errstate(all="ignore"):
            self.z = self.features.transposed_dot(model.slopes) if z is None else z
            factor, cost = self.conjugate.shortened(self.z, model.steepness, reach)
            if factor == 0.0:
                return self.lowest - ROUNDING * abs(self.lowest)
            total = model.conjugate
            if self.term.offset is not None:
                total -= float(model.slopes @ self.term.offset)
            sizes = model.size + abs(model.value)
            rest = (1.0 - factor) * self.lowest if factor < 1.0 else 0.0
            found = rest - factor * total - cost - ROUNDING * (sizes + cost)
            return float(found) if np.isfinite(found) else -np.inf
