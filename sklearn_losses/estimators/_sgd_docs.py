"""What the docstrings of SGDRegressor and its kin share."""

import re
import textwrap


def without(parameters: str, *names: str) -> str:
    """The description of parameters without that of some."""
    for name in names:
        parameters = re.sub(rf"\n    {name} : .*\n(        .*\n)+", "", parameters)
    return parameters


PARAMETERS = """penalty : Penalty, 'l2', 'l1', 'elasticnet' or None, default='l2'
        The penalty on the coefficients; the intercept is not penalised. An object, such
        as ``MCP(gamma=3.0)`` or ``L1(weights)``, or a name: see docs/penalties.md. In
        steps one l1 norm is applied by cumulative truncation [3]_, and what is no l1
        and l2 norm of all features alike by a proximal step after each batch.

    alpha : float, default=0.0001
        The strength of the penalty, >= 0. learning_rate='optimal' uses it too, and
        needs alpha > 0. With a loss of regression whose slopes are bounded, `lipschitz`
        in the catalogue, what is right depends on the unit of y: the larger y is, the
        smaller alpha has to be. A UserWarning says so where the penalty of the default
        is more than a tenth of what the fit has gained over the best constant.

    l1_ratio : float, default=0.15
        The share of the l1 norm in penalty='elasticnet', in [0, 1].

    fit_intercept : bool, default=True
        Whether to fit an intercept.

    max_iter : int, default=1000
        The maximum number of epochs (passes over the rows) in `fit`; `partial_fit`
        makes one epoch.

    tol : float, default=1e-3
        `fit` ends when the criterion has not fallen below its best value by more than
        `tol` for `n_iter_no_change` consecutive epochs. The criterion is the objective,
        with weights and penalty, averaged over the epoch while the coefficients move
        ('pa1' and 'pa2' leave the penalty out); with `early_stopping` it is the mean
        loss on the validation rows. If None, `fit` always makes `max_iter` epochs.

    shuffle : bool, default=True
        Whether to shuffle the rows before each epoch.

    verbose : int or bool, default=0
        If positive or True, `fit` prints a line after each epoch: what the curves of
        this epoch are, and the coefficients. Threads that share the classes of one
        versus rest print their labels first.

    epsilon : float, default=None
        The parameter of the losses named 'huber' (its delta), 'epsilon_insensitive'
        and 'squared_epsilon_insensitive'. None means that of the loss, as everywhere a
        name stands for a loss: 1.345 for 'huber' and 0.1 for the other two, where
        scikit-learn's default is 0.1 for all. It is ignored if `loss` is another name,
        or an object, which has its own parameters.

    n_jobs : int, default=None
        The number of threads that share {work}; None means 1,
        and -1 means all cores. The result does not depend on it.

    random_state : int, RandomState instance, default=None
        The source of randomness for shuffling and for the choice of the validation
        rows. Pass an int for reproducible results.

    learning_rate : {{'constant', 'optimal', 'invscaling', 'adaptive', 'pa1', \
            'pa2', 'auto'}}, default='auto'
        The step size at step t:

        - 'constant': eta0;
        - 'optimal': 1 / (alpha (t0 + t - 1)), with the t0 that Bottou proposes [2]_;
        - 'invscaling': eta0 / t ** power_t;
        - 'adaptive': eta0, divided by 5 each time that `tol` would end the fit; below
          1e-6 the fit ends;
        - 'pa1', 'pa2': passive-aggressive steps [1]_, for piecewise linear losses;
          eta0 is their aggressiveness C;
        - 'auto': no steps to tune, whatever the scale of the features: all rows at
          once in `fit`, a memory of them in `partial_fit`; see Notes. eta0, power_t,
          average, batch_size and shuffle then have no effect, and a UserWarning
          says so if one of them is set.

    eta0 : float, default=0.01
        The initial step size, > 0. It is not used by 'optimal'.

    power_t : float, default={power_t}
        The exponent of 'invscaling'.

    early_stopping : bool, default=False
        Whether to set rows aside for validation, to end the fit when their mean loss
        (with sample weights), or the score in `scoring`, no longer improves, and to
        keep the coefficients of the epoch where it was best. Rows that are passed to
        `fit` as `X_val` and `y_val` do the same, and none are then set aside.

    validation_fraction : float, default=0.1
        The fraction of the rows to set aside, in (0, 1){stratified}. It is only used
        with `early_stopping`.

    n_iter_no_change : int, default=5
        The number of consecutive epochs without progress after which the fit ends.

    scoring : str or callable, default=None
        What the validation watches: None, the loss of the model; or a scorer, or the
        name of one, of which greater values are better and `tol` is in its units. It
        gets the sample weights if it takes them, and nan is refused. Of epochs with the
        same score that with the least validation loss is kept. One versus rest then
        stops all classes at once. Without validation rows it is not used.

    trace : bool, default=False
        Whether `fit` records objective, step size and gradient norm after each epoch:
        a pass over the rows more.
{class_weight}
    warm_start : bool, default=False
        Whether `fit` starts from the coefficients of the previous call instead of 0.

    average : bool or int, default=False
        If True, `coef_` and `intercept_` are the averages over all steps. If an int,
        averaging begins at that step.

    batch_size : int, default=1
        The number of rows in a step; the last step of an epoch, or of a call of
        `partial_fit`, takes the rows that are left. A step moves along the mean over
        its rows of sample weight times gradient, all at the same coefficients, and
        applies the penalty once; step sizes and averages count steps, not rows. With
        larger batches an epoch has fewer steps, and their gradients are less noisy: use
        a larger `eta0`. Batches are worthwhile for a loss that is slow to call, since
        it is called once for each step and output: a call of one written in Python
        (`NumpyLoss`) takes 1 to 5 microseconds, of a compiled one some nanoseconds.
        With batch_size >= n_samples an epoch is one step of full gradient descent.
        'pa1' and 'pa2' need batch_size=1.

    optimizer : {{'sgd', 'momentum', 'nesterov', 'adagrad', 'rmsprop', 'adam', \
            'amsgrad'}} or optimizer, default='sgd'
        How a step follows from the gradients so far. An object, such as
        ``Adam(beta_1=0.8)``, has parameters of its own. All take their step size from
        `learning_rate`, where 'auto' then means 'constant', and none goes with 'pa1' or
        'pa2'. Their step, unlike that of 'sgd', takes time proportional to n_features
        also for sparse X, and applies the l1 norm by a proximal step, with the step
        size that a coefficient has. Larger batches make up for that.

    clip_gradient : float, default=None
        The most that the gradient of a step may be, > 0: the mean over its rows of
        sample weight times gradient of the loss, by coefficients and intercept, without
        the penalty. None means that it is not clipped, and has to be so where
        learning_rate='auto' makes no steps. With optimizer='sgd', and
        batches or clip_by='value', clipped steps cost what those of an optimizer do,
        and treat the l1 norm likewise; the norm of one row's gradient costs nothing.

    clip_by : {{'norm', 'value'}}, default='norm'
        Whether a gradient is scaled down until its norm is `clip_gradient`, or each of
        its entries is cut to [-clip_gradient, clip_gradient]. The norm is that of all
        outputs of a multiclass loss, and of one class in one versus rest."""

