"""
One distribution, many right answers
====================================

What is "the" prediction for a target like this one, with a long tail to the right? Each
loss answers another question: the constant that makes its mean least is the number that
a model of it estimates, given the features. None is wrong: the question decides.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_losses import (
    AbsoluteError,
    AbsolutePercentageError,
    Expectile,
    Quantile,
    SquaredError,
    SquaredLogError,
    TukeyBiweight,
)

y = np.random.default_rng(0).lognormal(mean=1.0, sigma=0.8, size=20_000)
questions = {
    "the MAPE is the judge": AbsolutePercentageError(),
    "where most of them are": TukeyBiweight(scale=2.5),
    "half are below": AbsoluteError(),
    "ratios count": SquaredLogError(),
    "they are added up": SquaredError(),
    "squares count, 9 times if too low": Expectile(0.9),
    "nine of ten are below": Quantile(0.9),
}
_, ax = plt.subplots(figsize=(10, 4.8), layout="constrained")
ax.hist(y, np.linspace(0, 12, 121), color="0.85", density=True)
ax.set(xlim=(0, 12), ylim=(0, 0.84), yticks=[], xlabel="y")
answers = {
    question: float(loss.inverse_link([loss.optimal_constant(y)])[0])
    for question, loss in questions.items()
}
colors = plt.cm.viridis(np.linspace(0.0, 0.85, len(answers)))
ranked = sorted(answers.items(), key=lambda answer: answer[1])
for k, ((question, answer), color) in enumerate(zip(ranked, colors)):
    height = 0.78 - 0.095 * k
    name = repr(questions[question]).replace("()", "")
    ax.plot([answer, answer], [0, height], color=color, lw=2)
    ax.plot(answer, height, "o", color=color)
    text = f"{question}: {answer:.2f}\n{name}"
    ax.text(
        answer + 0.15, height, text, va="center", fontsize=11, color=0.8 * color[:3]
    )
    print(f"{answer:5.2f}  {name:26} {question}")
ax.set_title("What a loss estimates, of one and the same distribution")
plt.show()
