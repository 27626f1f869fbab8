"""The time to import the package, beyond what scikit-learn's SGD needs."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from results import Quartiles, Result, Section, Target

import sklearn_losses

TARGET = Target(100, unit=" ms", at_most=True)
WHY_MISSED = (
    "The package has some 270 modules, half a millisecond each, and no slow one of "
    "others; a third of the time is one collection of garbage."
)

SCRIPT = """
import time
import sklearn.linear_model
start = time.perf_counter()
import sklearn_losses
print(time.perf_counter() - start)
"""


def import_ms(n_runs):
    """Import times in ms, each of a fresh process."""
    with tempfile.TemporaryDirectory() as cache:
        # Byte code as in an installed package, wherever this one is run from.
        environment = dict(os.environ, PYTHONPYCACHEPREFIX=cache)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        root = str(Path(sklearn_losses.__file__).parents[1])
        paths = [root, environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        command = [sys.executable, "-c", SCRIPT]
        outputs = [
            subprocess.check_output(command, env=environment, text=True)
            for _ in range(n_runs + 1)
        ]
    return [1e3 * float(output) for output in outputs[1:]]  # the first one compiles


def run(quick):
    """Import times of processes that have imported scikit-learn's SGD."""
    times = Quartiles.of(import_ms(1 if quick else 15))
    work = "import of sklearn_losses after that of sklearn.linear_model"
    print(f"{times.middle:5.0f} ms  {work}", flush=True)
    lines = [
        "- In a fresh process `import sklearn_losses`, after `import ",
        "  sklearn.linear_model` and with byte code from before, takes "
        f"{times.middle:.0f} ms (quartiles {times.low:.0f} to {times.high:.0f}).",
    ]
    return Section("Import", lines, [Result(work, TARGET, times, WHY_MISSED)])
