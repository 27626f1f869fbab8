"""Inspection: tools that look at losses and at fitted models."""

from sklearn_losses.inspection._check_loss import check_loss
from sklearn_losses.inspection._describe import Influence, LossDescription, describe
from sklearn_losses.inspection._report import CheckResult, LossReport

__all__ = [
    "CheckResult",
    "Influence",
    "LossDescription",
    "LossReport",
    "check_loss",
    "describe",
]
