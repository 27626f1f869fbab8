from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Numbers = NDArray[Any]

class Rows:
    data: Numbers
    columns: Numbers
    starts: Numbers
    n_rows: int
    n_features: int

    def __init__(self, X: Any, check: Callable[[], object] | None = None) -> None: ...
    @property
    def is_verified(self) -> bool: ...
    @property
    def is_sparse(self) -> bool: ...
    def verify(self, sums: Doubles | None = None) -> None: ...
    def chosen(self, subset: Numbers) -> Rows: ...
    def with_columns(self, chosen: Numbers) -> Rows: ...
    def part(self, block: slice) -> Rows: ...
    def matrix(self) -> Any: ...
    def to_dense(self) -> Numbers: ...
    def dot(
        self,
        coef: Doubles,
        intercept: Doubles,
        subset: Numbers | None = None,
        block: slice | None = None,
        out: Doubles | None = None,
    ) -> Doubles: ...
    def finite_dot(
        self,
        coef: Doubles,
        intercept: Doubles,
        subset: Numbers | None = None,
        block: slice | None = None,
        out: Doubles | None = None,
    ) -> tuple[Doubles, bool]: ...
    def choose(
        self, coef: Doubles, intercept: Doubles, two: Numbers
    ) -> tuple[Numbers, bool]: ...
    def transposed_dot(
        self,
        gradient: Doubles,
        block: slice | None = None,
        out: Doubles | None = None,
    ) -> Doubles: ...
    def deviations(
        self,
        weight: Doubles,
        centre: Doubles,
        scale: Doubles,
        block: slice | None = None,
        with_largest: bool = False,
    ) -> Doubles: ...
    def moments(
        self, weight: Doubles, gradient: Doubles
    ) -> tuple[Doubles, Doubles, Doubles, Doubles]: ...

def look_at_columns(
    data: Numbers,
    share: Doubles,
    step: int,
    centre: bool,
    spike: float,
    out: Doubles,
) -> bool: ...
