"""Files in memory, for databases of tests."""

import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - folders of their own in it


def folder_in_memory() -> Path | None:
    """Where a commit waits for no disk; None if there is little space.

    A new database of PostgreSQL takes a tenth of the CPU there that it takes on a disk.
    """
    is_large = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 2**31
    return _MEMORY if is_large else None
