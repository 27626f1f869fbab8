"""The types that public signatures name, and typed faces of what has none.

scikit-learn and scipy have no types. What derives from something unknown could be
anything for mypy, also the int that ``2 * Huber()`` then is; so mypy is told what there
is to know of scikit-learn's bases. Pyright reads scikit-learn's source, and sees those
themselves.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Array",
    "ArrayLike",
    "BaseEstimator",
    "CallbackSupportMixin",
    "ClassifierMixin",
    "Labels",
    "Matrix",
    "MetaEstimatorMixin",
    "NDArray",
    "RegressorMixin",
    "Seed",
    "Weights",
    "available_if",
]

MYPY = False  # for all but mypy, which takes a variable of this name for true
if MYPY:

    class BaseEstimator:
        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...
        def get_metadata_routing(self) -> Any: ...
        def set_fit_request(self, **requests: Any) -> Self: ...
        def set_partial_fit_request(self, **requests: Any) -> Self: ...
        def set_predict_request(self, **requests: Any) -> Self: ...
        def set_predict_proba_request(self, **requests: Any) -> Self: ...
        def set_predict_log_proba_request(self, **requests: Any) -> Self: ...
        def set_decision_function_request(self, **requests: Any) -> Self: ...
        def set_score_request(self, **requests: Any) -> Self: ...
        def __sklearn_tags__(self) -> Any: ...

    class RegressorMixin: ...

    class ClassifierMixin: ...

    class MetaEstimatorMixin: ...

    class CallbackSupportMixin:
        def set_callbacks(self, *callbacks: Any) -> Self: ...
else:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        MetaEstimatorMixin,
        RegressorMixin,
    )
    from sklearn.callback import CallbackSupportMixin

if TYPE_CHECKING:
    Method = TypeVar("Method", bound=Callable[..., Any])

    def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]: ...
else:
    from sklearn.utils.metaestimators import available_if


class SparseMatrix(Protocol):
    """A matrix or an array of scipy.sparse."""

    def tocsr(self) -> Any: ...


Matrix: TypeAlias = ArrayLike | SparseMatrix
# What comes back: of float32 where a matrix of float32 went in, which no checker sees.
Array: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[Any]
Seed: TypeAlias = int | np.random.RandomState | None
# Of features: in their order, or by their names.
Weights: TypeAlias = ArrayLike | Mapping[str, float] | None
