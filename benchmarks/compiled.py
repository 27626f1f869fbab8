"""Cython modules that are compiled for a run of the benchmarks, elsewhere."""

import atexit
import importlib
import shutil
import sys
import tempfile
from functools import lru_cache

import pyximport


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
    finders = pyximport.install(build_dir=build_folder(), language_level=3)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(module)
    finally:
        sys.path.remove(str(folder))
        pyximport.uninstall(*finders)
