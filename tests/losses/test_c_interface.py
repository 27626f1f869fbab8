"""Losses compiled elsewhere, against this release's .pxd files or another's."""

from pathlib import Path

import numpy as np
import pytest

import sklearn_losses
from sklearn_losses import LinearRanker, SGDRegressor, SquaredError, check_loss
from tests import compiling
from tests.compiling import run

SOURCE = """
from sklearn_losses.losses import Interval, PointLoss
from sklearn_losses.losses._table cimport LossTable, new_loss, start_table

cdef double value(const void *params, double y, double raw) noexcept nogil:
    return (<const double *> params)[1] * (raw - y) ** 2 / 2

cdef double gradient(const void *params, double y, double raw) noexcept nogil:
    return (<const double *> params)[1] * (raw - y)

cdef LossTable table
start_table(&table)
table.value, table.gradient = value, gradient

class Scaled(PointLoss):
    _constraints = {"factor": [Interval(0, None, "neither")]}

    def __init__(self, factor=1.0):
        self.factor = factor

    def compiled(self):
        return new_loss(&table, [-1.0, self.factor])
"""
ROWS = """
from sklearn_losses.losses import RowLoss
from sklearn_losses.losses._table cimport Row

cdef double squares(const void *params, const Row *row) noexcept nogil:
    cdef Py_ssize_t k
    cdef double value = 0.0
    for k in range(row.n_outputs):
        value += 0.5 * (row.raw[k] + row.raw[0]) ** 2
        if row.gradient != NULL:
            row.gradient[k] = 0.0
    for k in range(row.n_outputs):
        if row.gradient != NULL:
            row.gradient[k] += row.raw[k] + row.raw[0]
            row.gradient[0] += row.raw[k] + row.raw[0]
        if row.curvature != NULL:
            row.curvature[k] = 1.0 if k > 0 else 3.0 + row.n_outputs
    return value

cdef LossTable of_rows
start_table(&of_rows)
of_rows.row = squares

class Squares(RowLoss):
    symmetric = False

    def compiled(self):
        return new_loss(&of_rows, [])
"""
HESSIAN_OF_ROWS = """
cdef void hessian(const void *params, const Row *row, double *out) noexcept nogil:
    cdef Py_ssize_t j, k, i = 0
    for j in range(row.n_outputs):
        for k in range(j + 1):
            out[i] = 1.0 if j == k or k == 0 else 0.0
            i += 1
    out[0] = 3.0 + row.n_outputs

of_rows.row_hessian = hessian
"""
# Squares about the best shift of each group: a regression with an intercept of each.
GROUPS = """
from sklearn_losses.losses import GroupLoss
from sklearn_losses.losses._table cimport Group

cdef double within(const void *params, const Group *g) noexcept nogil:
    cdef double factor = (<const double *> params)[0]
    cdef double total = 0.0, shift = 0.0, value = 0.0, r, along
    cdef Py_ssize_t i, j, k = g.n_directions
    for i in range(g.n):
        total += g.weight[i]
        shift += g.weight[i] * (g.raw[i] - g.y[i])
    for i in range(g.n):
        r = g.raw[i] - g.y[i] - shift / total
        value += 0.5 * factor * g.weight[i] * r * r
        if g.gradient != NULL:
            g.gradient[i] = factor * g.weight[i] * r
        if g.curvature != NULL:
            g.curvature[i] = factor * g.weight[i] * (1.0 - g.weight[i] / total)
    for j in range(k if g.product != NULL else 0):
        along = 0.0
        for i in range(g.n):
            along += g.weight[i] * g.v[i * k + j]
        for i in range(g.n):
            g.product[i * k + j] = (
                factor * g.weight[i] * (g.v[i * k + j] - along / total))
    return value

cdef LossTable of_groups
start_table(&of_groups)
of_groups.group = within

class Within(GroupLoss):
    convex = differentiable = True

    def __init__(self, factor=1.0):
        self.factor = factor

    def compiled(self):
        return new_loss(&of_groups, [self.factor])

    def _minimum(self, y, weight, starts):
        return [0.0] * (len(starts) - 1)
"""
PXD = Path(sklearn_losses.__file__).parent / "losses" / "_table.pxd"
TEXT = PXD.read_text(encoding="utf-8")
LAST_REQUIRED = "    row_block_fn row_block  # NULL: loop over row\n"
LAST_MEMBER = (
    "    row_hessian_block_fn row_hessian_block  # NULL: loop over row_hessian\n"
)


