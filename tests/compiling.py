"""Compile a Cython module in the middle of a test."""

import os
import shutil
import subprocess
import sys
import sysconfig

import pytest


def build(folder, name, source, include_path):
    """Compile the module `name` from its source, into `folder`; or skip the test."""
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    if shutil.which((sysconfig.get_config_var("CC") or "cl").split()[0]) is None:
        pytest.skip("there is no C compiler")
    (folder / f"{name}.pyx").write_text(source, encoding="utf-8")
    program = (
        "from Cython.Build import cythonize\n"
        "from setuptools import Extension, setup\n"
        f"extension = Extension({name!r}, [{name + '.pyx'!r}])\n"
        f"setup(ext_modules=cythonize([extension], include_path=[{include_path!r}],\n"
        "      compiler_directives={'language_level': 3, 'cdivision': True}),\n"
        "      script_args=['build_ext', '--inplace'])\n"
    )
    run(program, folder)


def run(program, folder, **environment):
    """What a program prints; it runs in `folder` with this interpreter."""
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
