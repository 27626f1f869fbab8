"""Penalties: what a model pays for its coefficients.

A penalty is an object with parameters; with alpha and the features it becomes a price
(`_price`), which solvers read.
"""

from sklearn_losses.penalties._base import Penalty, PenaltySum, WeightedPenalty
from sklearn_losses.penalties._concave import MCP, SCAD
from sklearn_losses.penalties._elastic_net import L1, L2, ElasticNet
from sklearn_losses.penalties._groups import GroupLasso, MultiTask, SparseGroupLasso
from sklearn_losses.penalties._slope import SLOPE
from sklearn_losses.penalties._tikhonov import Tikhonov

__all__ = [
    "L1",
    "L2",
    "MCP",
    "SCAD",
    "SLOPE",
    "ElasticNet",
    "GroupLasso",
    "MultiTask",
    "Penalty",
    "PenaltySum",
    "SparseGroupLasso",
    "Tikhonov",
    "WeightedPenalty",
]
