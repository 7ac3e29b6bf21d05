"""The clocks of processes, each of which can be set forward and back. libfaketime fakes them."""

import os
from pathlib import Path

import pytest

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
"""Of Debian's package `libfaketime`; LIBFAKETIME names another file. The one without MT makes threads very slow."""


class Clock:
    """The time of day of one process, and of the SQLite in it. Its monotonic clock is right."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, seconds: int) -> None:
        """Let it be ahead by so many seconds, or behind."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a process with this clock."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            # Otherwise each wait for Python's lock takes 30 ms.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }


def library() -> Path:
    found = Path(os.environ.get("LIBFAKETIME", LIBRARY))
    if not found.exists():
        pytest.fail(f"{found} is missing: `apt-get install libfaketime`, or set LIBFAKETIME.")
    return found
