"""Hosts that are network namespaces, cabled to one switch. Needs root and the program `ip` (Linux)."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

CLONE_NEWNET = 0x40000000
NETWORK = "10.77.0"


def what_is_missing() -> str:
    """Why there can be no such hosts here; empty where there can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid():
        return "network namespaces need root"
    missing = [name for name in ("ip", "unshare", "mount") if shutil.which(name) is None]
    if missing:
        return f"there is no {' and no '.join(missing)}"
    name = f"try-{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"namespaces cannot be made here: {done.stderr.strip()}"
    _ip("netns", "del", name)
    return ""


class Network:
    """A switch and its hosts. As a context manager: all of them go at the end.

    The process that makes it moves to the host `main`.
    """

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder, self.names = folder, ["main", *names]
        self._own = f"-{os.getpid()}"

    def __enter__(self) -> Network:
        self._before = os.open("/proc/self/ns/net", os.O_RDONLY)
        _ip("netns", "add", self._namespace("switch"))
        self._in_switch("link", "add", "bridge", "type", "bridge")
        self._in_switch("link", "set", "bridge", "up")
        for name in self.names:
            self._add(name)
        _enter(Path(f"/var/run/netns/{self._namespace('main')}"))
        return self

    def __exit__(self, *_: object) -> None:
        _set_namespace(self._before)
        os.close(self._before)
        for name in [*self.names, "switch"]:
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", self._namespace(name))

    def address(self, name: str) -> str:
        """The address of a host."""
        return f"{NETWORK}.{self.names.index(name) + 1}"

    def data(self, name: str) -> Path:
        """The folder that only this host sees."""
        return self.folder / name

    def cut(self, name: str) -> None:
        """Pull the cable: nothing arrives, and nobody is told."""
        self._in_switch("link", "set", f"to-{name}", "down")

    def plug(self, name: str) -> None:
        """Put the cable back."""
        self._in_switch("link", "set", f"to-{name}", "up")

    def start(
        self, name: str, command: list[str], environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        """A process on a host: with its name and network, in its folder, where the others' are empty."""
        hide = [f"mount -t tmpfs none {self.data(other)}" for other in self.names if other != name]
        script = " && ".join(["mount --make-rprivate /", *hide, f"hostname {name}", 'exec "$@"'])
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                ["ip", "netns", "exec", self._namespace(name), "unshare", "--uts", "--mount",
                 "sh", "-c", script, "sh", *command],
                env=environment, cwd=self.data(name), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _add(self, name: str) -> None:
        self.data(name).mkdir()
        _ip("netns", "add", self._namespace(name))
        self._in_switch(
            "link",
            "add",
            f"to-{name}",
            "type",
            "veth",
            "peer",
            "name",
            "cable",
            "netns",
            self._namespace(name),
        )
        self._in_switch("link", "set", f"to-{name}", "master", "bridge", "up")
        for words in (
            ("addr", "add", f"{self.address(name)}/24", "dev", "cable"),
            ("link", "set", "cable", "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", self._namespace(name), *words)

    def _in_switch(self, *words: str) -> None:
        _ip("-n", self._namespace("switch"), *words)

    def _namespace(self, name: str) -> str:
        return f"{name}{self._own}"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _enter(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    _set_namespace(handle)
    os.close(handle)


def _set_namespace(handle: int) -> None:
    """Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(handle, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
