"""
Counts with exposure
====================

Claims of policies that were in force for different times: exposure is an offset.

Young drivers change insurers often, so their policies are short. A model of claims that
does not know how long each was in force takes them for safe; one of claims divided by
time gives a week the weight of a year. With ``offset=np.log(years)`` the coefficients
are those of the rate.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import SplineTransformer

from sklearn_losses import LinearRegressor, Poisson

N = 50_000

rng = np.random.default_rng(0)
age = rng.uniform(18.0, 80.0, size=N)
rate = 0.06 + 0.25 * np.exp(-(age - 18.0) / 8.0) + 0.05 * (age / 80.0) ** 6
years = np.clip(rng.exponential(0.1 + 0.02 * (age - 18.0)), 0.02, 3.0)
claims = rng.poisson(rate * years)

splines = SplineTransformer(n_knots=5, extrapolation="linear")
X = splines.fit_transform(age[:, None])
ages = np.linspace(18.0, 80.0, 200)
model = LinearRegressor(Poisson(), alpha=1e-6)
fits = {
    "claims, offset=log(years)": (claims, {"offset": np.log(years)}),
    "claims, exposure ignored": (claims, {}),
    "claims / years": (claims / years, {}),
}

_, (rates, exposure) = plt.subplots(
    1, 2, figsize=(11, 4.5), width_ratios=[3, 2], layout="constrained"
)
rates.plot(ages, np.interp(ages, np.sort(age), rate[np.argsort(age)]), "k:", lw=2)
rates.lines[0].set_label("the truth")
for name, (y, more) in fits.items():
    fitted = model.fit(X, y, **more)
    zero = {"offset": np.zeros(len(ages))} if more else {}  # of one year
    found = fitted.predict(splines.transform(ages[:, None]), **zero)
    rates.plot(ages, found, label=name)
    print(f"{name:28} claims a year at 20: {np.interp(20.0, ages, found):.3f}")
print(f"{'the truth':28} claims a year at 20: {0.06 + 0.25 * np.exp(-0.25):.3f}")
exposure.plot(age[::50], years[::50], ".", ms=3, color="0.5")

rates.set(xlabel="age", ylabel="claims a year", title="Fitted rates", ylim=(0, None))
exposure.set(xlabel="age", ylabel="years in force", title="Exposure")
rates.legend()
plt.show()
