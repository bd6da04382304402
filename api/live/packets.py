"""What a Socket.IO packet of a client may be. python-socketio takes more, and holds what it takes."""

from __future__ import annotations

from typing import Any

from socketio import packet

MAX_GIVEN = 2  # an event's name, and what it brings
NO_EVENTS = (
    "connect",
    "disconnect",
)  # python-socketio would call what is called when a connection begins and ends


class BadPacket(ValueError):
    """Raised when a packet is none that a client of ours makes."""


class Packet(packet.Packet):  # type: ignore[misc]
    """Sign-ins, events by name, and their acknowledgements. No attachments: they would be kept until all have come."""

    def decode(self, encoded_packet: Any) -> int:
        """python-socketio's: read what came. Raises BadPacket."""
        try:
            attachments = super().decode(encoded_packet)
        except (ValueError, TypeError, RecursionError) as bad:
            raise BadPacket(str(bad)[:100]) from None
        if attachments or self.packet_type not in (
            packet.CONNECT, packet.DISCONNECT, packet.EVENT, packet.ACK
        ):  # fmt: skip
            raise BadPacket(f"a packet of kind {self.packet_type}, {attachments} attachments")
        if self.packet_type == packet.EVENT and not _is_event(self.data):
            raise BadPacket("no event")
        return 0


def _is_event(data: Any) -> bool:
    if not isinstance(data, list) or not 0 < len(data) <= MAX_GIVEN:
        return False
    return isinstance(data[0], str) and data[0] not in NO_EVENTS
