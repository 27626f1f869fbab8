"""What the docstrings of SGDRanker and SGDSurvival share: of steps of groups."""

from sklearn_losses.estimators._sgd_docs import (
    ATTRIBUTES,
    CURVES,
    parameters_of_steps,
    rewritten,
)

ABSENT = "fit_intercept", "epsilon", "n_jobs"

# What is of rows that stand alone, of intercepts, or of classes, and what is instead.
_OF_PARAMETERS = {
    "[2]_": "[1]_",
    "[3]_": "[2]_",
    "; the intercept is not penalised. An": ". An",
    """ With a loss of regression whose slopes are bounded, `lipschitz`
        in the catalogue, what is right depends on the unit of y: the larger y is, the
        smaller alpha has to be. A UserWarning says so where the penalty of the default
        is more than a tenth of what the fit has gained over the best constant.""": "",
    """
        ('pa1' and 'pa2' leave the penalty out); with""": """;
        with""",
    """ Threads that share the classes of one
        versus rest print their labels first.""": "",
    "'adaptive', 'pa1',             'pa2', 'auto'}": "'adaptive', 'auto'}",
    """
        - 'pa1', 'pa2': passive-aggressive steps [1]_, for piecewise linear losses;
          eta0 is their aggressiveness C;""": "",
    """ One versus rest then
        stops all classes at once.""": "",
    "`coef_` and `intercept_` are the averages": "`coef_` is the average",
    """, and none goes with 'pa1' or
        'pa2'.""": ".",
    """: the mean over its rows of
        sample weight times gradient of the loss, by coefficients and intercept, without
        the penalty.""": """: that of the loss, without the penalty.
       """,
    "; the norm of one row's gradient costs nothing": "",
    """ The norm is that of all
        outputs of a multiclass loss, and of one class in one versus rest.""": "",
}
_OF_CURVES = {
    """Of this and the other losses and objectives one versus rest has the sum over its
        classes, of gradient norms that of all classes, of step sizes the smallest. A
        class that has stopped keeps its last value. `partial_fit` leaves all curves as
        they are.""": "`partial_fit` leaves all curves as they are.",
    "int or ndarray of int of shape (n_classes,)": "int",
    """; in one versus
        rest without `scoring`, of each class. Only""": """. Only
       """,
    " Not for 'pa1' and 'pa2'.": "",
    "gradient by coefficients and intercepts after": "gradient after",
}


def group_parameters(*own):
    """The parameters, of which some have a text of their own."""
    return parameters_of_steps(ABSENT, own, _OF_PARAMETERS)


def group_attributes(steps):
    """The attributes that any fit sets; `steps` is what an epoch has."""
    replaced = {
        """as many
        steps as rows divided by `batch_size`, rounded up; rows of weight zero do not
        count. With learning_rate='auto' it counts rows.""": steps
    }
    return rewritten(ATTRIBUTES.format(most=""), replaced)


GROUP_CURVES = rewritten(CURVES, _OF_CURVES)


def early_stopping(units, score):
    """The parameters of validation, on units that are set aside as a whole."""
    return (
        f"""early_stopping : bool, default=False
        Whether to set {units} aside for validation, to end the fit when their mean
        loss, or the score in `scoring`, such as ``{score}``, no
        longer improves, and to keep the coefficients of the epoch where it was best.
        Rows that are passed to `fit` as `X_val` and `y_val` do the same, and none are
        then set aside.""",
        f"""validation_fraction : float, default=0.1
        The fraction of the {units} to set aside, in (0, 1). It is only used with
        `early_stopping`.""",
    )


AUTO_NOTE = """**learning_rate='auto'**, in `fit`, is the descent of `{exact}` with
    another end: `tol` is the share of the possible gain over coefficients of 0 that may
    be missed, about, and `max_iter` the most passes over the rows.{of_fit} In
    `partial_fit` it minimizes the objective over all {units} so far{of_call}. It keeps
    the newest of them as they are, at most 10,000 rows and 8 MB, and the others as a
    quadratic function; that takes a matrix of n_features rows, of at most 4 MB{needs}.
    `coef_` moves when a twentieth of the rows so far is new. Coefficients from
    elsewhere count as t_ - 1 {units}."""

REFERENCES = """.. [1] Bottou 2012, "Stochastic gradient descent tricks".
    .. [2] Tsuruoka, Tsujii and Ananiadou 2009, "Stochastic gradient descent training
       for L1-regularized log-linear models with cumulative penalty", ACL."""
