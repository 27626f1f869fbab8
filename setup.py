"""Build the Cython modules; everything else about the package is in pyproject.toml.

The kernels are compiled once more for each instruction set of BUILDS, from the same C
file. Which build is imported is decided in sklearn_losses/_instruction_set.py.
"""

import os
import platform
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# All builds give the same results to the bit, so a product and a sum are never fused.
# The other two flags let a choice between two numbers be vectorised.
COMPILE_ARGS = [
    "-O3",
    "-fno-math-errno",
    "-ffp-contract=off",
    "-fno-trapping-math",
    "-fno-thread-jumps",
]
# Not x86-64-v4: gcc 12 gets a loop over AVX-512 masks wrong, and SGD gains nothing.
BUILDS = {"x86_64_v3": "-march=x86-64-v3"}
KERNELS = (
    "losses._arrays",
    "losses._builtin",
    "losses._table",
    "linear._matrices",
    "linear._rows",
    "linear._weights",
    "solvers._sgd_epoch",
    "solvers._short_rows",
    "solvers._long_rows",
    "solvers._gradient_epoch",
    "solvers._point_sums",
    "solvers._sweep",
)
# A loop over the points of a block can be vectorised once its formulas are inlined, to
# the last; and calls are half of what a step of a short row costs.
INLINE_ALL = "-DCYTHON_INLINE=inline __attribute__((always_inline))"
MORE_ARGS = {"losses._builtin": [INLINE_ALL], "solvers._short_rows": [INLINE_ALL]}
OPENMP = ["-fopenmp"] if sys.platform == "linux" else []


class BuildExtensions(build_ext):
    """Each build has its own object files, and its own folder beside the package."""

    def build_extension(self, ext):
        before = self.build_temp
        self.build_temp = os.path.join(before, *ext.name.split("."))
        try:
            super().build_extension(ext)
        finally:
            self.build_temp = before

    def copy_extensions_to_source(self):
        for ext in self.extensions:
            folder = os.path.dirname(self.get_ext_filename(ext.name))
            os.makedirs(folder, exist_ok=True)
        super().copy_extensions_to_source()


def extension(name, source, *compile_args, optional=False):
    """One module; on Linux it may use threads."""
    flags = [*COMPILE_ARGS, *OPENMP, *compile_args]
    for kernel, more in MORE_ARGS.items():
        flags += more if name.endswith(kernel) else []
    return Extension(
        name,
        [source],
        extra_compile_args=["/O2"] if sys.platform == "win32" else flags,
        extra_link_args=OPENMP,
        optional=optional,
    )


def modules():
    """One extension for each .pyx, and one for each kernel and instruction set."""
    paths = sorted(Path("sklearn_losses").rglob("*.pyx"))
    names = [".".join(path.with_suffix("").parts) for path in paths]
    result = cythonize(
        [extension(name, path.as_posix()) for name, path in zip(names, paths)],
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
            "embedsignature": True,
            "freethreading_compatible": True,
        },
    )
    if platform.machine() not in ("x86_64", "AMD64") or sys.platform == "win32":
        return result
    return result + [
        extension(
            f"sklearn_losses._builds.{build}.{kernel}",
            f"sklearn_losses/{kernel.replace('.', '/')}.c",
            flag,
            optional=True,  # for a compiler that does not know the instruction set
        )
        for build, flag in BUILDS.items()
        for kernel in KERNELS
    ]


setup(ext_modules=modules(), cmdclass={"build_ext": BuildExtensions})
