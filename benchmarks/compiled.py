"""Cython modules that are compiled for a run of the benchmarks, elsewhere."""

import atexit
import importlib
import shutil
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

import pyximport

import sklearn_losses


@lru_cache
def build_folder():
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def compiled(folder, module):
    """The module of that name in a folder; what of it is Cython is compiled.

    Parameters
    ----------
    folder : Path
    module : str

    Returns
    -------
    module
    """
    before = list(sys.path)
    # Cython looks there for the .pxd files of this package, however it is installed.
    sys.path[:0] = [str(folder), str(Path(sklearn_losses.__file__).parents[1])]
    finders = pyximport.install(build_dir=build_folder(), language_level=3)
    try:
        return importlib.import_module(module)
    finally:
        pyximport.uninstall(*finders)
        sys.path[:] = before
