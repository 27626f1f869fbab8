"""What people read of a search: a table of the families of losses, and a verdict."""

from html import escape

import numpy as np

from sklearn_losses.losses._combine import Combination
from sklearn_losses.model_selection._results import paired, splits_of

TIED = 2.0  # standard errors of the difference from the best

# What the metrics of scikit-learn reward: who predicts it has the best expected score
# (Gneiting 2011, "Making and evaluating point forecasts", JASA 106).
REWARDS = {
    "mean_absolute_error": "median",
    "mean_squared_error": "mean",
    "root_mean_squared_error": "mean",
    "r2_score": "mean",
    "explained_variance_score": "mean",
    "mean_poisson_deviance": "mean",
    "mean_gamma_deviance": "mean",
    "mean_tweedie_deviance": "mean",
    "mean_absolute_percentage_error": "median with weights 1 / abs(y)",
    "mean_squared_log_error": "geometric mean of 1 + y, less 1",
    "root_mean_squared_log_error": "geometric mean of 1 + y, less 1",
    "log_loss": "probability",
    "brier_score_loss": "probability",
    "d2_log_loss_score": "probability",
    "d2_brier_score": "probability",
}
ALIKE = {"log-odds": "probability"}
PRECISE = "mean", "median", "probability", "geometric"  # or a quantile, an expectile
POINTS = "regression", "binary", "multiclass"  # tasks whose losses estimate these
USE = {
    "mean": "SquaredError()",
    "median": "AbsoluteError()",
    "probability": "LogLoss() or CrossEntropy()",
    "median with weights 1 / abs(y)": "AbsolutePercentageError()",
    "geometric mean of 1 + y, less 1": "SquaredLogError()",
}


def rewards(metric):
    """What about y a metric rewards the prediction of, or None."""
    if metric.loss is not None:
        return metric.loss.estimates
    function = getattr(metric.scorer, "_score_func", None)
    name = getattr(function, "__name__", None)
    if name in ("mean_pinball_loss", "d2_pinball_score"):
        share = getattr(metric.scorer, "_kwargs", {}).get("alpha", 0.5)
        return "median" if share == 0.5 else f"{share:g}-quantile"
    return REWARDS.get(name)


def does_estimate(loss, reward):
    """Whether a loss estimates what a metric rewards."""
    own = ALIKE.get(loss.estimates, loss.estimates)
    return own == ALIKE.get(reward, reward)


def is_precise(reward):
    """Whether a reward is one that a loss either estimates or does not."""
    return reward is not None and (
        ALIKE.get(reward, reward).startswith(PRECISE)
        or reward.endswith(("-quantile", "-expectile"))
    )


def family_of(loss):
    """What losses that differ in parameters alone are called."""
    return str(loss) if isinstance(loss, Combination) else type(loss).__name__


def short(number):
    """Four digits."""
    return f"{number:.4g}"


