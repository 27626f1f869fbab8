# cython: language_level=3
"""CLoss: the compiled side of a loss, evaluated on whole arrays.

The arrays come from :class:`~sklearn_losses.losses.Loss`, which has checked
shapes, types and the domain of y; nothing is checked again here.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc

from sklearn_losses.losses._conjugate cimport searched_conjugate
from sklearn_losses.losses._loop cimport evaluate_block, evaluate_rows

ctypedef fused real:
    float
    double


cdef int check_table(int abi_version, size_t size) except -1:
    """Refuse a table that this build cannot read. The signature must never change."""
    cdef LossTable table
    cdef size_t required = <char *> &table.row_block - <char *> &table + sizeof(row_block_fn)
    if abi_version != LOSS_ABI_VERSION or size < required:
        raise ImportError(
            f"A loss was compiled for version {abi_version} of the C interface of losses "
            f"with a table of {size} bytes. This sklearn_losses has version "
            f"{LOSS_ABI_VERSION} with at least {required} bytes. Rebuild the package that "
            "the loss comes from with this sklearn_losses."
        )
    return 0


cdef class _Parameters:
    """A row of doubles, where the functions of a loss find its parameters."""

    cdef double *values

    def __cinit__(self, parameters):
        cdef Py_ssize_t i, n = len(parameters)
        self.values = <double *> PyMem_Malloc(max(n, 1) * sizeof(double))
        if self.values == NULL:
            raise MemoryError()
        for i in range(n):
            self.values[i] = parameters[i]

    def __dealloc__(self):
        PyMem_Free(self.values)


cdef CLoss new_loss(const LossTable *table, parameters):
    """A loss whose functions read these parameters, in this order, as doubles."""
    cdef _Parameters row = _Parameters(parameters)
    cdef CLoss loss = CLoss()
    loss.table = table
    loss.params = row.values
    loss.owner = row
    return loss


cdef class CLoss:
    """A table of C functions and the parameters they are called with.

    Made by :meth:`sklearn_losses.losses.Loss.compiled`, in C by ``new_loss``.

    Attributes
    ----------
    owner : object
        What keeps the memory of the parameters alive. If its functions can fail, as
        those of Python can, it has a method `raise_error`; see there.
    parts : tuple of CLoss
        The losses that its functions call.
    """

    def __cinit__(self):
        self.parts = ()

    def raise_error(self):
        """Raise what went wrong inside the functions since the last call.

        C functions return a number and nothing else. A function that fails keeps its
        exception in the `owner`, and returns nan from then on; whoever has called
        functions of the table calls this before looking at what they returned.
        """
        for part in self.parts:
            (<CLoss> part).raise_error()
        raise_error = getattr(self.owner, "raise_error", None)
        if raise_error is not None:
            raise_error()

    def check(self, str name, str granularity):
        """Refuse a table that this build cannot read, or that lacks a function.

        Parameters
        ----------
        name : str
            The loss, for the error message.
        granularity : {"point", "row"}
            What the loss says that it is.

        Returns
        -------
        self : CLoss

        Raises
        ------
        ImportError
            If the table was built for another version of the interface.
        TypeError
            If there is no table, or it lacks the functions of its granularity.
        """
        if self.table == NULL:
            raise TypeError(f"{name} has no table of C functions: set CLoss.table.")
        check_table(self.table.abi_version, self.table.size)
        if granularity == "row":
            missing = [] if self.table.row != NULL else ["row"]
        else:
            missing = [
                member for member, is_there in (
                    ("value", self.table.value != NULL),
                    ("gradient", self.table.gradient != NULL),
                ) if not is_there
            ]
        if missing:
            raise TypeError(
                f"{name} is a loss of {granularity}s and its table has no function "
                f"{' and no '.join(missing)}."
            )
        return self

    @property
    def has_curvature(self):
        """Whether a second derivative can be asked for."""
        if self.table.row != NULL:
            return not self.table.without_curvature
        return self.table.curvature != NULL

    def evaluate_points(self, const real[::1] y, const real[::1] raw,
                        real[::1] value, real[::1] gradient, real[::1] curvature):
        """Write the wanted ones of value, gradient and curvature; None: not wanted.

        All arrays are of shape (n,).
        """
        cdef Block64 block64
        cdef Block32 block32
        if raw.shape[0] == 0:
            return
        if real is double:
            block64.n = raw.shape[0]
            block64.y = &y[0]
            block64.raw = &raw[0]
            block64.value = &value[0] if value is not None else NULL
            block64.gradient = &gradient[0] if gradient is not None else NULL
            block64.curvature = &curvature[0] if curvature is not None else NULL
            with nogil:
                evaluate_block(self.table, self.params, &block64)
        else:
            block32.n = raw.shape[0]
            block32.y = &y[0]
            block32.raw = &raw[0]
            block32.value = &value[0] if value is not None else NULL
            block32.gradient = &gradient[0] if gradient is not None else NULL
            block32.curvature = &curvature[0] if curvature is not None else NULL
            with nogil:
                evaluate_block(self.table, self.params, &block32)
        self.raise_error()

    def evaluate_rows(self, const double[:, ::1] y, const double[:, ::1] raw,
                      double[::1] value, double[:, ::1] gradient,
                      double[:, ::1] curvature):
        """The same for a loss of rows.

        `y` is of shape (n, 1) or (n, n_outputs), `value` of shape (n,), and the
        others of shape (n, n_outputs).
        """
        cdef RowBlock block
        if raw.shape[0] == 0:
            return
        block.n = raw.shape[0]
        block.n_outputs = raw.shape[1]
        block.y_size = y.shape[1]
        block.y = &y[0, 0]
        block.raw = &raw[0, 0]
        block.value = &value[0] if value is not None else NULL
        block.gradient = &gradient[0, 0] if gradient is not None else NULL
        block.curvature = &curvature[0, 0] if curvature is not None else NULL
        with nogil:
            evaluate_rows(self.table, self.params, &block)
        self.raise_error()

    def evaluate_conjugate(self, const double[::1] y, const double[::1] dual,
                           double[::1] conjugate):
        """Write the conjugates of a convex loss of points; all of shape (n,)."""
        cdef Py_ssize_t i
        with nogil:
            for i in range(dual.shape[0]):
                if dual[i] != dual[i] or dual[i] - dual[i] != 0.0:
                    conjugate[i] = dual[i] * dual[i]  # nan, or inf of an infinite slope
                elif self.table.conjugate != NULL:
                    conjugate[i] = self.table.conjugate(self.params, y[i], dual[i])
                else:
                    conjugate[i] = searched_conjugate(
                        self.table.value, self.table.gradient, self.params, y[i], dual[i])
        self.raise_error()
