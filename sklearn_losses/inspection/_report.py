"""What checks have found: results, and the report that is made of them.

>>> from sklearn_losses.inspection import check_loss
>>> from sklearn_losses.losses import Huber
>>> report = check_loss(Huber())
>>> report.passed
True
>>> report["gradient"].status
'passed'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sklearn_losses.losses import Loss


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check.

    Attributes
    ----------
    name : str
        The check.
    status : {"passed", "failed", "skipped"}
    message : str
        Where and how it failed, why it was skipped, or a remark; often empty.
    """

    name: str
    status: str
    message: str = ""

    @property
    def passed(self) -> bool:
        """Whether it has not failed: a skipped check has found nothing wrong."""
        return self.status != "failed"

    def __str__(self) -> str:
        return f"{self.name}: {self.message or self.status}"


class LossReport:
    """The results of all checks of a loss, in the order in which they were made.

    It can be iterated over, and ``report["gradient"]`` is the result of one check.

    Parameters
    ----------
    loss : Loss
    results : list of CheckResult
    """

    def __init__(self, loss: Loss, results: Iterable[CheckResult]) -> None:
        self.loss = loss
        self.results = tuple(results)

    @property
    def passed(self) -> bool:
        """Whether no check has failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The results that failed, as a tuple."""
        return tuple(result for result in self.results if not result.passed)

    def __iter__(self) -> Iterator[CheckResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, name: str) -> CheckResult:
        for result in self.results:
            if result.name == name:
                return result
        raise KeyError(
            f"There is no check {name!r}. There are: "
            f"{', '.join(result.name for result in self.results)}."
        )

    def __str__(self) -> str:
        count = len(self.failures)
        outcome = (
            f"{count} of {len(self)} checks failed" if count else "all checks passed"
        )
        lines = [f"check_loss({one_line(self.loss)}): {outcome}"]
        for result in self.results:
            status = result.status if result.passed else "FAILED"
            lines.append(f"  {status:<8} {result.name:<17} {result.message}".rstrip())
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<LossReport of {one_line(self.loss)}: {len(self.failures)} failed>"


def one_line(loss):
    """The repr of a loss, which scikit-learn may break into lines."""
    return " ".join(repr(loss).split())


class CheckFailed(Exception):
    """A check has found something wrong; the message says where."""


class CheckSkipped(Exception):
    """A check does not apply; the message says why."""


@dataclass(frozen=True)
class Check:
    """A check: its name, the function, and the checks that it rests on."""

    name: str
    function: object
    needs: tuple = ()

    def run(self, loss, probe, unsound):
        """Make the check, unless one of those that it rests on is unsound.

        Parameters
        ----------
        loss : Loss
        probe : Probe
        unsound : set of str
            The checks that have failed, or were not made because others failed.
            This one is added if that is so.

        Returns
        -------
        CheckResult
        """
        broken = [name for name in self.needs if name in unsound]
        if broken:
            unsound.add(self.name)
            reason = f"rests on {' and '.join(broken)}"
            return CheckResult(self.name, "skipped", reason)
        try:
            note = self.function(loss, probe)
        except CheckSkipped as skipped:
            return CheckResult(self.name, "skipped", str(skipped))
        except Exception as error:  # whatever a user's loss may raise is a finding
            unsound.add(self.name)
            text = str(error)
            if not isinstance(error, CheckFailed):
                text = f"raised {type(error).__name__}: {text.splitlines()[0]}"
            return CheckResult(self.name, "failed", text)
        return CheckResult(self.name, "passed", note or "")


def checks_of(registry):
    """A decorator that appends a function to a registry of checks.

    The check has the name of the function without its "check_".
    """

    def check(*needs):
        def register(function):
            name = function.__name__.removeprefix("check_")
            registry.append(Check(name, function, needs))
            return function

        return register

    return check
