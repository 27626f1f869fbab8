"""
Text in a stream
================

Which package does a sentence come from? The sentences are those of the docstrings of
numpy, scipy and scikit-learn, as they are installed, without the names of the packages.
They come in chunks of 200, as from a queue, become sparse rows of 262,144 features that
are never in memory together, and `partial_fit` sees each of them once.

Each chunk is predicted before it is learnt from, so that all accuracies are of
sentences that are new. With ``learning_rate="auto"`` there is no step size to choose; a
model of scikit-learn with its default steps learns from the same chunks.
"""

import importlib
import inspect
import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn import linear_model
from sklearn.feature_extraction.text import HashingVectorizer

from sklearn_losses import LogLoss, SGDClassifier

CHUNK, MOST = 200, 5000
PACKAGES = {
    "numpy": ". fft linalg ma random",
    "scipy": "integrate interpolate linalg ndimage optimize signal sparse stats",
    "sklearn": "cluster covariance decomposition ensemble linear_model metrics svm",
}


def sentences(package, modules):
    """Those of the docstrings of what modules have in public, each once."""
    found = {}
    for module in modules.split():
        module = importlib.import_module(f"{package}.{module}".rstrip("."))
        for name in sorted(getattr(module, "__all__", dir(module))):
            doc = inspect.getdoc(getattr(module, name, None)) or ""
            for text in re.split(
                r"(?<=[a-z)])\.\s+|\n\n", doc.split("Examples\n---")[0]
            ):
                text = re.sub(r"\b(numpy|np|scipy|sklearn|scikit|learn)\b", " ", text)
                if 60 < len(text) < 600 and ">>>" not in text:
                    found[" ".join(text.split())] = None
    return list(found)[:MOST]


texts, labels = [], []
for package, modules in PACKAGES.items():
    some = sentences(package, modules)
    texts += some
    labels += [package] * len(some)
    print(f"{package:8}{len(some):6,d} sentences, such as: {some[7][:60]} ...")
order = np.random.default_rng(0).permutation(len(texts))
texts, labels = np.array(texts, dtype=object)[order], np.array(labels)[order]

# %%
# One pass over the stream.

vectorizer = HashingVectorizer(n_features=2**18, alternate_sign=False)
models = {
    'SGDClassifier(LogLoss(), learning_rate="auto")': SGDClassifier(
        LogLoss(), alpha=1e-5
    ),
    "scikit-learn, default steps": linear_model.SGDClassifier(
        "log_loss", alpha=1e-5, random_state=0
    ),
}
right = {name: [] for name in models}
for start in range(0, len(texts), CHUNK):
    X, y = vectorizer.transform(texts[start : start + CHUNK]), labels[start:][:CHUNK]
    for name, model in models.items():
        if start > 0:
            right[name] += list(model.predict(X) == y)
        model.partial_fit(X, y, classes=list(PACKAGES))

_, ax = plt.subplots(figsize=(9, 4.6), layout="constrained")
for name, hits in right.items():
    window = np.convolve(hits, np.full(1000, 1e-3), mode="valid")
    ax.plot(CHUNK + 1000 + np.arange(len(window)), 100 * window, label=name)
    print(
        f"{name:48} {np.mean(hits):.1%} of all, {np.mean(hits[-2000:]):.1%} at the end"
    )
largest = max(np.mean(labels == package) for package in PACKAGES)
ax.axhline(100 * largest, color="k", ls=":", label="always the most frequent one")
ax.set(
    xlabel="sentences seen so far",
    ylabel="right among the last 1,000 new ones, %",
    title="Which package is a sentence from?",
)
ax.grid(alpha=0.3)
ax.legend()
plt.show()
