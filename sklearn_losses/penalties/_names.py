"""Labels of pandas objects: what they hold belongs to the features of these names."""

from sklearn_losses._machine._params import InvalidParameterError


def has_names(values):
    """Whether it is a Series or a DataFrame whose rows are labelled by strings.

    Names of features are strings, to scikit-learn; other labels are none.
    """
    if not hasattr(values, "reindex"):
        return False
    labels = list(values.index)
    return bool(labels) and all(isinstance(label, str) for label in labels)


def in_order(start, values, names):
    """Values in the order of the features, if they are labelled by name.

    Parameters
    ----------
    start : str
        What an error begins with: the parameter in words.
    values : object
        A Series, or a DataFrame of features by features; others are as they are.
    names : sequence of str or None
        Of the features of X.

    Raises
    ------
    InvalidParameterError
        If X has no names, or others.
    """
    if not has_names(values):
        return values
    if names is None:
        raise InvalidParameterError(
            f"{start} has names, and X has none. Use a DataFrame (of coefficients a "
            "Series), or an array in the order of the features."
        )
    names = list(names)
    for axis in values.axes:
        _check_labels(start, list(axis), names)
    return values.loc[tuple(names for _ in values.axes)]


def _check_labels(start, labels, names):
    for label in labels:
        if label not in names:
            raise InvalidParameterError(
                f"{start} has the label {label!r}, and X has no such feature. Its "
                f"features are {', '.join(names)}."
            )
        if labels.count(label) > 1:
            raise InvalidParameterError(
                f"{start} has the label {label!r} twice. Each feature has one."
            )
    for name in names:
        if name not in labels:
            raise InvalidParameterError(
                f"{start} has no label for {name!r}, which is a feature of X. Add it."
            )
