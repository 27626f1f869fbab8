"""
Loss curves that tell how a fit went
====================================

Four fits, and what their loss curves say. The model learns to tell the eights from the
other digits of scikit-learn's digits data:

1. enough epochs with a sensible step: both curves level off;
2. few rows and no penalty: the validation loss rises, while the training loss falls on.
   Early stopping keeps the epoch where it was least;
3. steps that are too small: both curves still fall when the epochs are used up;
4. `learning_rate="auto"`: Newton's method on all rows, in a few iterations.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_losses import LogLoss, LossCurveDisplay, SGDClassifier

X, digits = load_digits(return_X_y=True)
X = X / 16.0
X_train, X_val, y_train, y_val = train_test_split(
    X, digits == 8, test_size=0.4, random_state=0, stratify=digits == 8
)

CASES = {
    "healthy": (dict(learning_rate="constant", eta0=0.02, alpha=1e-3), slice(None)),
    "few rows": (
        dict(learning_rate="constant", eta0=0.3, alpha=0.0, tol=None, max_iter=80),
        slice(120),
    ),
    "small steps": (
        dict(learning_rate="constant", eta0=3e-5, tol=None, max_iter=40),
        slice(None),
    ),
    "auto": (dict(learning_rate="auto", alpha=1e-3), slice(None)),
}


def main():
    _, axes = plt.subplots(2, 2, figsize=(12.5, 8.4), layout="constrained")
    for (name, (parameters, rows)), ax in zip(CASES.items(), axes.flat):
        model = SGDClassifier(
            LogLoss(), **{"max_iter": 60, "trace": True, "random_state": 0} | parameters
        )
        model.fit(X_train[rows], y_train[rows], X_val=X_val, y_val=y_val)
        display = LossCurveDisplay.from_estimator(model, ax=ax, name=name)
        print(f"{name}: {display.verdict}. {display.explanation}")
    plt.show()


if __name__ == "__main__":
    main()
