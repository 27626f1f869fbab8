"""The objective of rows in blocks, of which a few are at hand."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from sklearn_losses.design._centred import Centred
from sklearn_losses.problem._group_objective import GroupObjective
from sklearn_losses.problem._objective import Objective
from sklearn_losses.problem._outputs import OutputsObjective


def loss_of(block, coef, intercept):
    """The share of a block in the loss."""
    return block.value(coef, intercept)


@dataclass(frozen=True, kw_only=True)
class InBlocks:
    """What an objective of rows in blocks has besides those that stand for all."""

    blocks: Any = None

    @property
    def at_hand(self):
        """The objective of the rows that stand for all."""
        parts = {name: part for name, part in vars(self).items() if name != "blocks"}
        return self._of_rows(**parts)

    @property
    def is_at_hand(self):
        """Whether the rows at hand are all rows with weight, as where they are few."""
        return self.blocks.n_left == 0

    @property
    def sums(self):
        """The blocks, with the loss that this objective has."""
        return self.blocks.posed(loss=self.loss)

    @property
    def features(self):
        """The rows at hand around the mean of all, in units of the spread of all."""
        mean, scale, has_far = self.blocks.known_units
        return Centred.about(self.rows, mean, scale, has_far)

    def value(self, coef, intercept):
        total = self.sums.sum(loss_of, coef, intercept)
        penalty = self.penalty.value(coef)
        return total + (penalty.sum() if self.is_joint else penalty)


@dataclass(frozen=True, kw_only=True)
class BlocksObjective(InBlocks, Objective):
    """F of all rows. The rows that it has itself stand for these.

    Parameters
    ----------
    loss, rows, targets, sample_weight, total_weight, penalty, n_outputs, offset
        As of `Objective`, of rows at hand that have been drawn from all.
    blocks : PosedBlocks
        All rows.
    """

    _of_rows = Objective


@dataclass(frozen=True, kw_only=True)
class BlocksGroupObjective(InBlocks, GroupObjective):
    """The same of a loss of groups, of which each block has whole ones."""

    _of_rows = GroupObjective


@dataclass(frozen=True, kw_only=True)
class BlocksOutputsObjective(InBlocks, OutputsObjective):
    """The same of a loss of several outputs, which have predictors of their own."""

    _of_rows = OutputsObjective

    @property
    def sums(self):
        names = "loss", "n_outputs", "predictors"
        return self.blocks.posed(**{name: getattr(self, name) for name in names})


KINDS = {
    Objective: BlocksObjective,
    GroupObjective: BlocksGroupObjective,
    OutputsObjective: BlocksOutputsObjective,
}


def in_blocks(near, blocks):
    """The objective of blocks, of which an objective has rows that stand for all."""
    parts = {field.name: getattr(near, field.name) for field in fields(near)}
    return KINDS[type(near)](**parts, blocks=blocks)
