"""Every build of the kernels gives the same results, to the bit."""

import hashlib
import importlib
import sys
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

import sklearn_losses
from sklearn_losses import SGDClassifier, SGDRegressor
from sklearn_losses._machine._instruction_set import VARIABLE, available
from sklearn_losses.losses import survival_target
from tests.cases import GROUP_LOSSES, LOSSES, raw_predictions, targets
from tests.compiling import run

CODE = """
import sklearn_losses
from tests.test_instruction_sets import digest, groups, losses, fits
found = map(digest, (losses(), groups(), fits()))
print(sklearn_losses.instruction_set(), *found)
"""


def digest(arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a) for a in arrays)).hexdigest()


def losses():
    """Value and derivatives of all losses."""
    rng = np.random.default_rng(0)
    for loss in LOSSES:
        for dtype in (np.float64, np.float32):
            y = targets(loss, rng, 1003)
            raw = raw_predictions(loss, rng, 1003).astype(dtype)
            yield from loss.value_gradient(y, raw)
            if loss.checked().has_curvature:
                yield loss.curvature(y, raw)
            if loss.checked().has_hessian:
                yield loss.hessian(y, raw)


def groups():
    """Value and derivatives of losses of groups, of small ones and large ones."""
    rng = np.random.default_rng(0)
    for n in (60, 900):
        y, r = rng.integers(4, size=n) + 1.0, 3 * rng.normal(size=n)
        w, v = rng.uniform(0.5, 2.0, size=n), rng.normal(size=(n, 3))
        which = rng.integers(2, size=n)
        late = survival_target(which > 0, y, np.where(w < 1, 0.0, y - 0.5))
        for loss in GROUP_LOSSES:
            args = late if loss.task == "survival" else y, r
            yield from loss.value_gradient(*args, which, w)
            yield loss.curvature(*args, which, w)
            yield loss.hessian_product(*args, v, which, w)


def fits():
    """The coefficients of fits on all kinds of rows, with all penalties."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 37)) * (rng.random((300, 37)) < 0.4)
    y = X @ rng.normal(size=37) + rng.normal(size=300)
    labels = np.digitize(y, np.quantile(y, [0.3, 0.6]))
    settings = dict(max_iter=4, tol=1e-9, random_state=0, eta0=0.001)
    for rows in (X, X.astype(np.float32), sparse.csr_array(X)):
        for penalty in ("l2", "elasticnet"):
            for more in (
                {},
                {"average": True},
                {"batch_size": 7},
                {"optimizer": "adam", "learning_rate": "constant"},
                {"clip_gradient": 0.1, "learning_rate": "constant"},
            ):
                for estimator, target in (
                    (SGDRegressor("huber", learning_rate="invscaling"), y),
                    (SGDClassifier("log_loss", learning_rate="optimal"), labels),
                    (SGDClassifier("cross_entropy", learning_rate="optimal"), labels),
                ):
                    estimator.set_params(penalty=penalty, **settings, **more)
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", ConvergenceWarning)
                        yield estimator.fit(rows, target).coef_


def test_builds_agree_to_the_bit(tmp_path):
    found = {
        name: run(CODE, tmp_path, **{VARIABLE: name}).split() for name in available()
    }
    assert {name: said[0] for name, said in found.items()} == {n: n for n in found}
    assert len({tuple(said[1:]) for said in found.values()}) == 1, found


def test_the_best_build_is_chosen(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    program = "import sklearn_losses; print(sklearn_losses.instruction_set())"
    assert run(program, tmp_path).strip() == available()[-1]
    assert sklearn_losses.instruction_set() in available()


@pytest.mark.parametrize("wanted", ["avx2", "x86_64_v9"])
def test_an_instruction_set_that_is_not_there(wanted, monkeypatch):
    monkeypatch.setenv(VARIABLE, wanted)
    name = "sklearn_losses._machine._instruction_set"
    monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=rf"{VARIABLE} must be one of .*'{wanted}'"):
        importlib.import_module(name)


def test_kernels_come_from_the_chosen_build():
    chosen = sklearn_losses.instruction_set()
    from sklearn_losses.losses import _builtin

    assert ("_builds" in _builtin.__file__) == (chosen != "baseline")
    assert chosen == "baseline" or chosen in _builtin.__file__
