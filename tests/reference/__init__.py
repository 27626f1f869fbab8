"""The catalogue in mpmath, written without a look at the compiled formulas.

`REFERENCE` has value, gradient and curvature of every loss:

>>> import mpmath
>>> from sklearn_losses.losses import Huber
>>> value, gradient, curvature = REFERENCE[Huber]
>>> value(Huber(delta=1.0), mpmath.mpf(0), mpmath.mpf(3))
mpf('2.5')

`HESSIANS` has the matrix of second derivatives of every loss of rows.

A formula takes the loss, a target and a raw prediction: numbers, or in a loss of rows
lists of the class probabilities and of the raw predictions. With 50 digits set, at
least 30 of each result are right, for all raw predictions up to 1e4 in size.

`TERMS` has, for a few losses, the terms of the last sum of the same three. A result
that is a difference of nearly equal terms cannot be more exact than the terms are, so
there an error is measured relative to the largest of them. All these zeros are
coincidences of irrational numbers, and each is named where its terms are.
"""

from tests.reference import _binary, _counts, _multiclass, _regression, _robust
from tests.reference._multiclass import HESSIANS, class_probabilities, projection

_FAMILIES = (_regression, _robust, _counts, _binary, _multiclass)

REFERENCE = {
    cls: formulas for family in _FAMILIES for cls, formulas in family.FORMULAS.items()
}
TERMS = {cls: terms for family in _FAMILIES for cls, terms in family.TERMS.items()}

__all__ = ["HESSIANS", "REFERENCE", "TERMS", "class_probabilities", "projection"]
