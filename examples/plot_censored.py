"""
Times that are not over yet
===========================

Machines that still run when a study ends: censored times.

Times are observed until the study ends. A model that takes the end for the failure, or
leaves such rows out, underestimates how long machines live, most for the good ones. The
accelerated failure time model takes them for what they are: at least so long.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_losses import LinearRegressor, WeibullAFT

N, SHAPE = 1500, 2.0

rng = np.random.default_rng(0)
quality = rng.uniform(-1.0, 1.0, size=N)
X = quality[:, None]
time = np.exp(1.0 + 0.8 * quality) * rng.weibull(SHAPE, size=N)
end = rng.uniform(0.5, 5.0, size=N)  # when the study ended for this machine
is_seen = time <= end
seen = np.minimum(time, end)

y = np.column_stack([seen, np.where(is_seen, seen, np.inf)])
fits = {
    "censored as it is": LinearRegressor(WeibullAFT(), penalty=None).fit(X, y),
    "the end taken for the failure": LinearRegressor(WeibullAFT(), penalty=None).fit(
        X, seen
    ),
    "failures alone": LinearRegressor(WeibullAFT(), penalty=None).fit(
        X[is_seen], seen[is_seen]
    ),
}

_, (rows, curves) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
rows.plot(quality[is_seen], seen[is_seen], ".", ms=3, color="0.35", label="failed")
rows.plot(
    quality[~is_seen],
    seen[~is_seen],
    "^",
    ms=3,
    color="C3",
    alpha=0.5,
    label="still runs",
)
at = np.linspace(-1.0, 1.0, 50)[:, None]
median = np.exp(1.0 + 0.8 * at[:, 0]) * np.log(2.0) ** (1.0 / SHAPE)
rows.plot(at, median, "k:", lw=2, label="true median")
times = np.linspace(0.01, 8.0, 200)
good = np.array([[0.75]])
truth = np.exp(-((times / np.exp(1.0 + 0.8 * 0.75)) ** SHAPE))
curves.plot(times, truth, "k:", lw=2, label="the truth")
for name, model in fits.items():
    rows.plot(at, model.predict(at), label=name)
    values = model.predict_distribution(good)
    curves.plot(times, model.loss_.frozen(**values).sf(times), label=name)
    print(
        f"{name:30} coefficient {model.coef_[0]:.3f} of 0.8, "
        f"shape {1.0 / model.loss_.scale:.2f} of {SHAPE}, gap {model.gap_:.0e}"
    )
rows.set(xlabel="quality", ylabel="years", title="Times, and predicted medians")
rows.set_ylim(0.0, 6.5)
curves.set(xlabel="years", ylabel="share that runs", title="Machines of quality 0.75")
rows.legend(fontsize="small", loc="upper left")
curves.legend(fontsize="small")
plt.show()
