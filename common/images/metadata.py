"""What an image's file tells besides the picture: taken out without touching a pixel.

Cameras and programs write where and when a picture was taken, by whom and with which device (serial
number): into EXIF with its maker notes, XMP, IPTC, comments, and whole pictures behind the picture. The
parts a decoder needs, and those that say how colours are meant, stay byte for byte; so does the way
up. What is not known stays out: lists name what is kept.

Sources: ITU T.81 annex B and JFIF 1.02 (JPEG), W3C PNG 3, Google's WebP container, GIF 89a.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

JPEG, PNG, GIF = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF8"
_ORIENTATION = 0x0112
_PNG_KEPT = frozenset(
    [
        b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP",
        b"mDCV", b"cLLI", b"sBIT", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT",
    ]
)  # fmt: skip
_WEBP_KEPT = frozenset([b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"])
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04  # flags of VP8X
_GIF_KEPT = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")
# In a JPEG's compressed data 0xFF is followed by 0x00 or a restart marker; anything else ends them.
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SOI, _EOI, _SOS, _COM, _APP0, _APP2, _APP14 = 0xD8, 0xD9, 0xDA, 0xFE, 0xE0, 0xE2, 0xEE


class _Unreadable(Exception):
    """Raised when a file is not built as its format says."""


def without_metadata(data: bytes) -> bytes:
    """The same picture without what tells of its author, place, time and device.

    JPEG, PNG, WebP and GIF; another format, and a file that is not built as its format says, comes
    back as it is. The very object that was given when there is nothing to take out.
    """
    try:
        if data.startswith(JPEG):
            kept = b"".join(_jpeg(data))
        elif data.startswith(PNG):
            kept = PNG + b"".join(_png(data))
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            kept = _webp(data)
        elif data.startswith(GIF):
            kept = b"".join(_gif(data))
        else:
            return data
    except (_Unreadable, IndexError, struct.error):
        return data
    return data if kept == data else kept


def _jpeg(data: bytes) -> Iterator[bytes]:
    """Segments up to the first picture's end; further pictures of an MPO lie behind it."""
    yield JPEG
    at = 2
    while True:
        at = data.find(b"\xff", at)
        while at >= 0 and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        if at < 0:
            raise _Unreadable
        marker = data[at + 1]
        if marker == _EOI:
            yield data[at : at + 2]
            return
        if marker in (0x00, 0x01, _SOI) or 0xD0 <= marker <= 0xD7:  # without content
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data) or end < at + 4:
            raise _Unreadable
        segment = data[at:end]
        if marker == _SOS:
            ended = _SCAN_END.search(data, end)
            if ended is None:
                raise _Unreadable
            yield data[at : ended.start()]
            end = ended.start()
        else:
            yield _kept_segment(marker, segment)
        at = end


def _kept_segment(marker: int, segment: bytes) -> bytes:
    content = segment[4:]
    if marker == _COM:
        return b""
    if not 0xE0 <= marker <= 0xEF:
        return segment
    if marker == 0xE1 and content.startswith(b"Exif\0\0"):
        turned = _only_orientation(content[6:])
        size = (len(turned) + 8).to_bytes(2, "big")
        return b"\xff\xe1" + size + b"Exif\0\0" + turned if turned else b""
    colours = {_APP0: b"JFIF\0", _APP2: b"ICC_PROFILE\0", _APP14: b"Adobe"}
    return segment if marker in colours and content.startswith(colours[marker]) else b""


def _png(data: bytes) -> Iterator[bytes]:
    """Chunks up to IEND; eXIf becomes one that says which way is up, if it says so."""
    at = len(PNG)
    while True:
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        end = at + size + 12
        if end > len(data):
            raise _Unreadable
        if kind in _PNG_KEPT:
            yield data[at:end]
        elif kind == b"eXIf" and (turned := _only_orientation(data[at + 8 : end - 4])):
            chunk = b"eXIf" + turned
            yield struct.pack(">I", len(turned)) + chunk + struct.pack(">I", zlib.crc32(chunk))
        if kind == b"IEND":
            return
        at = end


def _webp(data: bytes) -> bytes:
    kept, turned, at = [], b"", 12
    whole = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= whole:
        kind, size = struct.unpack("<4sI", data[at : at + 8])
        end = at + 8 + size + size % 2
        if at + 8 + size > len(data):
            raise _Unreadable
        if kind in _WEBP_KEPT:
            kept.append(data[at:end])
        elif kind == b"EXIF":
            turned = _only_orientation(data[at + 8 : end].removeprefix(b"Exif\0\0"))
        at = end
    if kept and kept[0].startswith(b"VP8X"):
        flags = kept[0][8] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if turned else 0)
        kept[0] = kept[0][:8] + bytes([flags]) + kept[0][9:]
        kept += [b"EXIF" + len(turned).to_bytes(4, "little") + turned] if turned else []
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _gif(data: bytes) -> Iterator[bytes]:
    at = 13 + _colours(data[10])
    yield data[:at]
    while data[at] != 0x3B:
        begin, kind = at, data[at]
        at += 2 if kind == 0x21 else 10 + _colours(data[at + 9]) + 1
        label, first = data[begin + 1], at + 1
        while data[at]:
            at += 1 + data[at]
        at += 1
        if kind not in (0x21, 0x2C) or at > len(data):
            raise _Unreadable
        named = data[first : first + 11]
        if kind == 0x2C or label == 0xF9 or (label == 0xFF and named in _GIF_KEPT):
            yield data[begin:at]
    yield b"\x3b"


def _colours(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _only_orientation(tiff: bytes) -> bytes:
    """EXIF that says nothing but which way is up; b"" when that is as it lies, or not said."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return b""
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for number in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, at + 2 + 12 * number)
            if tag == _ORIENTATION and 2 <= value <= 8:
                entry = struct.pack(">HHIHH", _ORIENTATION, 3, 1, value, 0)
                return b"MM\0\x2a\0\0\0\x08\0\x01" + entry + b"\0\0\0\0"
    except struct.error:
        pass
    return b""
