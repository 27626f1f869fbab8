"""From outcomes to `cv_results_`, and to which candidate is the best by which rule."""

import numpy as np
from numpy.ma import MaskedArray
from scipy.stats import rankdata


def results_of(outcomes, params, metrics):
    """The dict `cv_results_`, with the keys and types of GridSearchCV's.

    Parameters
    ----------
    outcomes : list of list of Outcome
        For each candidate, of all folds.
    params : list of dict
        Of each candidate.
    metrics : list of Metric

    Returns
    -------
    dict of str to array
    """
    found = {}
    for name in ("fit_time", "score_time"):
        values = np.array([[getattr(o, name) for o in row] for row in outcomes])
        found |= {
            f"mean_{name}": values.mean(axis=1),
            f"std_{name}": values.std(axis=1),
        }
    found |= _columns(params)
    found["params"] = params
    for i, metric in enumerate(metrics):
        scores = np.array([[o.scores[i] for o in row] for row in outcomes])
        found |= _scores(scores, metric.name, [row[0].n_rows for row in outcomes])
    found["n_rows"] = np.array([max(o.n_rows for o in row) for row in outcomes])
    found["gap"] = np.array([max(o.gap for o in row) for row in outcomes])
    found["method"] = np.array([row[0].method for row in outcomes], dtype=object)
    return found


def _columns(params):
    """The values of each parameter, masked where a candidate does not have it."""
    found = {}
    for name in dict.fromkeys(name for p in params for name in p):
        has = [i for i, p in enumerate(params) if name in p]
        values = [params[i][name] for i in has]
        array = np.array(values)
        plain = array.ndim == 1 and array.dtype.kind != "U"
        column = MaskedArray(
            np.empty(len(params), array.dtype if plain else object), mask=True
        )
        for i, value in zip(has, values):
            column[i] = value
        found[f"param_{name}"] = column
    return found


def _scores(scores, name, n_rows):
    """Those of one metric; candidates that have seen fewer rows rank last."""
    found = {f"split{k}_test_{name}": scores[:, k] for k in range(scores.shape[1])}
    mean = scores.mean(axis=1)
    found |= {f"mean_test_{name}": mean, f"std_test_{name}": scores.std(axis=1)}
    found[f"rank_test_{name}"] = _ranks(mean, np.array(n_rows))
    return found


def _ranks(mean, n_rows):
    if not np.isfinite(mean).any():
        return np.ones(len(mean), dtype=np.int32)
    with np.errstate(invalid="ignore"):
        order = np.where(np.isnan(mean), -np.inf, mean)
    is_out = n_rows < n_rows.max()
    ranks = np.empty(len(mean), dtype=np.int32)
    inside = rankdata(-order[~is_out], method="min")
    ranks[~is_out] = inside
    ranks[is_out] = (~is_out).sum() + rankdata(-order[is_out], method="min")
    return ranks


def splits_of(results, name):
    """The scores of all candidates in all folds, of shape (n_candidates, n_splits)."""
    n = sum(k.startswith("split") and k.endswith(f"_test_{name}") for k in results)
    return np.column_stack([results[f"split{k}_test_{name}"] for k in range(n)])


def paired(scores, best):
    """How far each candidate is behind another one, and the error of that.

    Differences are taken in each fold, which are easier or harder for all candidates
    alike.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_splits)
    best : int

    Returns
    -------
    mean, error : ndarray of shape (n_candidates,)
        The error is the standard error of the mean difference over folds, 0 with one.
    """
    behind = scores[best] - scores
    n = scores.shape[1]
    error = np.zeros(len(scores))
    if n > 1:
        error = behind.std(axis=1, ddof=1) / np.sqrt(n)
    return behind.mean(axis=1), error


def rules(results, name, groups):
    """The candidates that are chosen by each rule.

    Parameters
    ----------
    results : dict
    name : str
        Of the metric.
    groups : list of Group

    Returns
    -------
    dict of str to int
        "best": of the best mean score. "1se": with the largest alpha, among those of
        the same loss, whose paired difference from it is below its standard error.
        "1se unpaired": whose score is within the standard error of the best score.
    """
    rank = results[f"rank_test_{name}"]
    best = int(rank.argmin())
    scores = splits_of(results, name)
    start, group = 0, None
    for group in groups:
        if best < start + len(group.alphas):
            break
        start += len(group.alphas)
    n = scores.shape[1]
    spread = scores[best].std(ddof=1) / np.sqrt(n) if n > 1 else 0.0
    behind, error = paired(scores, best)
    seen = results["n_rows"] == results["n_rows"].max()
    larger = [i for i in range(start, best + 1) if seen[i]]  # alphas fall
    return {
        "best": best,
        "1se": next((i for i in larger if behind[i] <= error[i]), best),
        "1se unpaired": next((i for i in larger if behind[i] <= spread), best),
    }
