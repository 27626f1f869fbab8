"""Build the Cython modules; everything else about the package is in pyproject.toml.

The kernels are compiled once more for each instruction set of BUILDS, from the same C
file. Which build is imported is decided in sklearn_losses/_machine/_instruction_set.py.
What Cython writes for every module that takes arrays is compiled once, as SHARED: it
would be half of the time. All cores compile, and what is up to date is not compiled
again.
"""

import hashlib
import os
import platform
import sys
from copy import copy
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext

# All builds give the same results to the bit, so a product and a sum are never fused.
# The last two flags let a choice between two numbers be vectorised. Debug information
# that nobody asks for (CFLAGS=-g does) would take a third of the time.
COMPILE_ARGS = [
    "-O3",
    *([] if "-g" in os.environ.get("CFLAGS", "") else ["-g0"]),
    "-fno-math-errno",
    "-ffp-contract=off",
    "-fno-trapping-math",
    "-fno-thread-jumps",
]
# Not x86-64-v4: gcc 12 gets a loop over AVX-512 masks wrong, and SGD gains nothing.
BUILDS = {"x86_64_v3": "-march=x86-64-v3"}
KERNELS = (
    "_machine._arrays",
    "losses._anchors",
    "losses._builtin",
    "losses._group_builtin",
    "losses._large_groups",
    "losses._likelihoods",
    "losses._table",
    "design._matrices",
    "design._rows",
    "solvers.sgd._weights",
    "solvers.sgd._sgd_epoch",
    "solvers.sgd._short_rows",
    "solvers.sgd._long_rows",
    "solvers.sgd._gradient_epoch",
    "terms._distances",
    "terms._point_sums",
    "problem._sweep",
)
# A loop over the points of a block can be vectorised once its formulas are inlined, to
# the last; and calls are half of what a step of a short row costs.
INLINE_ALL = "-DCYTHON_INLINE=inline __attribute__((always_inline))"
INLINED = (
    "losses._anchors",
    "losses._builtin",
    "losses._group_builtin",
    "solvers.sgd._short_rows",
)
SHARED = "sklearn_losses._cyutility"
OPENMP = ["-fopenmp"] if sys.platform == "linux" else []


class BuildExtensions(build_ext):
    """Each build has its own object files, and its own folder beside the package."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()
        self.kept = build(self.distribution)
        self.kept.ensure_finalized()

    def build_extension(self, ext):
        """Compile in build/, if the C file or a flag is not as it was.

        What counts is what the C file says: pip installs a Cython of its own each time,
        which is younger than any C file, and names a new folder to build in.
        """
        own = copy(self)  # other threads build other modules
        own.build_lib = self.kept.build_lib
        own.build_temp = os.path.join(self.kept.build_temp, *ext.name.split("."))
        built, note = Path(own.get_ext_fullpath(ext.name)), Path(own.build_temp, "of")
        inputs = self.inputs_of(ext)
        if self.force or not (built.exists() and is_text_of(note, inputs)):
            own.force = True
            super(BuildExtensions, own).build_extension(ext)
            note.write_text(inputs)
        if self.build_lib != own.build_lib:
            wanted = self.get_ext_fullpath(ext.name)
            os.makedirs(os.path.dirname(wanted), exist_ok=True)
            self.copy_file(built, wanted)

    def inputs_of(self, ext):
        """A digest of all that the module is made of."""
        source = Path(ext.sources[0]).read_bytes()
        flags = (self.compiler.compiler_so, ext.extra_compile_args, ext.extra_link_args)
        return hashlib.sha256(source + repr(flags).encode()).hexdigest()

    def copy_extensions_to_source(self):
        for ext in self.extensions:
            folder = os.path.dirname(self.get_ext_filename(ext.name))
            os.makedirs(folder, exist_ok=True)
        super().copy_extensions_to_source()


def is_text_of(path, text):
    return path.exists() and path.read_text() == text


def extension(name, source, *compile_args, optional=False):
    """One module; on Linux it may use threads."""
    flags = [*COMPILE_ARGS, *OPENMP, *compile_args]
    for inlined in INLINED:
        flags += [INLINE_ALL] if name.endswith(inlined) else []
    return Extension(
        name,
        [source],
        extra_compile_args=["/O2"] if sys.platform == "win32" else flags,
        extra_link_args=OPENMP,
        optional=optional,
    )


def cythonized():
    """One extension for each .pyx, and SHARED."""
    paths = sorted(Path("sklearn_losses").rglob("*.pyx"))
    names = [".".join(path.with_suffix("").parts) for path in paths]
    shared = extension(SHARED, f"{SHARED.replace('.', '/')}.c", "-O2")
    return cythonize(
        [shared, *(extension(n, p.as_posix()) for n, p in zip(names, paths))],
        nthreads=os.cpu_count(),
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
            "embedsignature": True,
            "freethreading_compatible": True,
        },
        shared_utility_qualified_name=SHARED,
    )


def more_builds():
    """One extension for each kernel and further instruction set."""
    if platform.machine() not in ("x86_64", "AMD64") or sys.platform == "win32":
        return []
    return [
        extension(
            f"sklearn_losses._builds.{name}.{kernel}",
            f"sklearn_losses/{kernel.replace('.', '/')}.c",
            flag,
            optional=True,  # for a compiler that does not know the instruction set
        )
        for name, flag in BUILDS.items()
        for kernel in KERNELS
    ]


def modules():
    """All extensions, the large ones first: no core is to end long after the rest."""
    return sorted(
        cythonized() + more_builds(),
        key=lambda module: os.path.getsize(module.sources[0]),
        reverse=True,
    )


if __name__ == "__main__":  # where processes are not forked, Cython's import this file
    setup(ext_modules=modules(), cmdclass={"build_ext": BuildExtensions})
