"""The tools on losses of several outputs."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    Censored,
    CumulativeLogit,
    CumulativeProbit,
    GaussianDistribution,
    LinearMultiTask,
    LinearOrdinalClassifier,
    LinearRegressor,
    ListNet,
    LossDisplay,
    NegativeBinomial,
    Quantiles,
    SquaredError,
    WeibullAFT,
    check_loss,
    d2_loss_score,
    describe,
    loss_scorer,
    regularization_path,
    standard_errors,
    survival_target,
)
from tests.cases import each
from tests.losses.test_likelihoods import LOSSES

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 2))
Y = X @ [1.0, 2.0] + RNG.normal(size=120) * np.exp(0.5 * X[:, 0])
CLASSES = np.digitize(Y, [-1.0, 1.0])


@each(LOSSES)
def test_losses_of_outputs_keep_their_contract(loss):
    report = check_loss(loss)
    assert report.passed
    assert {"gradient", "hessian", "optimal_constant"} <= {r.name for r in report}
    description = describe(loss)
    assert np.isfinite(description.landmarks["gradient"]).all()
    assert type(loss).__name__ in str(description)


def test_a_wrong_hessian_is_found():
    class Wrong(CumulativeLogit):
        def hessian(self, *args, **kwargs):
            return 1.1 * super().hessian(*args, **kwargs)

        def curvature(self, *args, **kwargs):
            return 1.1 * super().curvature(*args, **kwargs)

        def compiled(self):
            return super().compiled()

    report = check_loss(Wrong(), on_fail=None)
    assert "hessian" in [r.name for r in report.failures]
    assert "the slope of gradient()" in report["hessian"].message

    class Steep(WeibullAFT):
        convex = False

        def gradient(self, *args, **kwargs):
            return 2.0 * super().gradient(*args, **kwargs)

        def compiled(self):
            return super().compiled()

    assert not check_loss(Steep(), on_fail=None)["gradient"].passed


def test_losses_are_drawn_along_the_location():
    plt = pytest.importorskip("matplotlib.pyplot")
    display = LossDisplay.from_losses([CumulativeLogit(), CumulativeProbit()])
    x, y = display.curves["value"][0]
    expected = CumulativeLogit().value([1.0], [[0.5, -1.0, 1.0]])
    assert np.interp(0.5, x, y) == pytest.approx(expected[0], rel=1e-6)
    plt.close(display.figure_)


def test_the_likelihood_of_models_is_a_score():
    scorer = loss_scorer(GaussianDistribution())
    model = LinearRegressor(GaussianDistribution(), penalty=None)
    score = scorer(model.fit(X, Y), X, Y)
    assert score == pytest.approx(-model.objective_)
    by_x = LinearRegressor(GaussianDistribution(), features={"scale": "all"})
    grid = [None, {"scale": "all"}]
    pipe = make_pipeline(StandardScaler(), by_x)
    search = GridSearchCV(pipe, {"linearregressor__features": grid}, scoring=scorer)
    assert search.fit(X, Y).best_params_["linearregressor__features"] == grid[1]
    assert scorer(search, X, Y) == pytest.approx(scorer(search.best_estimator_, X, Y))
    with pytest.raises(ValueError, match="it needs all the outputs of a model"):
        scorer(LinearRegressor().fit(X, Y), X, Y)
    ordinal = loss_scorer("cumulative_logit")
    model = LinearOrdinalClassifier(penalty=None).fit(X, CLASSES)
    assert ordinal(model, X, CLASSES) == pytest.approx(-model.objective_)
    assert np.isfinite(cross_val_score(model, X, CLASSES, scoring=ordinal)).all()


def test_what_does_not_take_fitted_parameters_says_so():
    for loss in (GaussianDistribution(), NegativeBinomial("mle")):
        with pytest.raises(ValueError, match="because it is not convex"):
            regularization_path(LinearRegressor(loss, penalty="l1"), X, Y)
    with pytest.raises(ValueError, match="has no factor and is no part"):
        LinearRegressor(2 * GaussianDistribution()).fit(X, Y)
    with pytest.raises(ValueError, match="a column for each of location, scale"):
        d2_loss_score(Y, Y, GaussianDistribution())
    with pytest.raises(ValueError, match="because it has no least value"):
        d2_loss_score(Y, np.column_stack([Y, Y]), GaussianDistribution())


def test_standard_errors_of_a_location_beside_a_scale():
    model = LinearRegressor(GaussianDistribution(), penalty=None).fit(X, Y)
    squares = LinearRegressor(SquaredError(), penalty=None).fit(X, Y)
    found = standard_errors(model, X, Y)["coef"]
    np.testing.assert_allclose(found, standard_errors(squares, X, Y)["coef"])
    with pytest.warns(UserWarning, match="standard_errors supposes X, y, groups"):
        standard_errors(model, X, Y[::-1])
    by_x = model.set_params(features={"scale": "all"}).fit(X, Y)
    assert list(standard_errors(by_x, X, Y).predictors) == ["scale"]


@each([Quantiles([0.1, 0.9]), Quantiles([0.1, 0.9], crossing="parallel")])
def test_quantiles_score_quantiles(loss):
    model = LinearRegressor(loss, penalty=None).fit(X, Y)
    plain = Quantiles([0.1, 0.9])
    score = loss_scorer(plain)(model, X, Y)
    assert score == pytest.approx(-plain.mean(Y, model.predict(X)))
    assert loss_scorer(loss)(model, X, Y) == pytest.approx(score)
    share = loss_scorer(plain, d2=True)(model, X, Y)
    assert share == pytest.approx(model.score(X, Y))
    with pytest.raises(ValueError, match="the levels differ"):
        loss_scorer(Quantiles())(model, X, Y)


def test_what_takes_no_quantiles_or_groups_says_so():
    with pytest.raises(ValueError, match="it predicts several numbers for a row"):
        LinearMultiTask(Quantiles()).fit(X, Y)
    with pytest.raises(ValueError, match="Use LinearRanker, or one of squared_error"):
        LinearRegressor(ListNet()).fit(X, Y)
    probit = LinearOrdinalClassifier("cumulative_probit").fit(X, CLASSES)
    with pytest.raises(ValueError, match=r"is one of CumulativeProbit\(\)"):
        loss_scorer("cumulative_logit")(probit, X, CLASSES)


@each([WeibullAFT(), WeibullAFT(scale=0.5), Censored(log=True)])
def test_censored_targets_have_the_likelihood_as_a_score(loss):
    time = np.exp(0.5 * Y)
    y = np.column_stack([time, np.where(Y > 1.0, np.inf, time)])
    model = LinearRegressor(loss, penalty=None).fit(X, y)
    assert loss_scorer(loss)(model, X, y) == pytest.approx(-model.objective_)
    search = GridSearchCV(model, {"alpha": [0.1, 1.0]}, scoring=loss_scorer(loss))
    assert np.isfinite(search.fit(X, y).best_score_)
    assert model.score(X, y) == pytest.approx(-model.objective_)
    assert model.score(X, survival_target(Y <= 1.0, time)) == model.score(X, y)
