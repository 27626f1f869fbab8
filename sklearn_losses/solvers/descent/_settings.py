"""The numbers of a descent, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What is said of a number is why it is of that size, by derivation or measurement.

    Gains and excesses are relative: "allowed" is what may be missed in the end, tol
    times the gain over the best constant.
    """

    # ---- what is worth which method
    # A Hessian of 8 MB, which the last cache holds; factored in some 0.05 s.
    most_features: int = 1000
    # Numbers of a block of rows times outputs, from which the Hessian is formed: 8 MB.
    most_numbers: int = 1 << 20
    # Passes of a quasi-Newton method over rows. Those of conditions up to some 1e4 have
    # ended by then, and the Hessian of all outputs costs no more than so many.
    quasi_newton_passes: int = 100
    # Times as many where nothing is better than the constant: slopes alone may prove
    # it, and the Hessian of kinks there is that of a smoothing.
    longer_at_constant: int = 3
    # Iterations, after which raw predictions are computed anew: each addition of a step
    # loses half a digit of 16, on the way to a tolerance of 1e-14.
    refresh: int = 20

    # ---- how little is nothing
    # Of the values: the sum of a million losses is rounded by 1e-13.
    nothing_to_gain: float = 1e-12
    # Of the values: so far below a minimum is no rounding, but a wrong minimum.
    wrong_minimum: float = 1e-6
    # Of the possible gain is what tol is relative to, at the least ...
    floor: float = 1e-3
    # ... but no more of it may be missed, if next to nothing is gained: coefficients
    # have half the digits of the value, and this leaves four.
    resolution: float = 1e-9
    # Of the allowed decrease: a step that gains less will not arrive in a thousand.
    stale: float = 1e-3
    # Of all slopes: a slope along a column that is less is rounding.
    flat: float = 1e-9
    # Of the largest curvature: the row is flat, as rounding is 1e-16 of it.
    no_curvature: float = 1e-12
    # Of a coefficient: so near to 0 it is at the kink of an l1 norm, after rounding.
    at_kink: float = 1e-14
    # Of a constant: so near it may be a kink, as constants are searched to 1e-9.
    near_kink: float = 1e-6

    # ---- when the tolerance is met
    # Times what is allowed may be the last decrease: Newton's method gains less than a
    # quarter of it at the step after.
    last_decrease: float = 4.0
    # Of a slope s after a step that gained P about s^2 / 4P is left. 0.01 asks for ten
    # times less than that formula, which holds where the model is nearly right.
    foreseen: float = 0.01
    # Iterations, after which an arrival has to be proved: twice what Newton's method
    # takes where it works.
    struggling: int = 12
    # Steps, one of which should gain what its model has promised, where no bound does.
    borne_out: int = 30
    # Times what is allowed may be left by a proof: the slopes of a point that misses
    # it have a gap of several times as much.
    proof: float = 10.0
    # Of the curvature in one row: without it a fifth of the matrix would be gone.
    of_one_row: float = 0.2

    # ---- smoothing: widths in units of the typical residual, of 1 at the constant
    # Where there are rows enough, the residuals of a good fit are about so large.
    first_width: float = 0.3
    # Of fewer rows a coefficient (`few_rows`) it would leave too many out.
    wide_width: float = 2.5
    few_rows: int = 10
    # Rows a coefficient: nobody needs to know how many of them are copies.
    many_rows: int = 100
    # Times what is allowed may be the excess of a smoothing: its minimum is lower by
    # less, as slopes are averaged on both sides of a kink.
    smoothing_excess: float = 3.0
    # Of the excess is what the last step with a smoothing may gain: it falls to a
    # quarter with half of the width, and what is left is found there.
    little: float = 0.3
    # Of what there may be to gain: a step that gains more needs no smoothing.
    helps: float = 0.5
    # How fast it shrinks, at least and at most: Newton's method goes on from where it
    # was with a few steps of each width up to 16 times narrower.
    least_divisor: float = 2.0
    largest_divisor: float = 16.0
    # Of the typical residual, of which rounding is 1e-16: no width is less than this.
    narrowest: float = 1e-9
    # Of what may be left to gain: the excess that a width is chosen for, so that an
    # estimate that is wrong by a factor of 2 is still enough.
    aim: float = 0.5
    # Of the typical curvature, slope over width: what kinks without rows count as.
    least_curvature: float = 1e-3
    # Of it: less in all directions is no curvature at all, but rounding.
    no_curvature_at_all: float = 1e-6

    # ---- smoothing, where a gap is what ends it
    # The excess then falls 16 times: a bound of each width is known on the way.
    gap_divisor: float = 4.0
    # Of the excess may be left to gain, when a gap is asked for: it is of its size.
    narrow_early: float = 0.1
    # Times the excess: a gap that smoothing explains, with its slopes and its value.
    explained: float = 3.0
    # Of what may be left to gain: there is nothing else to do.
    surely: float = 1e-3

    # ---- when a bound, which costs a pass, is worth it
    # Times what would do if gaps shrink as predictions do.
    promising: float = 3.0
    # Of predictions, at the least: else one bad gap would put off all others.
    least_promising: float = 1e-2
    # Iterations, after which one is tried anyway, and from then on: a fifth of them.
    first_try: int = 20
    longest_pause: int = 5
    # Of what was missing at the step before: slopes converge, and a step more will do.
    improving: float = 0.1
    # A divisor where all is 0.
    tiny: float = 1e-300
    # Units of residuals, so that their squares are finite.
    smallest_unit: float = 1e-150
    largest_unit: float = 1e150

    def unit(self, gain, slopes):
        """How far off raw predictions are: a loss over its slopes, about."""
        found = gain / max(slopes, self.tiny)
        return min(max(found, self.smallest_unit), self.largest_unit)

    def least_allowed(self, tol, possible):
        """What may be missed where next to nothing of the possible gain is gained."""
        return min(self.floor * tol, self.resolution) * possible


SETTINGS = Settings()
