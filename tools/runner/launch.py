"""Become another command, which gets a SIGTERM when its parent dies: `launch.py PARENT_PID COMMAND`.

Nobody who is killed outright (SIGKILL) can end what he started: on Linux the kernel does it for make
and for the runner. A script, because a process that has threads can't safely do this between fork
and exec.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _end_with_parent(parent_pid: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        sys.exit("The runner is gone already.")


if __name__ == "__main__":
    _end_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - it replaces this process, as it should
