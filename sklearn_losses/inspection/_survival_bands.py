"""Confidence bands of predicted survival functions.

>>> import numpy as np
>>> from sklearn_losses import LinearSurvival, survival_bands, survival_target
>>> X, time = np.arange(8.0)[:, None] % 3, np.arange(1.0, 9.0)
>>> y = survival_target([1, 1, 0, 1, 1, 0, 1, 1], time)
>>> model = LinearSurvival(penalty=None).fit(X, y)
>>> band = survival_bands(model, X, y, [[1.0]], times=[2.0, 5.0])
>>> band.lower.round(2), band.survival.round(2), band.upper.round(2)
(array([[0.37, 0.14]]), array([[0.83, 0.6 ]]), array([[0.96, 0.87]]))
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri
from sklearn.utils import Bunch

from sklearn_losses._machine._typing import ArrayLike, Matrix
from sklearn_losses.estimators import LinearSurvival
from sklearn_losses.inspection._standard_errors import check_survival_model
from sklearn_losses.inspection._survival_covariance import survival_covariance


def survival_bands(
    estimator: LinearSurvival,
    X: Matrix,
    y: ArrayLike,
    rows: Matrix,
    times: ArrayLike | None = None,
    *,
    coverage: float = 0.95,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    rows_offset: ArrayLike | None = None,
    rows_strata: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
) -> Bunch:
    """Survival functions with the confidence that their fit allows, at each time.

    With `CoxPH` the interval is one of log(-log S), as of R's ``survfit(fit, newdata,
    conf.type="log-log")``: its ends are from 0 to 1, and it is near its coverage for
    few events, too. With accelerated failure times it is one of (log t - location) /
    scale, which is the same for `WeibullAFT`.

    Parameters
    ----------
    estimator : LinearSurvival
        Fitted with penalty=None or alpha=0.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        X and y are those of the fit, as sample_weight, offset and strata are.
    rows : {array-like, sparse matrix} of shape (n_rows, n_features)
        Whose survival functions are predicted.
    times : array-like of shape (n_times,), default=None
        None: those of the events of the fit.
    coverage : float, default=0.95
        In (0, 1), of each time by itself.
    sample_weight, offset, strata : array-like of shape (n_samples,), default=None
        Those of the fit.
    rows_offset, rows_strata : array-like of shape (n_rows,), default=None
        Those of `rows`.
    clusters : array-like of shape (n_samples,), default=None
        Ids of what is independent, for the sandwich covariance of the coefficients; of
        accelerated failure times alone. None: that of the model.

    Returns
    -------
    Bunch
        `times`, of shape (n_times,), and of shape (n_rows, n_times) `survival`, `lower`
        and `upper`, and `standard_error`, that of the cumulative hazard.

    Raises
    ------
    ValueError
        As in `standard_errors`.

    Warns
    -----
    UserWarning
        As in `standard_errors`.

    See Also
    --------
    standard_errors : Of the coefficients.
    LinearSurvival.predict_survival_function : The curves alone.

    References
    ----------
    Tsiatis 1981, "A large sample study of Cox's regression model", Annals of Statistics
    9; Kalbfleisch and Prentice 2002, "The statistical analysis of failure time data",
    1.4.
    """
    if not isinstance(estimator, LinearSurvival):
        raise TypeError(f"survival_bands needs a LinearSurvival. Got {estimator!r}.")
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must be in (0, 1). Got {coverage!r}.")
    check_survival_model(estimator)
    if clusters is not None and hasattr(estimator, "baseline_"):
        raise ValueError(
            "clusters are for accelerated failure times: the variance of a baseline "
            "supposes independent rows. Leave them out."
        )
    times, given = estimator._times(times), (X, y, sample_weight, offset, strata)
    found = survival_covariance("survival_bands", estimator, *given, clusters=clusters)
    survival, band, error = found.curves(rows, times, rows_strata, rows_offset)
    n_errors = ndtri(0.5 + 0.5 * coverage)
    return Bunch(
        times=np.asarray(times),
        survival=survival,
        lower=band(n_errors),
        upper=band(-n_errors),
        standard_error=error,
    )
