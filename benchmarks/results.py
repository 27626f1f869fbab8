"""What a benchmark hands back: numbers beside targets, and a part of the report."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Quartiles(NamedTuple):
    """Of the repetitions of a measurement; the median is its result."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, numbers):
        return cls(*np.percentile(numbers, [25, 50, 75]).tolist())

    @property
    def cells(self):
        """Two cells of a table."""
        return f"**{self.middle:.2f}**", f"{self.low:.2f} to {self.high:.2f}"


@dataclass(frozen=True)
class Target:
    """A bound that a number should keep.

    Parameters
    ----------
    bound : float
    unit : str
        "x" of a ratio of times; else it follows the number, as in " ms".
    at_most : bool, default=False
        Whether the number should not be above the bound, rather than not below it.
    """

    bound: float
    unit: str = "x"
    at_most: bool = False

    def is_reached(self, measured):
        measured = float(self.digits(measured))  # no "0.60, missed: at least 0.6"
        return measured <= self.bound if self.at_most else measured >= self.bound

    def digits(self, number):
        return f"{number:.{0 if self.unit == ' ms' else 1 if self.unit == '%' else 2}f}"

    def shown(self, number):
        return self.digits(number) + self.unit

    def __str__(self):
        return f"at {'most' if self.at_most else 'least'} {self.bound:g}{self.unit}"


@dataclass(frozen=True)
class Result:
    """A measured number of which there is a target.

    Parameters
    ----------
    work : str
        What was measured, and on what.
    target : Target
    measured : Quartiles or float
    why_missed : str, default=""
        The reason, if it is known: shown if the target is missed.
    """

    work: str
    target: Target
    measured: Quartiles | float
    why_missed: str = ""

    @property
    def number(self):
        has_middle = isinstance(self.measured, Quartiles)
        return self.measured.middle if has_middle else self.measured

    @property
    def is_reached(self):
        return self.target.is_reached(self.number)

    @property
    def cells(self):
        """A row of the summary."""
        show = self.target.shown
        spread = ""
        if isinstance(self.measured, Quartiles):
            spread = f"{show(self.measured.low)} to {show(self.measured.high)}"
        verdict = "reached" if self.is_reached else "**missed**"
        return self.work, self.target, f"**{show(self.number)}**", spread, verdict

    @property
    def excuse(self):
        reason = self.why_missed or "The reason is not known."
        return f"- {self.work}: {self.target.shown(self.number)}. {reason}"


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Parameters
    ----------
    title : str
    lines : list of str
        Markdown.
    results : list of Result
        What of it goes into the summary.
    """

    title: str
    lines: list
    results: list


def table(columns, rows):
    """The lines of a Markdown table; "name:" is a column of numbers."""
    names = [name.removesuffix(":") for name in columns]
    rules = ["--:" if name.endswith(":") else "---" for name in columns]
    return [
        f"| {' | '.join(names)} |",
        f"|{'|'.join(rules)}|",
        *(f"| {' | '.join(map(str, row))} |" for row in rows),
    ]


def summary(results):
    """Every target with what was measured, and why those that are missed are."""
    missed = [result for result in results if not result.is_reached]
    columns = ("what", "target:", "measured:", "quartiles:", "")
    return [
        "## Targets",
        "",
        f"{len(results) - len(missed)} of {len(results)} are reached.",
        "",
        *table(columns, [result.cells for result in results]),
        "",
        *(["Missed, and why:", ""] if missed else []),
        *(result.excuse for result in missed),
        *([""] if missed else []),
    ]
