# cython: language_level=3
"""CLoss: the compiled side of a loss, evaluated on whole arrays.

The arrays come from :class:`~sklearn_losses.losses.Loss`, which has checked
shapes, types and the domain of y; nothing is checked again here.
"""

from sklearn_losses.losses._loop cimport loop

ctypedef fused real:
    float
    double


cdef class CLoss:
    """A table of C functions and the parameters they are called with.

    Made by :meth:`sklearn_losses.losses.Loss.compiled`; a loss from another
    package makes its own by setting ``table`` and, if it has parameters,
    ``params`` and the ``owner`` of their memory.
    """

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
        if self.table.abi_version != LOSS_ABI_VERSION or self.table.size < sizeof(LossTable):
            raise ImportError(
                f"{name} was compiled for version {self.table.abi_version} of the C "
                f"interface of losses with a table of {self.table.size} bytes; this "
                f"sklearn_losses has version {LOSS_ABI_VERSION} with {sizeof(LossTable)}. "
                f"Rebuild the package that {name} comes from."
            )
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
        return self.table.row != NULL or self.table.curvature != NULL

    def evaluate_points(self, const real[::1] y, const real[::1] raw,
                        real[::1] value, real[::1] gradient, real[::1] curvature):
        """Write the wanted ones of value, gradient and curvature; None: not wanted.

        All arrays are of shape (n,).
        """
        cdef Block64 block64
        cdef Block32 block32
        cdef Py_ssize_t n = raw.shape[0]
        if n == 0:
            return
        if real is double:
            block64.n = n
            block64.y = &y[0]
            block64.raw = &raw[0]
            block64.value = &value[0] if value is not None else NULL
            block64.gradient = &gradient[0] if gradient is not None else NULL
            block64.curvature = &curvature[0] if curvature is not None else NULL
            with nogil:
                if self.table.block64 != NULL:
                    self.table.block64(self.params, &block64)
                else:
                    loop(self.table.value, self.table.gradient, self.table.curvature,
                         self.params, &block64)
        else:
            block32.n = n
            block32.y = &y[0]
            block32.raw = &raw[0]
            block32.value = &value[0] if value is not None else NULL
            block32.gradient = &gradient[0] if gradient is not None else NULL
            block32.curvature = &curvature[0] if curvature is not None else NULL
            with nogil:
                if self.table.block32 != NULL:
                    self.table.block32(self.params, &block32)
                else:
                    loop(self.table.value, self.table.gradient, self.table.curvature,
                         self.params, &block32)

    def evaluate_rows(self, const double[:, ::1] y, const double[:, ::1] raw,
                      double[::1] value, double[:, ::1] gradient,
                      double[:, ::1] curvature):
        """The same for a loss of rows.

        `y` is of shape (n, 1) or (n, n_outputs), `value` of shape (n,), and the
        others of shape (n, n_outputs).
        """
        cdef Row row
        cdef Py_ssize_t i
        cdef double row_value
        row.y_size = y.shape[1]
        row.n_outputs = raw.shape[1]
        row.gradient = row.curvature = NULL
        with nogil:
            for i in range(raw.shape[0]):
                row.y = &y[i, 0]
                row.raw = &raw[i, 0]
                if gradient is not None:
                    row.gradient = &gradient[i, 0]
                if curvature is not None:
                    row.curvature = &curvature[i, 0]
                row_value = self.table.row(self.params, &row)
                if value is not None:
                    value[i] = row_value
