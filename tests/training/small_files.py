"""A disk that is full for a while: the system writes only the first bytes of files."""

import resource
from collections.abc import Callable

import keras


class SmallFiles(keras.callbacks.Callback):
    """Lets no file grow beyond some bytes, from the beginning of one batch to that of another.

    Args:
        first: the batch where it begins.
        last: the batch where it ends.
        before: called before it begins and before it ends, to wait for what is being written.
        size: how many bytes.
    """

    def __init__(self, first: int, last: int, before: Callable = lambda: None, size: int = 1000):
        super().__init__()
        self.first, self.last = first, last
        self.before = before
        self.size = size

    def on_train_batch_begin(self, batch, logs=None):
        """Begins or ends it."""
        if batch in (self.first, self.last):
            self.before()
        if batch == self.first:
            self.limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.limits[1]))
        if batch == self.last:
            resource.setrlimit(resource.RLIMIT_FSIZE, self.limits)
