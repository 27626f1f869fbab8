"""The numbers of streams, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StreamSettings:
    """What is said of a number is why it is of that size, by derivation or measurement.

    A unit is the typical residual: the loss of the best constant over its slopes.
    """

    # ---- rows that are kept, and when they are learned from
    # Of a call of many rows one Hessian costs as much as a million entries: 8 MB.
    most_rows: int = 1000
    most_entries: int = 1 << 20
    # However long they are: the directions of a `Sketch`.
    fewest_rows: int = 32
    # Quarters of the kept rows stay when the others are forgotten, so that a fold,
    # which looks at all, is made once for each quarter.
    left: int = 3
    # One in so many rows may wait for the others: their number moves coefficients by
    # less than a twentieth of what all rows together say.
    wait: int = 20

    # ---- descent
    # Newton's method from where it was needs two or three; those that need more are
    # far off, and go on at the next call.
    most_steps: int = 30
    # Of the mean loss of a row may still be gained on all rows together: a hundredth
    # of one row is less than what the next row changes ...
    enough: float = 1e-2
    # ... and so is 2e-6 of all, where there are very many.
    share: float = 2e-6
    # A shorter step, as a share of it, is not the last: the model was not right.
    shortest_last: float = 0.1
    # Of slope over residual: so little curvature says nothing of where the minimum
    # is, as of Huber far out, ...
    no_curvature: float = 0.01
    # ... and then a tenth of it leads to steps of up to ten residuals.
    more_jitter: float = 0.1

    # ---- smoothing, in units
    # The first width is that of a descent on all rows.
    first_width: float = 0.3
    width_divisor: float = 4.0
    # It falls as the error of n rows does, n^-1/2, down to what 2 million rows have.
    width_power: float = 0.5
    smallest_width: float = 2e-4
    # Steps at the last width, if all goes well, and at each before it.
    few_steps: int = 8
    more_steps: int = 10
    # Curvature is remembered as wide as at first, and at least half of that in the
    # unit of the constant: a fold must hold where coefficients will go.
    fold_width: float = 0.3
    fold_share: float = 0.5
    # Of the typical residual, in that of the constant: a perfect fit has none.
    least_unit: float = 0.02
    # In units: all that is left of the smoothing in a corner, half of 16 digits.
    corner: float = 1e-9
    # Widths, at most, that smoothing may have moved a constant from its kink.
    near_kink: int = 10

    # ---- constants
    # Of the value: two searches for the same minimum differ by less.
    another: float = 1e-3
    # Of what a constant loses: so much worse on the newest rows is no chance.
    worse: float = 0.1
    # Rows, after which coefficients from elsewhere may be dropped: the mean of so many
    # losses is known to a tenth, which is `worse`.
    n_trusted: int = 100


STREAM = StreamSettings()


@dataclass(frozen=True)
class WideSettings:
    """Those of streams of sparse rows with more features than a matrix may have."""

    # Entries of the rows that are kept: 6 MB, which the last cache holds ...
    most_entries: int = 1 << 19
    # ... and where the penalty is weak so many that all are visited at each call.
    fewer_entries: int = 100_000
    # Passes that dual ascent needs there, about: curvature over strength of the l2.
    weak: float = 30
    # Kept rows: a visit permutes them.
    most_rows: int = 10_000
    # Of X, or of y: its square, times as many rows as there may be, is finite.
    most_entry: float = 1e140
    # Times as many rows, and the constant is looked for again: it moves with the
    # square root of what is new, by 1% of a standard deviation.
    look_again: float = 1.05
    # Times as many rows, and all coefficients feel the penalty, not those of rows
    # that are visited alone: a vector of all is worth it each tenth of the rows.
    price_again: float = 1.1
    # Of the older rows are visited for each new one, if all have more entries than
    # `all_entries`, so that a call costs what its rows cost.
    old: int = 4
    all_entries: int = 1 << 17
    # Visits for each new row, of `enough` entries at least, twice `all_entries` ...
    visits: int = 8
    enough: int = 1 << 18
    # ... but not more, for dual ascent gains a constant share with each pass.
    most_passes: int = 20
    # Of passes over all rows, until a constant is beaten.
    most_rounds: int = 5
    # Of the curvature of the rows holds coefficients where they are: as damping.
    hold: float = 0.1
    # Of the slope over the typical residual, at least, is remembered of a row: one
    # that is flat where it is let go bends elsewhere.
    bend: float = 0.1


WIDE = WideSettings()
