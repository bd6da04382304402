"""Opening a stored image the same way everywhere: training, index and search see the same pixels."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

BACKGROUND = (255, 255, 255)


def open_rgb(source: Path | bytes, least_side: int = 0) -> Image.Image:
    """The image in RGB, fully decoded; transparent parts lie on white.

    (Pillow's own conversion drops transparency, and what lies beneath is most often black.)
    least_side: a JPEG may be decoded at a fraction of its size, as long as neither side gets
    shorter than this; 0 decodes it whole. Raises OSError or ValueError for a broken file.
    """
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        if least_side:
            image.draft("RGB", (least_side, least_side))
        return flatten(image)


def flatten(image: Image.Image) -> Image.Image:
    """An opened image in RGB, decoded; transparent parts lie on white."""
    if "A" in image.getbands() or "transparency" in image.info:
        layer = image.convert("RGBA")
        flat = Image.new("RGB", layer.size, BACKGROUND)
        flat.paste(layer, mask=layer.getchannel("A"))
        return flat
    return image.convert("RGB")