CLASS_WEIGHT = """
    class_weight : dict of label to float, or 'balanced', default=None
        Factors by which the sample weights of each class are multiplied; None means 1.
        In one versus rest, the factor of a class applies to its own rows, and in its
        own problem only; the rest have the factor 1. 'balanced' means
        n_samples / (n_classes * count).
"""

ATTRIBUTES = """n_iter_ : int
        The number of epochs made{most}.

    t_ : float
        The number of the next step: 1 plus the steps made so far. An epoch has as many
        steps as rows divided by `batch_size`, rounded up; rows of weight zero do not
        count. With learning_rate='auto' it counts rows.

    loss_ : Loss
        The loss object used, with the parameters that it was fitted with.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has names that are all strings."""

CURVES = """loss_curve_ : ndarray of shape (n_epochs,)
        What `fit` watched on the rows that it learnt from: the criterion described
        under `tol`, also where validation decides; with learning_rate='auto' the exact
        objective, of the starting point in entry 0 and then after each iteration. Of a
        schedule it does not exist if `tol` is None and neither validation, `trace` nor
        `verbose` asks for it.

        Of this and the other losses and objectives one versus rest has the sum over its
        classes, of gradient norms that of all classes, of step sizes the smallest. A
        class that has stopped keeps its last value. `partial_fit` leaves all curves as
        they are.

    validation_loss_curve_ : ndarray of shape (n_epochs,)
        The mean loss on the validation rows after each epoch, without the penalty. Only
        with validation.

    validation_score_curve_ : ndarray of shape (n_epochs,)
        Their score. Only with validation and `scoring`.

    best_epoch_ : int or ndarray of int of shape (n_classes,)
        The index in the curves of the epoch whose coefficients were kept; in one versus
        rest without `scoring`, of each class. Only with validation.

    objective_curve_ : ndarray of shape (n_epochs,)
        The objective on the rows that `fit` learnt from, with the coefficients after
        each epoch. Only with `trace`, as the next two.

    learning_rate_curve_ : ndarray of shape (n_epochs,)
        The size of the last step of each epoch; with learning_rate='auto' the length of
        the step in units of Newton's, 0 where none was made. Not for 'pa1' and 'pa2'.

    gradient_norm_curve_ : ndarray of shape (n_epochs,)
        The norm of the objective's gradient by coefficients and intercepts after each
        epoch; with an l1 norm, or at a kink, of a subgradient, by the l1 norm the
        least."""

