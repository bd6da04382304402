"""What stands beside the stack: an S3 server on a small disk, the line to it, workers whose clock can jump."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.processes import die_with_parent
from tests.server_programs import S3_INSTRUCTION, s3_kinds
from tests.servers import S3_SERVERS, Server
from tests.small_disk import mounted
from tests.system.chaos.everything.store_line import StoreLine

STORE_DISK, DATA_DISK = "1200m", "1500m"
BALLAST = "ballast"
SHIFT_SOURCE = Path(__file__).with_name("clock_shift.c")
SECOND = {"captions-2": ("captions", "solo"), "cpu-2": ("cpu", "prefork")}


@dataclass(frozen=True)
class Clock:
    """library: loaded into a program, it makes its wall clock wrong by the seconds in the file `shift`."""

    library: Path
    shift: Path


def make_clock(folder: Path) -> Clock | None:
    """In a folder; None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "clock_shift.so"
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", library, SHIFT_SOURCE, "-ldl"], check=True
    )
    return Clock(library, folder / "clock")


@dataclass(frozen=True)
class Parts:
    """store: the S3 server. line: between it and the service. disks: of the store and of the data, by name.

    clock: the second workers' wall clock, which can be set wrong; None where there is no C compiler.
    """

    store: Server
    line: StoreLine
    store_url: str
    disks: Mapping[str, Path]
    clock: Clock | None

    def fill(self, disk: str) -> None:
        """Nothing more can be written there."""
        with (
            contextlib.suppress(OSError),
            (self.disks[disk] / BALLAST).open("wb", buffering=0) as file,
        ):
            while True:
                file.write(bytes(1024 * 1024))

    def empty(self, disk: str) -> None:
        """There is room again."""
        (self.disks[disk] / BALLAST).unlink(missing_ok=True)

    def set_clock(self, offset_s: int) -> None:
        """Of the second workers, from now on."""
        if self.clock is not None:
            self.clock.shift.write_text(f"{offset_s}\n")

    def calm(self) -> None:
        """All is well from now on."""
        self.line.become("well")
        self.set_clock(0)
        for disk in self.disks:
            self.empty(disk)


@contextmanager
def open_parts(folder: Path) -> Iterator[Parts]:
    """An S3 server with its data on a disk of its own, and a disk for the stack's data."""
    kinds = s3_kinds()
    assert kinds, S3_INSTRUCTION
    with ExitStack() as things:
        disks = {
            name: things.enter_context(mounted(folder / name, size))
            for name, size in (("data", DATA_DISK), ("store", STORE_DISK))
        }
        store = things.enter_context(S3_SERVERS[kinds[0]](disks["store"]))
        port = int(store.url.rpartition("@")[2].split("/")[0].rpartition(":")[2])
        line = StoreLine(port)
        things.callback(line.close)
        url = store.url.replace(f":{port}/", f":{line.port}/")
        parts = Parts(store, line, url, disks, make_clock(folder))
        parts.set_clock(0)
        yield parts


@contextmanager
def second_workers(
    environment: Mapping[str, str], logs: Path, clock: Clock | None
) -> Iterator[None]:
    """Workers beside the stack's own, as on another host: with a wall clock of their own."""
    settings = {**os.environ, **environment}
    if clock is not None:
        settings |= {"LD_PRELOAD": str(clock.library), "CLOCK_SHIFT_FILE": str(clock.shift)}
    command = [sys.executable, "-m", "workers.runtime.start", "worker"]
    started = []
    for name, (queue, pool) in SECOND.items():
        with (logs / f"worker-{name}.log").open("ab") as log:
            started.append(
                subprocess.Popen(
                    [*command, queue, f"--pool={pool}", f"--name={name}"],
                    stdout=log, stderr=log, env=settings, preexec_fn=die_with_parent,
                )
            )  # fmt: skip
    try:
        yield
    finally:
        for worker in started:
            worker.terminate()
        for worker in started:
            try:
                worker.wait(30)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
