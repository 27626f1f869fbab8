"""Which build of the compiled kernels is imported; it is chosen once.

The folder _builds has a folder for each instruction set beyond the one that every
processor of the platform has, with the kernels of each layer. A layer puts its part of
the chosen one at the front of where Python looks for its modules, so that
``sklearn_losses.losses._builtin`` is that build; what it lacks is the baseline's. The
results of all builds are equal to the bit.
"""

import os
from pathlib import Path

from sklearn_losses._machine._cpu import instruction_sets

VARIABLE = "SKLEARN_LOSSES_INSTRUCTION_SET"
FOLDER = Path(__file__).parents[1] / "_builds"


def available():
    """The instruction sets that this processor has and that there is a build for.

    Returns
    -------
    list of str
        The best one last.
    """
    return [
        name
        for name in instruction_sets()
        if name == "baseline" or any((FOLDER / name).rglob("_*.*"))
    ]


def _choose():
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return available()[-1]
    if wanted not in available():
        raise ImportError(
            f"The environment variable {VARIABLE} must be one of the instruction sets "
            f"that this processor has and this installation was built for, "
            f"{available()}. Got {wanted!r}. Unset it for the best of them."
        )
    return wanted


_CHOSEN = _choose()


def instruction_set() -> str:
    """The instruction set of the compiled kernels that are in use.

    It is the best that the processor has, unless the environment variable
    ``SKLEARN_LOSSES_INSTRUCTION_SET`` names another one when the package is imported.

    Returns
    -------
    {"baseline", "x86_64_v3"}
        "baseline" is what every processor of the platform has.
    """
    return _CHOSEN


def with_chosen_build(path, layer):
    """Where to look for the modules of a layer.

    Parameters
    ----------
    path : list of str
        The `__path__` of its package.
    layer : str
        Its name, of the form "sklearn_losses.losses".

    Returns
    -------
    list of str
    """
    return [str(Path(FOLDER, _CHOSEN, *layer.split(".")[1:])), *path]
