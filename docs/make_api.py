"""Write api.md: every public name with its first sentence, by what it is for.

docs/conf.py calls `write` when the site is built; the file is not committed. A name
that is added to ``sklearn_losses.__all__`` is on it by itself.
"""

import inspect

import sklearn_losses
from sklearn_losses import (
    AnchorLoss,
    GroupLoss,
    Loss,
    PairLoss,
    Penalty,
    PointLoss,
    RowLoss,
    TripletLoss,
)

# Where an object is written, from the most special, and under which title it goes.
SECTIONS = {
    "estimators": "Estimators",
    "losses._regression": "Losses of regression",
    "losses._robust": "Losses of regression with outliers",
    "losses._counts": "Losses of counts and positive targets",
    "losses._binary": "Losses of two classes, or one versus rest",
    "losses._multiclass": "Losses of more classes, fitted jointly",
    "losses._ordinal": "Losses of ordered classes",
    "losses._distributions": "Distributions with a scale",
    "losses._censored": "Times and numbers that are cut off",
    "losses._quantiles": "Distributions with a scale",
    "losses._survival": "Losses of survival and of rankings",
    "losses._ranking": "Losses of survival and of rankings",
    "losses._tuple": "Losses of pairs, triplets and anchors",
    "losses._combine": "Losses made of losses, or learned",
    "losses._learned": "Losses made of losses, or learned",
    "losses._custom": "Losses of your own",
    "losses._base": "What every loss has",
    "losses._groups": "What every loss has",
    "losses._targets": "Losses of survival and of rankings",
    "losses._registry": "What every loss has",
    "losses._links": "Links",
    "losses": "More about losses",
    "penalties": "Penalties",
    "solvers": "Optimizers of SGD",
    "inspection": "Tools that look at losses and models",
    "model_selection": "Searches",
    "*_score": "Scores and scorers",  # wherever they are written
    "": "Anything else",
}
HEAD = """# API

Everything is imported from `sklearn_losses`, and this page lists all of it. Losses,
penalties and optimizers are parameters of the estimators.
"""
BASES = Loss, PointLoss, RowLoss, GroupLoss, PairLoss, TripletLoss, AnchorLoss, Penalty
PAGES = frozenset(sklearn_losses.__all__)


def section_of(name):
    """The title under which a name stands."""
    if name.endswith(("_score", "_scorer")):
        return SECTIONS["*_score"]
    module = getattr(sklearn_losses, name).__module__.removeprefix("sklearn_losses.")
    return next(title for start, title in SECTIONS.items() if module.startswith(start))


def sections():
    """The names under each title, in the order in which both are shown."""
    found = {title: [] for title in SECTIONS.values()}
    for name in sorted(sklearn_losses.__all__, key=str.lower):
        found[section_of(name)].append(name)
    return {title: names for title, names in found.items() if names}


def without_members():
    """Classes whose page is their docstring, and the one that says their methods."""
    return {
        name: base.__name__
        for name in sklearn_losses.__all__
        for base in (Loss, Penalty)
        if inspect.isclass(cls := getattr(sklearn_losses, name))
        and issubclass(cls, base)
        and cls not in BASES
    }


def text():
    """The page, in Markdown."""
    parts = [HEAD]
    for title, names in sections().items():
        listed = "\n".join(f"   {name}" for name in names)
        parts.append(
            f"\n## {title}\n\n```{{eval-rst}}\n.. currentmodule:: sklearn_losses\n\n"
            f".. autosummary::\n   :toctree: generated\n   :nosignatures:\n\n"
            f"{listed}\n```\n"
        )
    return "".join(parts)


def write(path):
    """Write the page unless it is there as it should be."""
    new = text()
    if not path.exists() or path.read_text(encoding="utf-8") != new:
        path.write_text(new, encoding="utf-8")