def between(start, end):
    """A part of _table.pxd."""
    return TEXT[TEXT.index(start) : TEXT.index(end, TEXT.index(start))]


# What is left out is the interface of the first release.
APPENDED = [
    (between("    row_hessian_fn row_hessian ", "\n\ncdef class CLoss"), ""),
    (between("cdef inline bint has_row_hessian", "cdef inline int start_table"), ""),
]


def build(folder, changes=(), source=SOURCE):
    """Compile a source against a changed _table.pxd."""
    interface = folder / "interface" / "sklearn_losses" / "losses"
    interface.mkdir(parents=True)
    for package in (interface, interface.parent):
        (package / "__init__.py").touch()
    text = TEXT
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (interface / "_table.pxd").write_text(text, encoding="utf-8")
    compiling.build(folder, "elsewhere", source, "interface")


def test_a_loss_of_another_package(tmp_path, monkeypatch):
    build(tmp_path, source=SOURCE + ROWS + HESSIAN_OF_ROWS + GROUPS)
    monkeypatch.syspath_prepend(tmp_path)
    import elsewhere

    loss = elsewhere.Scaled(factor=1.0)
    X = np.random.default_rng(0).normal(size=(50, 3))
    y = X @ [1.0, 2.0, 3.0]
    model = SGDRegressor(loss, random_state=0).fit(X, y)
    expected = SGDRegressor(SquaredError(), random_state=0).fit(X, y)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-12)
    assert loss.set_params(factor=3.0).value(0.0, 2.0) == 6.0
    with pytest.raises(ValueError, match="'factor' parameter of Scaled must be"):
        loss.set_params(factor=0.0).value(0.0, 2.0)
    with pytest.raises(ValueError, match="Scaled has no curvature"):
        loss.set_params(factor=1.0).curvature(0.0, 2.0)
    assert check_loss(elsewhere.Squares())["hessian"].status == "passed"
    found = (2.0 * elsewhere.Squares()).hessian(np.zeros(5), np.ones((5, 4)))
    expected = np.eye(4) + np.eye(4)[:1] + np.eye(4)[:, :1]
    expected[0, 0] = 7.0
    np.testing.assert_array_equal(found, np.tile(2.0 * expected, (5, 1, 1)))
    assert check_loss(elsewhere.Within(factor=2.0), random_state=0).passed
    queries = np.repeat(np.arange(10), 5)
    model = LinearRanker(elsewhere.Within(), penalty=None, tol=1e-12)
    noise = np.sin(np.arange(50.0))
    model.fit(X, y + noise + 100.0 * queries, groups=queries)
    whole = np.hstack([X, np.eye(10)[queries]])
    expected = np.linalg.lstsq(whole, y + noise, rcond=None)[0][:3]
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-9)
    assert 0.0 <= model.gap_ < 1e-9


OLDER = (
    "import elsewhere\nloss = 2.0 * elsewhere.Squares()\n"
    "print(loss.value([0], [[1.0, 1.0]]))\n"
    "try:\n    loss.hessian([0], [[1.0, 1.0]])\n"
    "except ValueError as error:\n    print(error)\n"
)


def test_a_shorter_table_of_the_first_release_is_read(tmp_path):
    build(tmp_path, APPENDED, source=SOURCE + ROWS)
    assert run(OLDER, tmp_path) == "[8.]\nScaled has no Hessian.\n"


USE = "import elsewhere; print(elsewhere.Scaled(2.0).value(0.0, 3.0))"
REFUSED = (
    "try:\n    import elsewhere\nexcept ImportError as error:\n    print(error)\n"
    "else:\n    raise AssertionError('imported')"
)


def test_a_longer_table_of_a_later_release_is_read(tmp_path):
    build(tmp_path, [(LAST_MEMBER, LAST_MEMBER + "    point_fn third_derivative\n")])
    assert run(USE, tmp_path) == "9.0\n"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("LOSS_ABI_VERSION = 1", "LOSS_ABI_VERSION = 2")], "for version 2 of"),
        ([(LAST_REQUIRED, ""), *APPENDED], "with a table of"),
    ],
)
def test_another_interface_is_refused_at_import(tmp_path, changes, message):
    build(tmp_path, changes)
    said = run(REFUSED, tmp_path)
    assert message in said
    assert "Rebuild the package" in said
