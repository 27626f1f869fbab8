"""Losses compiled elsewhere, against this release's .pxd files or another's."""

from pathlib import Path

import numpy as np
import pytest

import sklearn_losses
from sklearn_losses import SGDRegressor, SquaredError
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
PXD = Path(sklearn_losses.__file__).parent / "losses" / "_table.pxd"
LAST_MEMBER = "    row_block_fn row_block  # NULL: loop over row\n"


def build(folder, changes=()):
    """Compile SOURCE against a changed _table.pxd and return the module's folder."""
    interface = folder / "interface" / "sklearn_losses" / "losses"
    interface.mkdir(parents=True)
    for package in (interface, interface.parent):
        (package / "__init__.py").touch()
    text = PXD.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (interface / "_table.pxd").write_text(text, encoding="utf-8")
    compiling.build(folder, "elsewhere", SOURCE, "interface")


def test_a_loss_of_another_package(tmp_path, monkeypatch):
    build(tmp_path)
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


USE = "import elsewhere; print(elsewhere.Scaled(2.0).value(0.0, 3.0))"
REFUSED = (
    "try:\n    import elsewhere\nexcept ImportError as error:\n    print(error)\n"
    "else:\n    raise AssertionError('imported')"
)


def test_a_longer_table_of_a_later_release_is_read(tmp_path):
    build(tmp_path, [(LAST_MEMBER, LAST_MEMBER + "    point_fn third_derivative\n")])
    assert run(USE, tmp_path) == "9.0\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("LOSS_ABI_VERSION = 1", "LOSS_ABI_VERSION = 2", "for version 2 of"),
        (LAST_MEMBER, "", "with a table of"),
    ],
)
def test_another_interface_is_refused_at_import(tmp_path, old, new, message):
    build(tmp_path, [(old, new)])
    said = run(REFUSED, tmp_path)
    assert message in said
    assert "Rebuild the package" in said
