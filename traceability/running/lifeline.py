"""Become another program that ends when its parent does: ``lifeline.py PARENT_PID COMMAND ...``.

The kernel is asked (prctl(2), PR_SET_PDEATHSIG) to kill this process when the thread that
started it ends, and exec keeps that. It is a program of its own, and not a hook between fork
and exec, because such a hook is unsafe in a process with threads. Elsewhere than on Linux
there is no such request and children of a killed supervisor have to be ended by hand.

Run as a file with ``python -I -S``, so it imports nothing of this project.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != int(parent):
        sys.exit("the supervisor ended before its child began")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
