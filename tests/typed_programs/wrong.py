"""A program in which a type checker refuses each line that is marked, and no other."""

import numpy as np

import sklearn_losses as sl
from sklearn_losses import Huber, LinearRegressor, LogLoss, NumpyLoss, SGDClassifier

X, y = np.ones((3, 2)), np.ones(3)

Huber(delta="1.5")  # wrong
Huber(scale=None)  # wrong
Huber(gamma=1.0)  # wrong
a = Huber().detla  # wrong
Huber().value(y)  # wrong
Huber().value(y, y, sample_weights=y)  # wrong
Huber().gradeint(y, y)  # wrong
Huber() + 1.0  # wrong
Huber() * [2.0]  # wrong
Huber() + sl.L1()  # wrong
number: int = 2 * Huber()  # wrong
count: int = Huber().mean(y, y)  # wrong
name: str = LogLoss().inverse_link(y)  # wrong
sl.Truncated("huber")  # wrong
sl.Sum(Huber(), sl.L2())  # wrong
NumpyLoss(np.add)  # wrong
NumpyLoss(np.add, 3)  # wrong
sl.get_loss(Huber())  # wrong
sl.loss_names(task=["binary"])  # wrong
sl.Interval("0", 1)  # wrong
sl.register_loss(Huber)  # wrong
sl.register_loss("mine")(sl.L1)  # wrong

sl.L1(weight=[1.0, 2.0])  # wrong
sl.MCP(gamma="3")  # wrong
sl.L1() + Huber()  # wrong
sl.L1() * "2"  # wrong
sl.GroupLasso()  # wrong
sl.L2().prox(X, alfa=1.0)  # wrong

LinearRegressor(loss=3)  # wrong
LinearRegressor(Huber)  # wrong
LinearRegressor(sl.L1())  # wrong
LinearRegressor(penalty=Huber())  # wrong
LinearRegressor("huber", "l2")  # wrong
LinearRegressor(alfa=1.0)  # wrong
LinearRegressor(alpha="1")  # wrong
LinearRegressor(tol=None)  # wrong
LinearRegressor(bounds=(0.0, 1.0, 2.0))  # wrong
LinearRegressor().fit(X)  # wrong
LinearRegressor().fit(X, y, weights=y)  # wrong
LinearRegressor().fti(X, y)  # wrong
LinearRegressor().partial_fit(X, y)  # wrong
LinearRegressor().predict_proba(X)  # wrong
b = LinearRegressor().fit(X, y).gap  # wrong
steps: int = LinearRegressor().fit(X, y).gap_  # wrong
SGDClassifier(loss=None)  # wrong
SGDClassifier(optimizer=Huber())  # wrong
SGDClassifier(shuffle="yes")  # wrong
SGDClassifier().predict_proba()  # wrong
SGDClassifier().fit(X, y).decision_function(X, y, y)  # wrong
sl.Adam(beta_1="0.9")  # wrong
sl.Adam(momentum=0.9)  # wrong

sl.LinearRanker(alfa=1.0)  # wrong
sl.LinearRanker().fit(X, y, group=y)  # wrong
sl.LinearSurvival(loss=3)  # wrong
sl.CoxPH(ties=None)  # wrong
sl.ndcg_score(y, y, y)  # wrong
sl.LossSearchCV(LinearRegressor(), 3)  # wrong
sl.LossSearchCV(LinearRegressor(), refit=None)  # wrong

sl.check_loss(3)  # wrong
sl.check_loss(Huber)  # wrong
sl.check_loss(LinearRegressor())  # wrong
c = sl.describe(Huber()).influence.bond  # wrong
sl.describe([3])  # wrong
sl.loss_scorer(Huber(), True)  # wrong
sl.d2_loss_score(y, y)  # wrong
sl.alpha_max(Huber(), X, y)  # wrong
sl.alpha_max(SGDClassifier(), X, y)  # wrong
sl.regularization_path(LinearRegressor(), X, y, n_alphas="3")  # wrong
sl.standard_errors(SGDClassifier(), X, y)  # wrong
sl.standard_errors(LinearRegressor(), X, y, kind=3)  # wrong
sl.LossDisplay.from_losses([3])  # wrong