class Standings:
    """A search as people think of it: families of losses, and their best candidates.

    Parameters
    ----------
    search : LossSearchCV
        Fitted.

    Attributes
    ----------
    metrics : list of Metric
    decisive : Metric
    losses, families : list
        Of each candidate.
    scores : dict of str to ndarray of shape (n_candidates, n_splits)
        Of each metric, as scikit-learn has them.
    """

    def __init__(self, search):
        self.search, self.results = search, search.cv_results_
        self.metrics = search._metrics
        name = search._decisive_name
        self.decisive = next(m for m in self.metrics if m.name == name)
        self.losses = [
            loss for g in search._groups_of_fit for loss in [g.loss] * len(g.alphas)
        ]
        self.families = [family_of(loss) for loss in self.losses]
        self.scores = {m.name: splits_of(self.results, m.name) for m in self.metrics}
        self.is_whole = self.results["n_rows"] == self.results["n_rows"].max()

    def mean(self, metric):
        """The mean scores; of those that have left the race, -inf."""
        found = self.scores[metric.name].mean(axis=1)
        return np.where(np.isfinite(found) & self.is_whole, found, -np.inf)

    def best(self, metric):
        """The best candidate of each family, the best family first."""
        mean, found = self.mean(metric), {}
        for i in np.argsort(-mean, kind="stable"):
            found.setdefault(self.families[i], int(i))
        return found

    def winner(self):
        """The candidate that the search has chosen."""
        return int(self.search.best_index_)

    def tied(self, metric, of):
        """Which candidates are not behind another one by more than chance."""
        behind, error = paired(self.scores[metric.name], of)
        with np.errstate(invalid="ignore"):
            rounding = 1e-12 * np.nanmax(np.abs(behind), initial=0.0)
            return np.abs(behind) <= TIED * error + rounding

    def spread(self, metric):
        """Standard errors of the mean scores over folds."""
        scores = self.scores[metric.name]
        n = scores.shape[1]
        return (
            scores.std(axis=1, ddof=1) / np.sqrt(n)
            if n > 1
            else np.full(len(scores), np.nan)
        )

    def settings(self, i):
        """The parameters of a candidate but for the loss, without prefixes."""
        params = self.results["params"][i]
        return {
            k.rpartition("__")[2]: v
            for k, v in params.items()
            if not k.endswith("loss")
        }

    def rows(self):
        """The table, a dict for each family, the best first."""
        best = self.best(self.decisive)
        first = next(iter(best.values()))
        tied = self.tied(self.decisive, first)
        found = []
        for family, i in best.items():
            row = {"family": family, "loss": str(self.losses[i])}
            row |= {k: v for k, v in self.settings(i).items() if k != "penalty"}
            row["estimates"] = self.losses[i].estimates
            for metric in self.metrics:
                sign = -1.0 if metric.is_error else 1.0
                row[metric.title] = sign * float(self.scores[metric.name][i].mean())
                row[f"± {metric.title}"] = float(self.spread(metric)[i])
            row["tied"] = bool(tied[i])
            found.append(row)
        return found

    # ------------------------------------------------------------------------ in words
    def verdict(self):
        """One paragraph: who is the best, by how much, and what to doubt."""
        return " ".join(filter(None, self._sentences()))

    def _sentences(self):
        if not np.isfinite(self._score(self.winner())):
            yield f"No candidate has a finite {self.decisive.title} in each fold."
            return
        yield self._of_winner()
        yield from self._of_others()
        yield self._of_rule()
        yield self._of_end()
        yield self._of_rewards()
        failed = int(np.isnan(self.scores[self.decisive.name].mean(axis=1)).sum())
        if failed:
            yield f"{failed} of {len(self.losses)} candidates have no score in a fold."
        if not self.is_whole.all():
            n = int((~self.is_whole).sum())
            yield f"{n} of {len(self.losses)} candidates left the race early."

    def _of_winner(self):
        i, metric, n = self.winner(), self.decisive, self.search.n_splits_
        what = self._with_alpha(i)
        score = abs(self._score(i)) if metric.is_error else self._score(i)
        kind = "lowest" if metric.is_error else "highest"
        start = f"{what} has the {kind} {metric.title}"
        is_best = i == self.search.rules_["best"]
        if callable(self.search.refit) and not is_best:
            start = f"{what} was chosen by 'refit'; its {metric.title}"
        elif self.search.rule == "1se" and not is_best:
            start = (
                f"{what} is the simplest within one standard error, by {metric.title}"
            )
        spread = self.spread(metric)[i]
        if n == 1:
            return f"{start}: {short(score)} (of one fold, so nobody knows its error)."
        error = f" ± {spread:.2g}" if np.isfinite(spread) else ""
        return f"{start}: {short(score)}{error} (mean and standard error of {n} folds)."

    def _score(self, i):
        return float(self.scores[self.decisive.name][i].mean())

    def _with_alpha(self, i):
        settings = {
            k: short(v)
            for k, v in self.settings(i).items()
            if k in ("alpha", "l1_ratio")
        }
        text = ", ".join(f"{k}={v}" for k, v in settings.items())
        return f"{self.losses[i]} with {text}" if text else str(self.losses[i])

    def _of_others(self):
        i = self.winner()
        best = [j for f, j in self.best(self.decisive).items() if f != self.families[i]]
        best = [j for j in best if np.isfinite(self.mean(self.decisive)[j])]
        tied = self.tied(self.decisive, i)
        alike = [str(self.losses[j]) for j in best if tied[j]]
        if alike:
            yield f"Not to be told from it on these folds: {'; '.join(alike)}."
        behind, error = paired(self.scores[self.decisive.name], i)
        worse = [j for j in best if not tied[j] and behind[j] > 0]
        if worse:
            is_one = self.search.n_splits_ == 1
            parts = [
                f"{self.losses[j]} by {short(behind[j])}"
                + ("" if is_one else f" ± {error[j]:.2g}")
                for j in worse
            ]
            yield f"Worse in the same fold{'s'[is_one:]}: {'; '.join(parts)}."

    def _of_rule(self):
        rules = self.search.rules_
        if self.search.rule == "1se" or rules["1se"] == rules["best"]:
            return None
        alpha = self.settings(rules["1se"]).get("alpha")
        return f"By one standard error alpha could be as large as {short(alpha)}."

    def _of_end(self):
        i, start = self.search.rules_["best"], 0
        for group in self.search._groups_of_fit:
            if i < start + len(group.alphas):
                break
            start += len(group.alphas)
        if len(group.alphas) < 2 or i - start not in (0, len(group.alphas) - 1):
            return None
        is_first = i == start
        if not is_first and self.tied(self.decisive, i)[i - 1]:
            return None  # so little is paid that less would change nothing
        side, which = ("larger", "largest") if is_first else ("smaller", "smallest")
        return (
            f"Its alpha is the {which} that was tried: try {side} ones, for the best "
            "may not be among them."
        )

    def _of_rewards(self):
        reward = rewards(self.decisive)
        if not is_precise(reward) or self.losses[0].task not in POINTS:
            return None
        if any(does_estimate(loss, reward) for loss in self.losses):
            return None
        kind = reward.partition("-")
        instead = USE.get(ALIKE.get(reward, reward))
        if kind[2] in ("quantile", "expectile"):
            instead = f"{kind[2].capitalize()}({kind[0]})"
        return (
            f"No candidate estimates the {reward}, which {self.decisive.title} "
            f"rewards: compare {instead}, too."
        )

    # ------------------------------------------------------------------------- as html
    def html(self):
        """The verdict and the table."""
        rows = self.rows()
        names = list(dict.fromkeys(name for row in rows for name in row))
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        lines = [
            "".join(f"<td>{_cell(row.get(name, ''))}</td>" for name in names)
            for row in rows
        ]
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return (
            f"<p>{escape(self.verdict())}</p><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )


def _cell(value):
    if isinstance(value, bool):
        return "yes" if value else ""
    return short(value) if isinstance(value, float) else escape(str(value))
