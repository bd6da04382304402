"""A TCP line to a server of this machine that can swallow what goes in, or be cut: a part that is away."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

CHUNK = 64 * 1024


class Line:
    """The line, in threads of its own; `port` is its near end.

    `swallow()`: connections are taken, and stay, and nothing comes back. `cut()`: they are refused. `mend()`: all is well.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket | None]] = []
        self._swallows = False
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()

    def swallow(self) -> None:
        """From now on nothing passes, in either direction."""
        self._swallows = True

    def cut(self) -> None:
        """Close all connections, and refuse new ones."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._close_all()

    def mend(self) -> None:
        """Everything passes; what was swallowed is lost with its connections."""
        self._swallows = False
        self._close_all()
        if self._listener.fileno() < 0:
            self._listener = self._listen(self.port)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), backlog=512)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far: socket.socket | None = None
            if not self._swallows:
                try:
                    far = socket.create_connection(("127.0.0.1", self._target_port), 5)
                except OSError:
                    near.close()
                    continue
                far.settimeout(None)
            with self._lock:
                self._pairs.append((near, far))
            for source, target in ((near, far), (far, near)):
                if source is not None:
                    threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if target is not None and not self._swallows:
                    target.sendall(data)
            if target is not None and not self._swallows:
                target.shutdown(socket.SHUT_WR)

    def _close_all(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for line in (line for pair in pairs for line in pair if line is not None):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
