"""Packets as they go over a WebSocket: each is made once, however many connections get it."""

from __future__ import annotations

from typing import Any

from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import FrameProtocol

DEFLATED_FROM_CHARS = 1024
_WINDOW_BITS = 15


class SharedDeflate(PerMessageDeflate):
    """Compression of each message for itself.

    So the same bytes go to all connections, and none of them keeps a window of its own, which is 300 KB.
    """

    def __init__(self) -> None:
        super().__init__(client_no_context_takeover=True, server_no_context_takeover=True)

    def accept(self, offer: str) -> bool | str | None:
        """wsproto's: the answer to what a client offers; None: no compression. Raises ValueError."""
        answer = super().accept(offer)
        if self.server_max_window_bits < _WINDOW_BITS:
            self._enabled = False
            return None
        return answer


def frame_of(packet: Any, is_deflated: bool) -> bytes:
    """engine.io's packet as a frame, kept with the packet."""
    text = packet.encode()
    is_deflated = is_deflated and len(text) >= DEFLATED_FROM_CHARS
    made: dict[bool, bytes] = packet.__dict__.setdefault("frames", {})
    if is_deflated not in made:
        made[is_deflated] = _frame(text, is_deflated)
    return made[is_deflated]


def _frame(text: str | bytes, is_deflated: bool) -> bytes:
    deflate = SharedDeflate()
    if is_deflated:
        deflate.finalize(deflate.name)
    return bytes(FrameProtocol(client=False, extensions=[deflate]).send_data(text))
