"""A forked process does what its parent did, whose threads it has not got."""

import os
import subprocess
import sys

import pytest

# The number of threads is read when the library is loaded, so in a new process.
SCRIPT = """
import multiprocessing
import numpy as np
from threadpoolctl import threadpool_limits
from sklearn_losses import Huber, LinearRegressor, LogLoss, SGDClassifier, SGDRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(1 << 18, 16))
y = X @ rng.normal(size=16) + rng.normal(size=len(X))
steps = SGDRegressor(Huber(), learning_rate="constant", batch_size=1 << 17, n_jobs=2)
steps.set_params(random_state=0)
signs = SGDClassifier(LogLoss()).fit(X[:99], y[:99] > 0)
many = np.resize(y, 1 << 21)
jobs = {
    "LinearRegressor.fit": lambda: LinearRegressor(Huber()).fit(X, y).coef_,
    "SGDRegressor.fit": lambda: SGDRegressor(Huber()).fit(X, y).coef_,
    "SGDRegressor.partial_fit": lambda: steps.partial_fit(X, y).coef_ * 0,
    "predict": lambda: signs.predict(X),
    "decision_function": lambda: signs.decision_function(X),
    "value": lambda: Huber().value(many, np.zeros_like(many)),
}
fork = multiprocessing.get_context("fork")


def compare(job, expected):
    with threadpool_limits(2):  # who asks for threads in the child gets none
        assert np.allclose(job(), expected, rtol=1e-9)


for name, job in jobs.items():
    child = fork.Process(target=compare, args=(job, job()), daemon=True)
    child.start()
    child.join(60)
    ended = {None: "hangs", 0: "is right"}.get(child.exitcode, "fails")
    print(f"the child's {name} {ended}")
    if child.exitcode is None:
        child.kill()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are used on Linux only")
def test_a_forked_process_fits_predicts_and_evaluates():
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout.count("is right") == 6, done.stdout + done.stderr
