"""Write docs/catalogue.md: tables of all losses, made from the code.

Run ``python docs/make_catalogue.py`` after a change in a loss; tests/test_docs.py holds
the file equal to what this prints. Formulas are the first sentences of the docstrings,
and everything else is a trait.
"""

import inspect
import re
import sys
from pathlib import Path

from sklearn_losses.losses import get_loss, loss_names
from sklearn_losses.losses._registry import _OTHERS as OTHER_CLASSES

FAMILIES = {
    "_regression": "Regression",
    "_robust": "Robust regression",
    "_counts": "Counts and positive targets",
    "_binary": "Binary classification",
    "_binary_curves": "Binary classification by other curves than the logistic",
    "_multiclass": "Multiclass classification",
    "_ranking": "Ranking, of the rows of a query",
    "_ranking_steps": "Ranking, without a certificate",
    "_survival": "Survival, of the rows of a stratum",
}
OTHERS = {
    "_distributions": ("Distributions with a scale", "distributions"),
    "_quantiles": ("Several quantiles", "distributions"),
    "_censored": ("Censored targets and failure times", "censored"),
    "_zeros": ("Counts with more zeros", "counts"),
    "_bounded": ("Shares, and successes of trials", "counts"),
    "_ordinal": ("Ordered classes", "ordinal"),
    "_boxes": ("Boxes of four edges", "multitask"),
    "_label_ranking": ("Several labels a row", "multitask"),
    "_tuple_losses": ("Metric learning", "metric_learning"),
}
BRIEF = "class", "string", "what it is", "estimates", "convex"
HEAD = """# Catalogue of losses

This file is made by `docs/make_catalogue.py`. Do not edit it.

`y` is the target, `p` the raw prediction, before the inverse link, and `r = p - y`; for
binary targets y in {0, 1} `s = 2y - 1`, `z = s p` and `P = expit(z)`. Terms in y alone
may be left out. In a ranking, pairs i, j are rows of a query with y_i > y_j, and `r` is
the raw prediction.

*Estimates* is what predictions are that have the least expected loss: of what about y.

Each loss is shown with its default parameters, and its traits are for these. The string
is its name, as in `SGDRegressor(loss="huber")`. *lipschitz* is the supremum of the
gradient's size and *smoothness* that of the curvature's, inf if there is no bound.
*Other traits*: whether the gradient jumps (kinks), whether the loss is piecewise
linear, bounded, or treats both signs of a residual or all classes alike (symmetric).
Probabilities are *proper* if they are the true ones where the expected loss is least. A
loss with a *conjugate* gives it in closed form or by a search.

The penalty of a model is in units of its coefficients. Where *lipschitz* is inf, as of
`SquaredError`, a regression with an l2 norm is the same in all units of y; where it is
finite, the penalty outweighs the loss if y is large, and `alpha` has to be smaller by
the factor by which y is larger. `scale="mad"`, where a loss takes it, does that. See
[units.md](units.md).

`sklearn_losses.describe(loss)` says more about one of them, `LossDisplay` draws them,
and `examples/plot_all_losses.py` draws them all.
"""
COLUMNS = (
    "class",
    "string",
    "value",
    "estimates",
    "convex",
    "lipschitz",
    "smoothness",
    "other traits",
    "link",
    "y",
    "conjugate",
)


def formula(cls):
    """The first sentence of a docstring, which may take several lines."""
    paragraph = inspect.getdoc(cls).split("\n\n")[0].replace("\n", " ")
    first = paragraph.split(". ")[0]
    return first if first.endswith("...") else first.removesuffix(".")


def signature(cls):
    """The class with its default parameters, as in ``Huber(delta=1.345)``."""
    parameters = inspect.signature(cls).parameters.values()
    return f"{cls.__name__}({', '.join(f'{p.name}={p.default!r}' for p in parameters)})"


def yes_or_no(fact):
    return "yes" if fact else "no"


def other_traits(loss):
    """The traits that have no column of their own, as words."""
    words = [] if loss.differentiable else ["kinks"]
    words += [
        name.replace("_", " ")
        for name in ("piecewise_linear", "symmetric", "bounded")
        if getattr(loss, name)
    ]
    if loss.probabilistic:
        words.append(f"{'proper' if loss.proper else 'uncalibrated'} probabilities")
    return ", ".join(words)


def targets(loss):
    """What y may be."""
    if loss.granularity == "row":
        return "0..K-1"
    if loss.task == "survival":
        return "event, time"
    if loss.domain.integer:
        return "0, 1"
    return re.sub(r"\.0\b", "", str(loss.domain))


def row(name):
    """The cells of one loss."""
    loss = get_loss(name)
    return (
        f"`{signature(type(loss))}`",
        f"`{name}`",
        formula(type(loss)).replace("|", r"\|"),
        loss.estimates,
        yes_or_no(loss.convex),
        f"{loss.lipschitz:.4g}",
        f"{loss.smoothness:.4g}",
        other_traits(loss),
        re.sub(r"Link|\(\)|\(scale=1\.0\)", "", repr(loss.link)),
        targets(loss),
        yes_or_no(loss.convex and loss.granularity == "point"),
    )


def catalogue():
    """The text of the file."""
    parts = [HEAD]
    for module, title in FAMILIES.items():
        names = [n for n in loss_names() if module_of(n) == module]
        lines = [f"\n## {title}\n", line(COLUMNS), line(["---"] * len(COLUMNS))]
        lines += [line(row(name)) for name in names]
        parts.append("\n".join(lines) + "\n")
    for module, (title, page) in OTHERS.items():
        lines = [f"\n## {title}\n", f"See [{page}.md]({page}.md).\n"]
        lines += [line(BRIEF), line(["---"] * len(BRIEF))]
        lines += [line(brief_row(n, cls)) for n, cls in others() if of(cls) == module]
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def others():
    """Names and classes of losses of several outputs, labels or tuples of rows."""
    own = [(n, cls) for n, cls in OTHER_CLASSES.items() if of(cls) in OTHERS]
    return [(n, cls) for n, cls in own if n not in loss_names()]


def brief_row(name, cls):
    """The cells of a loss that has traits for each of its outputs."""
    loss = cls()
    return (
        f"`{signature(cls)}`",
        f"`{name}`",
        formula(cls).replace("|", r"\|"),
        loss.estimates,
        yes_or_no(loss.convex),
    )


def module_of(name):
    """The last part of the module in which a loss is written."""
    return of(type(get_loss(name)))


def of(cls):
    """The last part of the module of a class."""
    return cls.__module__.rpartition(".")[2]


def line(cells):
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    assert {module_of(name) for name in loss_names()} == set(FAMILIES)
    path = Path(__file__).with_name("catalogue.md")
    path.write_text(catalogue(), encoding="utf-8")
    sys.stdout.write(f"Wrote {path.name}: {len(loss_names())} losses.\n")
