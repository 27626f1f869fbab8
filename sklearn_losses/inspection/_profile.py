"""A loss as a function of one number: what is drawn, described and integrated.

The number is the residual, the raw prediction, or the margin, whichever people think
in:

>>> from sklearn_losses.inspection._profile import Profile
>>> from sklearn_losses.losses import Hinge, Huber
>>> profile = Profile(Hinge())
>>> profile.label, profile.value([-1.0, 0.5, 2.0])
('margin', array([2. , 0.5, 0. ]))
>>> Profile(Huber()).label
'residual'
"""

import numpy as np

from sklearn_losses.inspection._numeric import jumps
from sklearn_losses.inspection._probe import N_CLASSES, valid_targets
from sklearn_losses.losses import IdentityLink, survival_target

DESCRIPTIONS = {
    "residual": "residual: raw prediction - y",
    "margin": "margin: raw prediction towards y",
    "lead": "raw prediction of class y, others 0",
    "raw prediction": "raw prediction",
    "pair": "raw prediction of the first of two rows, the other 0",
}


class Profile:
    """One loss along one axis.

    Parameters
    ----------
    loss : Loss
    y_true : float, default=None
        The target. None: 1 or the valid target that is nearest to it; in a loss of rows
        the class 0.

    Attributes
    ----------
    label : {"residual", "raw prediction", "margin", "lead", "pair"}
        What x is: raw - y with the identity link, raw with another one or if a binary
        target is no label, (2 y - 1) raw for a binary label, and in a loss of rows the
        raw prediction of the class y where the others have 0. In a loss of groups it is
        that of a row that should be before the only other one, which has 0. Of a loss
        of several outputs it is that of the location, beside usual values of others.

    Raises
    ------
    ValueError
        If y_true is not in the domain of the loss.
    """

    def __init__(self, loss, y_true=None):
        self.loss = loss
        if loss.granularity == "group":
            self.label, self.y_true, self.sign = "pair", 1.0, 1.0
            return
        if y_true is None:
            y_true = self._usual_target()
        self.y_true = float(y_true)
        loss.check_targets(self._targets(1))
        self.sign = 1.0
        self.others = None  # raw outputs but the first, where there are several
        if loss.outputs and loss.granularity == "row":
            self.others = loss.usual_raw()
        is_residual = loss.task == "regression" and loss.link == IdentityLink()
        if loss.granularity == "row" and self.others is None:
            self.label = "lead"
        elif is_residual and not (loss.outputs and loss.y_size > 1):
            self.label = "residual"
        elif loss.task == "binary" and y_true in (0, 1):
            self.label = "margin"
            self.sign = 2.0 * self.y_true - 1.0
        else:
            self.label = "raw prediction"

    def _usual_target(self):
        if self.loss.outputs:
            return self.loss.usual_target
        if self.loss.granularity == "row":
            return 0.0
        targets = valid_targets(self.loss)
        return targets[np.argmin(np.abs(targets - 1.0))]

    def _targets(self, n):
        """y_true in n rows."""
        if self.loss.outputs:
            return self.loss.rows_of(self.y_true, n)
        return np.full(n, self.y_true)

    def x_of(self, raw_prediction):
        """The x of raw predictions of shape (n,)."""
        raw = np.asarray(raw_prediction, dtype=np.float64)
        return raw - self.y_true if self.label == "residual" else self.sign * raw

    def value(self, x):
        """The loss at x, of shape (n,)."""
        return self._evaluate(self.loss.value, x)

    def gradient(self, x):
        """The derivative by x, of shape (n,)."""
        return self.sign * self._evaluate(self.loss.gradient, x)

    def curvature(self, x):
        """The second derivative by x, of shape (n,)."""
        return self._evaluate(self.loss.curvature, x)

    def _evaluate(self, method, x):
        x = np.asarray(x, dtype=np.float64)
        if self.label == "pair":
            return self._of_pairs(method, x)
        if self.label == "lead":
            chosen = int(self.y_true)
            raw = np.zeros((len(x), max(N_CLASSES, chosen + 1)))
            raw[:, chosen] = x
        else:
            chosen = None
            raw = x + self.y_true if self.label == "residual" else self.sign * x
        if self.others is not None:
            chosen, first = 0, raw
            raw = np.tile(self.others, (len(x), 1))
            raw[:, 0] = first
        with np.errstate(all="ignore"):  # inf is what it is
            result = method(self._targets(len(x)), raw)
        return result[:, chosen] if result.ndim == 2 else result

    def _of_pairs(self, method, x):
        """What a group of two rows has, or the first of them."""
        n = len(x)
        first = np.tile([True, False], n)
        y = 1.0 * first
        if self.loss.task == "survival":
            y = survival_target(np.ones(2 * n, bool), 2.0 - y)
        with np.errstate(all="ignore"):
            found = method(
                y, np.where(first, np.repeat(x, 2), 0.0), np.arange(2 * n) // 2
            )
        return found if len(found) == n else found[::2]

    @property
    def has_curvature(self):
        """Whether `curvature` can be asked for."""
        return self.loss.checked().has_curvature

    def jumps(self, output, x):
        """Where an output jumps between the points of an increasing grid.

        Returns
        -------
        ndarray of shape (n_jumps,)
        """
        return jumps(getattr(self, output), np.asarray(x, dtype=np.float64)).where
