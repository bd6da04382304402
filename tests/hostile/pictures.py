"""Pictures that are damaged, lie about themselves, or ask for far more than they are."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator

from PIL import Image

from common.errors import InvalidInput
from workers.cpu.images.verification import verify_image
from workers.models.pixels import open_rgb
from workers.search.models import read_image

FORMS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
MODES = {"PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), "TIFF": ("1", "L", "RGB", "CMYK", "F"),
         "JPEG": ("L", "RGB", "CMYK"), "GIF": ("L", "P"), "BMP": ("1", "L", "RGB"),
         "WEBP": ("RGB", "RGBA")}  # fmt: skip
MAX_PIXELS = 20_000_000
SIDES = (0, 1, 2, 255, 65_535, 65_536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def take(data: bytes) -> None:
    """As ingest, search and index do. Raises InvalidInput."""
    stored: bytes | InvalidInput
    try:
        stored = verify_image(data, max_pixels=MAX_PIXELS).data
    except InvalidInput as refusal:
        stored = refusal
    for read in (open_rgb, lambda given: read_image(given, MAX_PIXELS)):
        try:
            read(data if isinstance(stored, InvalidInput) else stored)
        except InvalidInput:
            if not isinstance(stored, InvalidInput):
                raise AssertionError("what ingest stores cannot be read") from None
    if isinstance(stored, InvalidInput):
        raise stored


def make(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """(what it is, the file), without an end."""
    kinds: list[tuple[str, Callable[[random.Random], bytes]]] = [
        ("cut short", cut), ("bytes changed", changed), ("lying about its size", resized_header),
        ("long and thin", thin), ("a bomb beside the pixels", bomb), ("many frames", frames),
        ("nonsense behind a known head", headed), ("an orientation of its own", turned),
        ("a size in the head of another form", lying_head),
    ]  # fmt: skip
    while True:
        for what, build in kinds:
            yield what, build(rng)


def drawn(rng: random.Random) -> tuple[str, bytes]:
    form = rng.choice(FORMS)
    size = rng.randint(1, 90), rng.randint(1, 90)
    picture = Image.effect_noise(size, 80).convert(rng.choice(MODES[form]).replace("I;16", "I"))
    if picture.mode == "I":
        picture = picture.convert("I;16")
    file = io.BytesIO()
    picture.save(file, form)
    return form, file.getvalue()


def cut(rng: random.Random) -> bytes:
    data = drawn(rng)[1]
    return data[: rng.randint(0, len(data))]


def changed(rng: random.Random) -> bytes:
    data = bytearray(drawn(rng)[1])
    near = len(data) if rng.random() < 0.5 else min(len(data), 64)
    for _ in range(rng.choice((1, 2, 8, 40))):
        data[rng.randrange(near)] = rng.randrange(256)
    return bytes(data)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, body: bytes, *more: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width % 2**32, height % 2**32, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), *more, chunk(b"IDAT", body), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def resized_header(rng: random.Random) -> bytes:
    return png(rng.choice(SIDES), rng.choice(SIDES), zlib.compress(bytes(rng.randint(0, 99_999))))


def thin(rng: random.Random) -> bytes:
    long = rng.choice((101, 1_000, 65_000, 150_000, 2_000_000))
    size = (1, long) if rng.random() < 0.5 else (long, 1)
    rows: bytes = (b"\0" + bytes(size[0])) * size[1]
    return png(size[0], size[1], zlib.compress(rows))


def bomb(rng: random.Random) -> bytes:
    packed = zlib.compress(bytes(rng.choice((10_000_000, 80_000_000))), 9)
    text = chunk(b"zTXt", b"Comment\0\0" + packed)
    profile = chunk(b"iCCP", b"p\0\0" + packed)
    extra = rng.choice(((text,), (profile,), (text,) * 3, (chunk(b"eXIf", bytes(200_000)),)))
    return png(8, 8, zlib.compress((b"\0" + bytes(8)) * 8), *extra)


def frames(rng: random.Random) -> bytes:
    form = rng.choice(("GIF", "TIFF", "PNG", "WEBP"))
    first = Image.new("P" if form == "GIF" else "RGB", (4, 4))
    others = [Image.new(first.mode, (4, 4), number % 255) for number in range(rng.choice((2, 200)))]
    file = io.BytesIO()
    first.save(file, form, save_all=True, append_images=others)
    data = file.getvalue()
    if form == "GIF" and rng.random() < 0.5:  # its last frames again and again
        data = data[:-1] + data[-400:-1] * 3000 + b";"
    return data


def headed(rng: random.Random) -> bytes:
    heads = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"II*\0", b"MM\0*",
             b"RIFF\xff\xff\xff\xffWEBPVP8X", b"8BPS", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg ",
             b"\0\0\0\x18ftypheic", b"\0\0\0 ftypavif", b"%PDF-1.4", b"", b"FORM", b"SIMPLE  =")  # fmt: skip
    return rng.choice(heads) + rng.randbytes(rng.randint(0, 3000))


def turned(rng: random.Random) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = rng.choice((0, 1, 3, 6, 9, 65_535))
    file = io.BytesIO()
    Image.new("RGB", (9, 5)).save(file, rng.choice(("JPEG", "PNG", "WEBP")), exif=exif)
    return file.getvalue()


def lying_head(rng: random.Random) -> bytes:
    """BMP, GIF, JPEG and TIFF whose head names another size than their pixels have."""
    form, data = drawn(rng)
    at = {"BMP": 18, "GIF": 6, "JPEG": data.find(b"\xff\xc0") + 5, "WEBP": 24}.get(form, 16)
    width = 4 if form in ("BMP", "PNG") else 2
    value: bytes = (rng.choice(SIDES) % 2 ** (8 * width)).to_bytes(width, "little")
    return data[:at] + value + data[at + width :]
