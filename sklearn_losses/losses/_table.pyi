from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_losses.losses._grouping import SortedRows

Real = NDArray[np.float32] | NDArray[np.float64]
Doubles = NDArray[np.float64]

class CLoss:
    owner: Any
    parts: tuple[CLoss, ...]

    def raise_error(self) -> None: ...
    def check(self, name: str, granularity: str) -> Self: ...
    @property
    def has_curvature(self) -> bool: ...
    @property
    def has_hessian(self) -> bool: ...
    @property
    def calls_python(self) -> bool: ...
    def evaluate_points(
        self,
        y: Real,
        raw: Real,
        value: Real | None,
        gradient: Real | None,
        curvature: Real | None,
        limits: tuple[float, float, bool] | None = None,
    ) -> bool: ...
    def evaluate_rows(
        self,
        y: Doubles,
        raw: Doubles,
        value: Doubles | None,
        gradient: Doubles | None,
        curvature: Doubles | None,
        limits: tuple[float, float, bool] | None = None,
    ) -> bool: ...
    def evaluate_hessians(
        self,
        y: Doubles,
        raw: Doubles,
        hessian: Doubles,
        limits: tuple[float, float, bool] | None = None,
    ) -> bool: ...
    def evaluate_groups(
        self,
        rows: SortedRows,
        raw: Doubles,
        value: Doubles,
        gradient: Doubles | None = None,
        curvature: Doubles | None = None,
        v: Doubles | None = None,
        product: Doubles | None = None,
    ) -> None: ...
    def evaluate_conjugate(
        self, y: Doubles, dual: Doubles, conjugate: Doubles
    ) -> None: ...
