"""How wide the kinks of a loss are smoothed: less and less, until it changes nothing.

A loss that is linear around most rows is smoothed, too, until it bends by itself.
"""

import math

from sklearn_losses.solvers.descent._curvature import JITTER
from sklearn_losses.solvers.descent._settings import SETTINGS


class Smoothing:
    """The half-width over which a loss is smoothed.

    Parameters
    ----------
    width : float or None, default=None
        The first one; None: `begin` finds it.

    Attributes
    ----------
    is_fresh : bool
        Whether no step has been made with this width.
    has_narrowed, has_widened : bool
        Whether the width has been made less, and once more.
    """

    def __init__(self, width=None):
        self._first, self.width = width, 0.0
        self.is_fresh, self.has_narrowed, self.has_widened = True, False, False
        self._typical, self._may_drop = 0.0, True

    @property
    def first(self):
        """The width with which it begins, as far as it is known before."""
        return self._first or 0.0

    def begin(self, problem, raw, typical):
        """Begin at raw predictions, where that is a typical curvature of a row.

        Kinks always are smoothed; and so is a loss that is linear around most rows, as
        Huber's far out, where it says nothing of how far the minimum is.
        """
        self._typical = typical
        if self._first is not None:
            self.width = self._first
            return
        term = problem.term
        if not (term.is_smoothed or term.may_lack_curvature):
            return
        n_coefs, count = problem.features.n_features + 1, problem.n_different_rows
        if not (term.is_smoothed or term.lacks_curvature(raw, n_coefs, count)):
            return
        is_few = count() < SETTINGS.few_rows * n_coefs
        width = SETTINGS.wide_width if is_few else SETTINGS.first_width
        self.width = term.width(raw, width * term.unit)

    def step(self):
        """A step is made with this width."""
        self.is_fresh = False

    def widen(self, term, raw, left, steepness, may_drop):
        """Smooth a loss without kinks, where so much is left to gain.

        It may be dropped at once where the loss bends along all columns.
        """
        self.is_fresh = self.has_widened = True
        self._may_drop = may_drop
        unit = SETTINGS.unit(left, steepness)
        self.width = term.width(raw, SETTINGS.wide_width * unit)

    def narrow(self, term, raw, divisor):
        """Smooth less, and not at all where the loss bends by itself."""
        is_bent = self._may_drop and term.may_drop(raw, self.width)
        self.width = 0.0 if is_bent else self.width / divisor
        self.is_fresh = self.has_narrowed = True

    @staticmethod
    def divisor(excess, allowed):
        """How much narrower it should be, where the excess falls as width^2."""
        ratio = excess / (SETTINGS.aim * allowed) if allowed > 0 else math.inf
        least, largest = SETTINGS.least_divisor, SETTINGS.largest_divisor
        return min(max(math.sqrt(max(ratio, 0.0)), least), largest)

    def jitter(self, problem, seen, curvature):
        """What the diagonal of a Hessian needs: of bands in which there is no row.

        Parameters
        ----------
        problem : CentredProblem
        seen : Swept
        curvature : float
            Of all rows.
        """
        found = self._of_bands(problem.term.total, seen, curvature)
        if problem.has_kinks:
            # Where all rows are flat a coefficient still has a way to 0.
            found = max(found, SETTINGS.least_curvature * JITTER * self._typical)
        return found

    def _of_bands(self, total, seen, curvature):
        if not self.width > 0:
            return 0.0
        typical = seen.steepness / total / self.width
        curvature = curvature / total
        nothing = SETTINGS.no_curvature_at_all * typical
        if not self.has_narrowed and curvature < nothing:
            return typical
        return JITTER * max(curvature, SETTINGS.least_curvature * typical)
