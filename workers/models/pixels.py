"""Opening images the same way everywhere: ingest, training, index and search see the same pixels.

What strangers send may be built to harm: each picture is measured by its header before anything is
decoded, and whatever a decoder raises for damaged data becomes one error with the reason.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from common.errors import ClipBrowserError, InvalidInput

OPENED = (
    "JPEG",
    "PNG",
    "WEBP",
    "GIF",
    "BMP",
    "TIFF",
)  # of the decoders, those that strangers reach
BACKGROUND = (255, 255, 255)
# Longer through shorter side. A turn of the whole horizon, or a screenshot of a page, is below 30;
# 1 x 150,000 pixels are 150 kB, but 20 GB once the shorter side is 224.
MAX_RATIO = 100
# So much of a long picture is looked at: models take a square of its middle, but resize all of it first.
SPAN = 16
_ORIENTATION = 0x0112  # EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
REMEDY = "Save it again from a program that opens it."


def open_rgb(source: Path | bytes, least_side: int = 0) -> Image.Image:
    """The image in RGB, fully decoded; transparent parts lie on white.

    (Pillow's own conversion drops transparency, and what lies beneath is most often black.)
    least_side: a JPEG may be decoded at a fraction of its size, as long as neither side gets
    shorter than this; 0 decodes it whole. Raises InvalidInput with the reason for a file that is
    not there, broken, or too long for its width.
    """
    with (
        decoding(),
        Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image,
    ):
        check_ratio(image)
        if least_side:
            image.draft("RGB", (least_side, least_side))
        return flatten(image)


@contextmanager
def decoding() -> Iterator[None]:
    """Raises InvalidInput in place of whatever Pillow raises for a file; memory that runs out is
    nobody's fault, and passes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is checked here or harmless
            yield
    except (ClipBrowserError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise InvalidInput("it is not an image that can be read", remedy=REMEDY) from error
    except Image.DecompressionBombError as error:
        raise InvalidInput(f"the image has too many pixels: {error}", remedy=REMEDY) from error
    except OSError as error:
        reason = error.strerror.lower() if error.strerror else ""
        said = f"the file cannot be read: {reason}" if reason else _damaged(error)
        raise InvalidInput(said, remedy=REMEDY) from error
    except Exception as error:  # decoders raise anything for damaged data, from zlib to struct
        raise InvalidInput(_damaged(error), remedy=REMEDY) from error


def check_pixels(picture: Image.Image, max_pixels: int) -> None:
    """Raises InvalidInput when an opened picture has more pixels, or is too long for its width."""
    pixels = picture.width * picture.height
    if pixels > max_pixels:
        raise InvalidInput(
            f"the image is {picture.width} x {picture.height} = {pixels / 1e6:.1f} megapixels; "
            f"the limit is {max_pixels / 1e6:g}",
            remedy="Scale the image down: CLIP looks at a few hundred pixels a side.",
        )
    check_ratio(picture)


def check_ratio(picture: Image.Image) -> None:
    """Raises InvalidInput when an opened picture is too long for its width."""
    short, long = sorted(picture.size)
    if long > MAX_RATIO * short:
        raise InvalidInput(
            f"the image is {picture.width} x {picture.height} pixels, one side {long / short:,.0f} times "
            f"the other; the limit is {MAX_RATIO}",
            remedy="Cut it into pieces: CLIP looks at the square in its middle.",
        )


def crop_middle(picture: Image.Image) -> Image.Image:
    """A picture longer than SPAN times its width, cut to that around its middle; others as they are.

    For whoever resizes the shorter side and then takes the square in the middle: it is the same square.
    """
    short, long = sorted(picture.size)
    kept = SPAN * short
    if long <= kept:
        return picture
    kept += (long - kept) % 2  # so that the middle stays where it is
    start = (long - kept) // 2
    if picture.width == long:
        return picture.crop((start, 0, start + kept, short))
    return picture.crop((0, start, short, start + kept))


def turn_upright(picture: Image.Image) -> Image.Image:
    """The picture turned as its EXIF data say; the same object when there is nothing to turn."""
    turn = _TURNS.get(_orientation(picture))
    return picture if turn is None else picture.transpose(turn)


def is_upright(picture: Image.Image) -> bool:
    """Whether `turn_upright` leaves it as it is."""
    return _orientation(picture) not in _TURNS


def _orientation(picture: Image.Image) -> int:
    """EXIF orientation, 1 (upright) where there is none or it cannot be read."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF raises anything, and does no harm to the picture
        return 1


def flatten(image: Image.Image) -> Image.Image:
    """An opened image in RGB, decoded; transparent parts lie on white."""
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        flat = Image.new("RGB", layer.size, BACKGROUND)
        flat.paste(layer, mask=layer.getchannel("A"))
        return flat
    return image.convert("RGB")


def _damaged(error: Exception) -> str:
    return f"the image is damaged or cut short: {str(error)[:200] or type(error).__name__}"
