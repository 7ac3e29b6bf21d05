"""How a run ends, other than well."""

import signal


class RunError(Exception):
    """The run can't go on. The text is shown to the user as it is."""


class Stopped(Exception):
    """The run was asked to end: by a signal, or, with None, because nobody reads its output."""

    def __init__(self, by: signal.Signals | None) -> None:
        super().__init__(by)
        self.by = by