NOTES = """**learning_rate='auto'**, in `fit`, uses all rows at once, with centred and
    scaled features: Newton's method, or, for losses of rows such as CrossEntropy and
    for more than {most_features} features, a quasi-Newton method [7]_. Kinks of the
    loss are smoothed, less and less [4]_, the length of a step is found by a line
    search [5]_, and an l1 norm is minimised by coordinate descent on the quadratic
    model [6]_. `tol` is then the share of the possible gain over the best constant that
    may be missing, about (None: as little as can be reached), `max_iter` the most
    passes over the rows, `n_iter_` the passes made, and `verbose` prints a line an
    iteration. A fit that ends elsewhere than at a minimum warns. A loss that is not
    convex begins at the minimum of a convex relative, the absolute error or the log
    loss, unless coefficients are given or kept by a warm start, and ends in a local
    minimum, never worse than the best constant found. `Perceptron`, whose minimum is at
    coefficients of 0, is fitted by steps of constant size instead. X is not copied;
    beside it, memory is needed for some 15 numbers for each row and class, some for
    each feature and class, and for at most 8 MB of second derivatives.

    In `partial_fit` it minimizes the objective over all rows so far, of which it keeps
    at most 1000 as they are, those where the loss bends most, and the others as a
    quadratic function [8]_. `coef_` moves when a twentieth of the rows so far is new,
    at most 50 rows; until then they wait. Coefficients from elsewhere (set by hand, of
    `fit`, or of another learning_rate or loss) count as t_ - 1 rows. It keeps at most 8
    MB of rows (or 32), and matrices of at most 4 MB or, where they would be larger, 32
    directions and a diagonal for each output. Of CSR with so many features it keeps 6
    MB of rows, whose dual variables it moves: a call visits its own rows and some of
    those, and holds two vectors of the size of `coef_` besides [9]_. An entry of such a
    `coef_` that is changed in place is where it goes on, and what it remembers stays;
    to begin anew, set another array. `classes` may have any order, but rows should not
    be sorted: of a stream that is sorted by class a fit sees one class at a time, and
    ends worse than one of the rows shuffled. n_jobs has no effect."""

REFERENCES = """.. [1] Crammer, Dekel, Keshet, Shalev-Shwartz and Singer 2006, "Online
       passive-aggressive algorithms", JMLR 7.
    .. [2] Bottou 2012, "Stochastic gradient descent tricks".
    .. [3] Tsuruoka, Tsujii and Ananiadou 2009, "Stochastic gradient descent training
       for L1-regularized log-linear models with cumulative penalty", ACL.
    .. [4] Fernandes, Guerre and Horta 2021, "Smoothing quantile regressions", Journal
       of Business & Economic Statistics 39.
    .. [5] Yuan, Ho and Lin 2012, "An improved GLMNET for l1-regularized logistic
       regression", JMLR 13.
    .. [6] Lee, Sun and Saunders 2014, "Proximal Newton-type methods for minimizing
       composite functions", SIAM Journal on Optimization 24.
    .. [7] Liu and Nocedal 1989, "On the limited memory BFGS method for large scale
       optimization", Mathematical Programming 45; with an l1 norm Scheinberg and Tang
       2016, "Practical inexact proximal quasi-Newton method with global complexity
       analysis", Mathematical Programming 160.
    .. [8] Luo and Song 2020, "Renewable estimation and incremental inference in
       generalized linear models with streaming data sets", JRSS B 82.
    .. [9] Shalev-Shwartz and Zhang 2013, "Stochastic dual coordinate ascent methods for
       regularized loss minimization", JMLR 14."""


def parameters_of_steps(absent, own, replaced):
    """`PARAMETERS` of an estimator whose steps are not of rows.

    Parameters
    ----------
    absent : collection of str
        Parameters that it has not.
    own : collection of str
        The whole texts of those that it has of its own.
    replaced : dict of str to str
        What the texts of the others do not say, and what they say instead.
    """
    of_name = {text.split(" ", 1)[0]: text for text in own}
    every = PARAMETERS.format(work="", power_t=0.25, stratified="", class_weight="\n")
    every = rewritten(every, replaced)
    parts = [part.strip() for part in re.split(r"\n\n    (?=\S)", every)]
    named = [(part.split(" ", 1)[0], part) for part in parts]
    return "\n\n    ".join(
        of_name.get(name, part) for name, part in named if name not in absent
    )


def rewritten(text, replaced):
    """A text with other words in it, each of which has to be there."""
    paragraphs = text.split("\n\n")
    for old, new in replaced.items():
        assert old in text, old
        paragraphs = [
            part if old not in part else _filled(part.replace(old, new))
            for part in paragraphs
        ]
    return "\n\n".join(paragraphs)


def _filled(paragraph):
    """A description of one parameter in lines of even length, but for lists."""
    head, _, body = paragraph.partition("\n")
    if "\n        - " in paragraph or not body:
        return paragraph
    indent = 8 * " "
    words = " ".join(body.split())
    lines = textwrap.wrap(words, 80, break_long_words=False, break_on_hyphens=False)
    return "\n".join([head, *(indent + line for line in lines)])
