"""
Rare classes: Focal, class weights, and calibration
===================================================

Who will see a doctor more than ten times in a year? Of the 20,190 person-years of the
RAND Health Insurance Experiment, which come with statsmodels, one in twenty-one. Three
models of the same features:

- ``LogLoss()`` has probabilities that can be believed;
- ``class_weight="balanced"`` takes the rare class for half of all rows: its
  probabilities are far too large, although it ranks people just as well;
- ``Focal()`` leaves easy rows alone, and has probabilities again, by a link of its own:
  ``expit`` of the raw prediction would draw them towards one half.

So weights change the threshold, and hardly the model. Ranking is about the same for all
three; who needs probabilities should not weigh.
"""

import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import PrecisionRecallDisplay
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import Focal, LinearClassifier, LogLoss

data = sm.datasets.randhie.load_pandas().data
X, y = data.drop(columns="mdvis"), data["mdvis"] > 10
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, random_state=0, stratify=y
)
models = {
    "LogLoss()": LinearClassifier(LogLoss()),
    'LogLoss(), class_weight="balanced"': LinearClassifier(
        LogLoss(), class_weight="balanced"
    ),
    "Focal()": LinearClassifier(Focal()),
}

_, (calibration, ranking) = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
calibration.plot([1e-3, 1], [1e-3, 1], "k:", label="believable")


def draw(name, probability, **style):
    true, said = calibration_curve(y_test, probability, n_bins=8, strategy="quantile")
    calibration.plot(said, true, marker="o", label=name, **style)
    print(f"{name:35} mean probability {probability.mean():.3f}")


print(f"{'share of the rare class':35} {y_test.mean():20.3f}")
for name, model in models.items():
    fitted = make_pipeline(StandardScaler(), model).fit(X_train, y_train)
    draw(name, fitted.predict_proba(X_test)[:, 1])
    PrecisionRecallDisplay.from_estimator(fitted, X_test, y_test, ax=ranking, name=name)
draw(
    "Focal(), expit instead of its link",
    expit(fitted.decision_function(X_test)),
    ls="--",
)

calibration.set(
    xscale="log",
    yscale="log",
    xlim=(0.005, 1),
    ylim=(0.005, 1),
    xlabel="predicted probability",
    ylabel="share that it came true for",
    title="Calibration of new people",
)
calibration.legend(fontsize=9)
ranking.axhline(np.mean(y_test), color="k", ls=":")
ranking.set(
    xlabel="recall", ylabel="precision", title="Ranking: about the same", ylim=(0, 0.5)
)
ranking.legend(fontsize=9)
plt.show()
