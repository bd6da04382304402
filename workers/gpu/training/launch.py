"""`python -m workers.gpu.training.launch N MODULE CONFIG.json`: a child of N processes of this machine.

PyTorch's own launcher (`python -m torch.distributed.run --standalone`), tied to the worker: it and its
processes end when the worker does, a wish to stop reaches the processes as SIGUSR1 while they go on,
and when one of them was killed the launcher ends by the same signal, so that the worker sees why.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import psutil
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import parse_args, run

from workers.runtime.child_io import follow_parent

# Loopback addresses: nothing of this leaves the machine, whatever its name resolves to.
OPTIONS = ("--standalone", "--local-addr", "127.0.0.1", "--signals-to-handle", "SIGHUP")


def main() -> None:
    """Start the processes, wait for all of them."""
    follow_parent()
    os.environ["CLIP_BROWSER_PARENT_PID"] = str(os.getpid())
    processes, module, config = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: _pass_on(module))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    arguments = [*OPTIONS, "--nproc-per-node", processes, "-m", module, config]
    try:
        run(parse_args(arguments))  # type: ignore[no-untyped-call]
    except ChildFailedError as failed:
        _end_like([failure.exitcode for failure in failed.failures.values()])


def _pass_on(module: str) -> None:
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if module in process.cmdline():
                process.send_signal(signal.SIGUSR1)


def _end_like(codes: list[int]) -> None:
    """End as the first process did; the rest were ended by the launcher, with SIGTERM."""
    killed = [-code for code in codes if code < 0 and -code != signal.SIGTERM]
    if killed:
        with contextlib.suppress(OSError):  # SIGKILL needs no default back
            signal.signal(killed[0], signal.SIG_DFL)
        os.kill(os.getpid(), killed[0])
    sys.exit(1)


if __name__ == "__main__":
    main()
