"""Compile the loss; Cython finds the .pxd files in the installed sklearn_losses."""

from Cython.Build import cythonize
from setuptools import Extension, setup

extension = Extension("quartic_loss._quartic", ["src/quartic_loss/_quartic.pyx"])
setup(
    ext_modules=cythonize(
        [extension],
        compiler_directives={"language_level": 3, "freethreading_compatible": True},
    )
)
