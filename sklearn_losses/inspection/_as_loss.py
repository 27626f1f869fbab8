"""What the tools take for a loss: an instance of `Loss`, or its name.

>>> from sklearn_losses.inspection._as_loss import as_loss
>>> as_loss("huber", "describe")
Huber()
"""

from __future__ import annotations

from sklearn_losses.losses import Loss, get_loss


def as_loss(loss: Loss | str, caller: str) -> Loss:
    """The loss that a user means.

    Parameters
    ----------
    loss : Loss or str
        An instance, or the name of one.
    caller : str
        The function that was called, for the error message.

    Returns
    -------
    Loss

    Raises
    ------
    TypeError
        If `loss` is neither a loss nor a string.
    ValueError
        If there is no loss of that name, or it has a scale that `fit` estimates.
    """
    if isinstance(loss, str):
        return get_loss(loss)
    if not isinstance(loss, Loss):
        hint = f": write {loss.__name__}()" if isinstance(loss, type) else ""
        raise TypeError(
            f"{caller} needs a loss, such as Huber(), or the name of one. "
            f"Got {loss!r}{hint}."
        )
    if loss.needs_scale:
        loss.compiled()  # raises: without a scale it is no function yet
    return loss
