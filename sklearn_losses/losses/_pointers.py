"""C functions as people have them, and how they get into another process.

A C function is an address and a signature. scipy's LowLevelCallable reads both off
PyCapsules, ctypes and cffi pointers, and so off what numba and Cython export; a string
"module:name" is one of these, imported when it is used:

>>> from sklearn_losses.losses._pointers import find_pointer
>>> find_pointer("scipy.special.cython_special:huber").takes
'skip_dispatch'

Addresses differ between processes, so a function is pickled as such a string.
"""

import ctypes
import importlib
import pickle
import re
import sys
from functools import cached_property, reduce
from typing import NamedTuple

from scipy import LowLevelCallable

from sklearn_losses.losses._cfunctions import capsule_pointers

# The third argument in a signature, and what a function with it takes besides the
# target and the raw prediction. Cython adds an int to what is declared as cpdef.
_THIRD = {
    None: "nothing",
    "void *": "pointer",
    "double *": "pointer",
    "const double *": "pointer",
    "int __pyx_skip_dispatch": "skip_dispatch",
}
_SIGNATURE = re.compile(r"double \(double, double(?:, ([^,]*))?\)")
_ACCEPTED = (
    "'double (double, double)', called with y_true and raw_prediction, and "
    "'double (double, double, void *)' or 'double (double, double, double *)', called "
    "also with a pointer to the parameters"
)
_CTYPES_FUNCTION = ctypes.CFUNCTYPE(None).__mro__[1]
_MAIN = ("__main__", "__mp_main__")  # another program in another process


class Pointer(NamedTuple):
    """Where a C function is, and how it is called.

    Attributes
    ----------
    address : int
    takes : {"nothing", "pointer", "skip_dispatch"}
        Its third argument.
    user_data : int
        The pointer that it brings along as third argument; 0 for none.
    source : object
        What keeps the code alive.
    """

    address: int
    takes: str
    user_data: int
    source: object


class CFunction:
    """A function as its user gave it: shared by copies, pickled as an import path."""

    def __init__(self, given):
        self.given = given

    @cached_property
    def pointer(self):
        return find_pointer(self.given)

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return CFunction, (import_path(self.given),)


def find_pointer(function):
    """The pointer to a C function.

    Parameters
    ----------
    function : LowLevelCallable, PyCapsule, ctypes or cffi pointer, numba cfunc or str
        A str is "package.module:name".

    Returns
    -------
    Pointer

    Raises
    ------
    TypeError
        If it is none of these, or its signature is not accepted.
    ImportError
        If it is a str and there is nothing of that name.
    """
    source = _import(function) if isinstance(function, str) else function
    if _is_numba(source):
        source = source.ctypes
    callable_ = _low_level_callable(source)
    signature = " ".join((callable_.signature or "unknown").split())
    match = _SIGNATURE.fullmatch(signature)
    if match is None or match[1] not in _THIRD:
        raise TypeError(
            f"{function!r} has the signature {signature!r}. Accepted are {_ACCEPTED}."
        )
    capsule = capsule_pointers(callable_.function)
    address, context = capsule or (_address(callable_.function), 0)
    user_data = (
        context if callable_.user_data is None else _address(callable_.user_data)
    )
    return Pointer(address, _THIRD[match[1]], user_data, source)


def import_path(function):
    """The "module:name" under which another process finds the same C function.

    Parameters
    ----------
    function
        As in `find_pointer`.

    Returns
    -------
    str

    Raises
    ------
    pickle.PicklingError
        If no module that has been imported holds it.
    """
    if isinstance(function, str):
        return function
    wanted = find_pointer(function)[:3]
    for module, name in _candidates(function):
        path = f"{module}:{name}"
        try:
            if find_pointer(path)[:3] == wanted:
                return path
        except (TypeError, ImportError):
            continue
    raise pickle.PicklingError(
        f"{function!r} is a C function that no imported module holds under a name, so "
        "that another process could not find it. Assign it to a global variable of a "
        "module that can be imported (not of __main__), or give the loss its import "
        "path: CFunctionLoss('package.module:name', ...)."
    )


def _import(path):
    """The object that "module:name" stands for: first of all a C function of Cython."""
    module_name, _, name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
        exported = getattr(module, "__pyx_capi__", {})
        if name in exported:
            return exported[name]
        return reduce(getattr, name.split("."), module)
    except (ImportError, AttributeError, ValueError) as error:
        raise ImportError(
            f"{path!r} is not the import path of a C function, 'package.module:name': "
            f"{error}"
        ) from error


def _low_level_callable(source):
    if isinstance(source, LowLevelCallable):
        return source
    if isinstance(source, _CTYPES_FUNCTION) and source.argtypes is None:
        raise TypeError(
            f"The signature of {source!r} is not known: set its argtypes and its "
            f"restype. Accepted are {_ACCEPTED}."
        )
    try:
        return LowLevelCallable(source)
    except ValueError as error:
        hint = " For a function of Python use NumpyLoss." if callable(source) else ""
        raise TypeError(
            f"{source!r} is not a C function. Use a scipy.LowLevelCallable, a "
            "PyCapsule, a ctypes or cffi function pointer, a numba.cfunc, or the "
            f"import path of one.{hint}"
        ) from error


def _is_numba(source):
    """Whether it is a numba.cfunc, without importing numba."""
    # Asked of the type: what an instance does on getattr is its own business.
    return hasattr(type(source), "address") and hasattr(type(source), "ctypes")


def _is_cffi(source):
    return type(source).__module__ == "_cffi_backend" and callable(source)


def _address(pointer):
    if capsule_pointers(pointer):
        return capsule_pointers(pointer)[0]
    if type(pointer).__module__ == "_cffi_backend":
        from cffi import FFI

        return int(FFI().cast("uintptr_t", pointer))
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def _candidates(function):
    """Names of what may be the function: its own first, then of all that look alike."""
    own = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if all(isinstance(name, str) for name in own) and own[0] not in _MAIN:
        yield own
    kinds = (LowLevelCallable, _CTYPES_FUNCTION)
    for module_name, module in list(sys.modules.items()):
        if module_name in _MAIN or not hasattr(module, "__dict__"):
            continue
        members = dict(vars(module))
        exported = members.get("__pyx_capi__")
        yield from ((module_name, name) for name in exported or ())
        for name, member in members.items():
            # Not isinstance(member, ...), which may run a lazy object's own code.
            is_pointer = issubclass(type(member), kinds)
            if is_pointer or _is_numba(member) or _is_cffi(member):
                yield module_name, name
