"""A Bunch some of whose entries are formed when somebody asks for them.

>>> from functools import partial
>>> from sklearn_losses.inspection._lazy import LazyBunch
>>> found = LazyBunch("numbers", {"large": partial(list, range(3))}, small=1)
>>> found
<numbers: large, small>
>>> found.large
[0, 1, 2]
"""

from sklearn.utils import Bunch


class LazyBunch(Bunch):
    """What a name stands for, and functions of what else there is.

    Parameters
    ----------
    what : str
        What it is, for its repr.
    later : dict of str to callable
        Without arguments; that it can be pickled, partials of functions of modules.
    **given
        What is there already.
    """

    def __init__(self, what, later, **given):
        super().__init__(**given)
        vars(self).update(_what=what, _later=later)

    def __missing__(self, name):
        later = vars(self).get("_later", {})
        if name not in later:
            raise KeyError(name)
        self[name] = later[name]()
        return self[name]

    def __dir__(self):
        return sorted({*self, *vars(self)["_later"]})

    def __repr__(self):
        return f"<{vars(self)['_what']}: {', '.join(self.__dir__())}>"

    def __reduce__(self):
        state = vars(self)["_what"], vars(self)["_later"], dict(self)
        return _restored, state


def _restored(what, later, given):
    return LazyBunch(what, later, **given)
