"""check_loss: whether a loss is what it says it is.

The loss may be anybody's, of numpy functions, of C functions or of Cython:

>>> from sklearn_losses.inspection import check_loss
>>> from sklearn_losses.losses import Huber
>>> class Steep(Huber):
...     lipschitz = 1.0  # but it is delta
>>> print(check_loss(Steep(delta=2.0), on_fail=None)["lipschitz"])
lipschitz: at y_true=..., raw_prediction=... the gradient has the size 2, lipschitz...
"""

from __future__ import annotations

import warnings

import numpy as np

from sklearn_losses._machine._typing import Seed
from sklearn_losses.inspection._as_loss import as_loss
from sklearn_losses.inspection._checks_calculus import CALCULUS_CHECKS
from sklearn_losses.inspection._checks_claims import CLAIM_CHECKS
from sklearn_losses.inspection._checks_groups import GROUP_CHECKS, GroupProbe
from sklearn_losses.inspection._checks_object import OBJECT_CHECKS
from sklearn_losses.inspection._checks_outputs import OUTPUT_CHECKS, Examples
from sklearn_losses.inspection._checks_tuples import TUPLE_CHECKS, TupleProbe
from sklearn_losses.inspection._probe import Probe
from sklearn_losses.inspection._report import LossReport
from sklearn_losses.losses import Loss


def check_loss(
    loss: Loss | str, *, on_fail: str | None = "raise", random_state: Seed = 0
) -> LossReport:
    """Check that a loss keeps the contract of :class:`~sklearn_losses.losses.Loss`.

    Its derivatives are compared with slopes of its values, also at kinks; its traits
    with the largest gradients, jumps and chords that can be found; its copies, shapes,
    types, limits, conjugate, optimum and probabilities with what they should be. A
    check that rests on another one that has failed is skipped, so that a failure names
    the cause. Of a loss of groups the checks are those of what rows of a group do to
    each other: their order, a shift, weights of 0, ties, and products with the Hessian.

    Parameters
    ----------
    loss : Loss or str
        An instance, built-in or not, of points, of rows or of groups; or the name of
        one.
    on_fail : {"raise", "warn", None}, default="raise"
        What happens if a check fails: an AssertionError or a UserWarning whose message
        is the report, or nothing.
    random_state : int, RandomState instance or None, default=0
        The source of the points at which the loss is looked at.

    Returns
    -------
    LossReport
        It prints as a table, and can be iterated over.

    Raises
    ------
    AssertionError
        If a check fails and `on_fail` is "raise".
    TypeError
        If `loss` is neither a loss nor a name.
    ValueError
        If there is no loss of that name, or `on_fail` is something else.

    Examples
    --------
    >>> from sklearn_losses import Huber, check_loss
    >>> check_loss(Huber(delta=2.0)).passed
    True
    """
    loss = as_loss(loss, "check_loss")
    if on_fail not in ("raise", "warn", None):
        raise ValueError(
            f"The 'on_fail' parameter of check_loss must be 'raise', 'warn' or None. "
            f"Got {on_fail!r} instead."
        )
    if loss.granularity == "group":
        probe = GroupProbe(loss, random_state)
        checks = GROUP_CHECKS
    elif loss.granularity == "tuple":
        probe, checks = TupleProbe(loss, random_state), TUPLE_CHECKS
    elif loss.outputs and loss.granularity == "row":
        probe, checks = Examples(loss, random_state), OUTPUT_CHECKS
    else:
        probe = Probe(loss, random_state)
        checks = *OBJECT_CHECKS, *CALCULUS_CHECKS, *CLAIM_CHECKS
    unsound = set()
    # Some points overflow on purpose, and what numpy would say about it is no finding.
    with np.errstate(all="ignore"):
        results = [check.run(loss, probe, unsound) for check in checks]
    report = LossReport(loss, results)
    if not report.passed and on_fail == "raise":
        raise AssertionError(str(report))
    if not report.passed and on_fail == "warn":
        warnings.warn(str(report), UserWarning, stacklevel=2)
    return report
