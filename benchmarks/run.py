"""Every target of speed and memory, beside what this machine measures.

    python benchmarks/run.py --output benchmarks/RESULTS.md
    python benchmarks/run.py --quick                 # a smoke run at small sizes
    python benchmarks/run.py --only kernels growth   # some of the groups

It needs what `pip install -e ".[test]"` installs. Without numba, glum or skglm, the
cases or contenders that need them are left out. Targets, and why they are missed, are
written beside each case.
"""

import argparse
import datetime
import os
import platform
import re
import time
import warnings
from pathlib import Path

import bound
import certified
import custom
import fits
import growth
import kernels
import memory
import numpy as np
import pages
import predictions
import scipy
import sklearn
import startup
from results import summary
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import sklearn_losses
from sklearn_losses.design import _rows

# The first one while this process is small.
GROUPS = {
    "memory": memory.run,
    "fits": fits.run,
    "kernels": kernels.run,
    "predictions": predictions.run,
    "startup": startup.run,
    "custom": custom.run,
    "bound": bound.run,
    "growth": growth.run,
    "certified": certified.run,
}

NOTES = (
    "- Missed after two attempts, each with its reason on the page named: a stream of",
    "  2^20 features takes 3.5 times as long as scikit-learn's steps, not 3",
    "  (STREAMS.md); fits of 100 to 1,000 rows take 2% to 16% longer than before the",
    "  package had penalties, groups and outputs (benchmarks/small_fits.py).",
)


def compiler():
    """What gcc or clang wrote into the compiled kernels, if it can be read."""
    found = re.search(
        rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+",
        Path(_rows.__file__).read_bytes(),
    )
    return found[0].decode() if found else "unknown"


def processor():
    try:
        text = Path("/proc/cpuinfo").read_text()
        return re.search(r"model name\s*: (.*)", text)[1]
    except (OSError, TypeError):
        return platform.processor() or "unknown"


def header(options, minutes):
    versions = {
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "sklearn_losses": sklearn_losses.__version__,
    }
    command = "python benchmarks/run.py" + (" --quick" if options.quick else "")
    if len(options.only) < len(GROUPS):
        command += " --only " + " ".join(options.only)
    return [
        "# Benchmarks",
        "",
        f"- Command: `{command}`, {minutes:.0f} minutes",
        f"- Date: {datetime.date.today()}",
        f"- Machine: {processor()}, {os.cpu_count()} cores, {platform.machine()}",
        "- Versions: " + ", ".join(f"{k} {v}" for k, v in versions.items()),
        f"- Kernels: compiled by {compiler()}, those for "
        f"{sklearn_losses.instruction_set()}",
        "- Times were taken in turn, on one thread. From one machine to another their",
        "  ratios hold better than they do. Expect a few percent of noise.",
        *NOTES,
        "",
    ]


def report(options):
    """Run the groups; returns the lines of the report."""
    start = time.perf_counter()
    sections = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name in options.only:
            print(f"== {name}", flush=True)
            sections.append(GROUPS[name](options.quick))
    minutes = (time.perf_counter() - start) / 60
    lines = header(options, minutes)
    if options.quick:
        lines += ["A quick run: its sizes are not those of the targets.", ""]
    else:
        lines += summary([result for s in sections for result in s.results])
        lines += pages.section()
    for section in sections:
        lines += [f"## {section.title}", "", *section.lines, ""]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument("--output", type=Path, help="the Markdown file to write")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=GROUPS,
        default=list(GROUPS),
        metavar="GROUP",
        help="some of " + ", ".join(GROUPS),
    )
    options = parser.parse_args()
    text = "\n".join(report(options)).rstrip() + "\n"
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
