"""Fits to the same rows that read them together.

Of many rows a pass takes as long as X comes from memory. Fits of several targets of the
same X need not wait for it each by itself: one runs until it wants a pass, then the
next, and when all want one it is made for all of them. What each finds is what it would
find alone, to the bit.

>>> from sklearn_losses.problem._together import Meeting
>>> Meeting(rows=None).run([lambda: 1, lambda: 2])
[1, 2]
"""

import contextvars
import threading

from sklearn_losses.problem._sweep import sweep, sweep_together

AT_ONCE = 16  # fits, each of which has some numbers of each row
MANY = 1 << 21  # entries of X, which do not stay in cache
_MEETING = contextvars.ContextVar("meeting", default=None)


def wants_company(rows):
    """Whether a pass over rows waits for memory."""
    return rows is not None and rows.data is not None and len(rows.data) >= MANY


def run_together(rows, tasks):
    """What each of some callables returns, which pass over rows together."""
    parts = [tasks[i : i + AT_ONCE] for i in range(0, len(tasks), AT_ONCE)]
    return [found for part in parts for found in Meeting(rows).run(part)]


def sweep_rows(rows, *args):
    """A `sweep` over rows as kernels take them, perhaps together with others."""
    meeting = _MEETING.get()
    if meeting is None or rows[0] is not meeting.data:
        return sweep(*rows, *args)
    return meeting.sweep(rows, args)


class _Wish:
    """A pass that somebody waits for."""

    found = None

    def __init__(self, rows, args):
        self.rows, self.args = rows, args


class Meeting:
    """Tasks of which one runs at a time, until all of them wait for a pass.

    Parameters
    ----------
    rows : Rows
        Whose passes are made together.
    """

    def __init__(self, rows):
        self.data = None if rows is None else rows.data
        self._turn = threading.Condition()  # whoever runs holds it
        self._wishes, self._n_running, self._is_over = [], 0, False

    def run(self, tasks):
        """What each of some callables returns."""
        found, errors = [None] * len(tasks), []
        self._n_running = len(tasks)
        threads = [self._thread(task, k, found, errors) for k, task in enumerate(tasks)]
        for thread in threads:
            thread.start()
        try:
            with self._turn:
                while self._n_running > 0:
                    self._grant()
                    self._turn.wait_for(self._all_wait)
        finally:
            with self._turn:
                self._is_over = True
                self._turn.notify_all()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return found

    def _thread(self, *args):
        """One that works in the context of who calls."""
        run = contextvars.copy_context().run
        return threading.Thread(target=run, args=(self._work, *args), daemon=True)

    def sweep(self, rows, args):
        """A pass, when all others want one too."""
        wish = _Wish(rows, args)
        self._wishes.append(wish)
        self._turn.notify_all()
        self._turn.wait_for(lambda: self._is_over or wish.found is not None)
        if wish.found is None:
            raise RuntimeError("The fit was interrupted.")
        return wish.found

    def _all_wait(self):
        return len(self._wishes) == self._n_running

    def _grant(self):
        """Make the passes that are wanted, if nobody runs."""
        if self._wishes and self._all_wait():
            wishes, self._wishes = self._wishes, []
            sums = sweep_together(*wishes[0].rows, [wish.args for wish in wishes])
            for wish, found in zip(wishes, sums):
                wish.found = found
            self._turn.notify_all()

    def _work(self, task, k, found, errors):
        _MEETING.set(self)
        with self._turn:
            try:
                found[k] = task()
            except BaseException as error:  # which the caller of `run` raises
                errors.append(error)
            finally:
                self._n_running -= 1
                self._turn.notify_all()
