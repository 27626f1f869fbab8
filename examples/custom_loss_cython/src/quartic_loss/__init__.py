"""A loss for sklearn_losses that lives in a package of its own."""

from quartic_loss._quartic import QuarticHuber

__all__ = ["QuarticHuber"]
