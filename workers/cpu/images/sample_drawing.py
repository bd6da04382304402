"""Draw the sample dataset's pictures with Pillow: a soft background and flat shapes with a shadow.

Positions and radii are fractions of the picture's side, so that nothing here depends on its size.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIDE_PX = 256
_SUPERSAMPLE = 4  # shapes are drawn this many times too large, then scaled down: smooth edges

Colour = tuple[int, int, int]
Point = tuple[float, float]

COLOURS: dict[str, Colour] = {
    "red": (222, 45, 50),
    "orange": (244, 136, 32),
    "yellow": (246, 207, 46),
    "green": (46, 158, 84),
    "blue": (38, 104, 214),
    "purple": (130, 66, 178),
    "pink": (245, 128, 178),
    "black": (38, 38, 46),
}

# name -> (first colour, second colour of the gradient)
BACKGROUNDS: dict[str, tuple[Colour, Colour]] = {
    "cream": ((253, 248, 234), (246, 235, 212)),
    "light blue": ((228, 241, 252), (205, 227, 246)),
    "mint": ((230, 247, 238), (206, 236, 222)),
    "lavender": ((240, 235, 251), (224, 215, 245)),
    "peach": ((254, 238, 228), (250, 220, 204)),
    "grey": ((236, 238, 241), (214, 218, 224)),
    "white": ((255, 255, 255), (246, 247, 249)),
    "dark": ((52, 58, 78), (34, 38, 54)),
}


class Placed(NamedTuple):
    """One shape on the picture. x, y and radius in 0..1 of the side; turn in degrees."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float
    turn: float


def draw_picture(background: str, shapes: list[Placed], rng: random.Random) -> bytes:
    """Draw shapes in order, the first lowest, on a named background; PNG bytes, SIDE_PX square."""
    picture = _draw_background(*BACKGROUNDS[background], rng)
    for placed in shapes:
        _draw_shadow(picture, placed, strength=90 if background == "dark" else 46)
    for placed in shapes:
        _draw_shape(picture, placed)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def _draw_background(first: Colour, second: Colour, rng: random.Random) -> Image.Image:
    """A gradient in a random direction with one or two large, faint discs of light."""
    ramp = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270)))
    ramp = ramp.rotate(rng.uniform(-40, 40), resample=Image.Resampling.BICUBIC, fillcolor=128)
    ramp = ramp.resize((SIDE_PX, SIDE_PX)).filter(ImageFilter.GaussianBlur(SIDE_PX / 10))
    picture = Image.composite(
        Image.new("RGB", ramp.size, second), Image.new("RGB", ramp.size, first), ramp
    )
    for _ in range(rng.randint(1, 2)):
        disc = _disc_mask(rng.random(), rng.random(), rng.uniform(0.25, 0.55), level=70)
        picture.paste(_mix(first, (255, 255, 255), 0.35), (0, 0), disc)
    return picture


def _disc_mask(x: float, y: float, radius: float, level: int) -> Image.Image:
    mask = Image.new("L", (SIDE_PX, SIDE_PX), 0)
    box = [(v - radius) * SIDE_PX for v in (x, y)] + [(v + radius) * SIDE_PX for v in (x, y)]
    ImageDraw.Draw(mask).ellipse(box, fill=level)
    return mask.filter(ImageFilter.GaussianBlur(3))


def _draw_shadow(picture: Image.Image, placed: Placed, strength: int) -> None:
    mask = _shape_mask(placed)
    layer = Image.new("L", picture.size, 0)
    left, top = _corner(placed, mask)
    layer.paste(mask, (left + 2, top + 5))
    shade = layer.filter(ImageFilter.GaussianBlur(5)).point(
        [v * strength // 255 for v in range(256)]
    )
    picture.paste((20, 22, 40), (0, 0), shade)


def _draw_shape(picture: Image.Image, placed: Placed) -> None:
    mask = _shape_mask(placed)
    base = COLOURS[placed.colour]
    light = Image.new("RGB", mask.size, _mix(base, (255, 255, 255), 0.14))
    deep = Image.new("RGB", mask.size, _mix(base, (0, 0, 0), 0.05))
    fill = Image.composite(deep, light, Image.linear_gradient("L").resize(mask.size))
    picture.paste(fill, _corner(placed, mask), mask)


def _corner(placed: Placed, mask: Image.Image) -> tuple[int, int]:
    half = mask.width / 2
    return round(placed.x * SIDE_PX - half), round(placed.y * SIDE_PX - half)


def _mix(colour: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _shape_mask(placed: Placed) -> Image.Image:
    """The shape as an antialiased mask with slightly rounded corners, 2 radius wide."""
    side = max(8, round(2 * placed.radius * SIDE_PX))
    large = side * _SUPERSAMPLE
    mask = _PAINTERS[placed.shape](large, placed.turn)
    rounded = mask.filter(ImageFilter.GaussianBlur(large / 60)).point([0] * 128 + [255] * 128)
    return rounded.resize((side, side), Image.Resampling.LANCZOS)


# Each painter gets the mask's side in px and a turn in degrees; coordinates below are -1..1.


def _polygon(points: list[Point]) -> Callable[[int, float], Image.Image]:
    def paint(side: int, turn: float) -> Image.Image:
        mask = Image.new("L", (side, side), 0)
        sine, cosine = math.sin(math.radians(turn)), math.cos(math.radians(turn))
        turned = [(x * cosine - y * sine, x * sine + y * cosine) for x, y in points]
        ImageDraw.Draw(mask).polygon([_to_px(point, side) for point in turned], fill=255)
        return mask

    return paint


def _to_px(point: Point, side: int) -> Point:
    return (point[0] * 0.96 + 1) * side / 2, (point[1] * 0.96 + 1) * side / 2


def _disc(side: int, x: float, y: float, radius: float) -> Image.Image:
    mask = Image.new("L", (side, side), 0)
    corners = [_to_px((x - radius, y - radius), side), _to_px((x + radius, y + radius), side)]
    ImageDraw.Draw(mask).ellipse([corners[0], corners[1]], fill=255)
    return mask


def _circle(side: int, turn: float) -> Image.Image:
    return _disc(side, 0, 0, 1)


def _ring(side: int, turn: float) -> Image.Image:
    return ImageChops.subtract(_disc(side, 0, 0, 1), _disc(side, 0, 0, 0.58))


def _crescent(side: int, turn: float) -> Image.Image:
    angle = math.radians(turn - 20)
    bite = _disc(side, 0.46 * math.cos(angle), 0.46 * math.sin(angle), 0.80)
    return ImageChops.subtract(_disc(side, 0, 0, 1), bite)


def _regular(corners: int, start_deg: float, inner: float | None = None) -> list[Point]:
    """A regular polygon, or with inner (a radius) a star of as many points."""
    steps = corners if inner is None else corners * 2
    points = []
    for step in range(steps):
        radius = inner if inner is not None and step % 2 else 1.0
        angle = math.radians(start_deg + 360 * step / steps)
        points.append((radius * math.cos(angle), radius * math.sin(angle)))
    return points


def _heart_points() -> list[Point]:
    """The well-known curve x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, scaled."""
    points = []
    for step in range(160):
        t = math.tau * step / 160
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((0.94 * math.sin(t) ** 3, -0.94 * (y + 2.5) / 16))
    return points


_ARM = 0.32
_CROSS: list[Point] = [
    (-_ARM, -0.95), (_ARM, -0.95), (_ARM, -_ARM), (0.95, -_ARM), (0.95, _ARM), (_ARM, _ARM),
    (_ARM, 0.95), (-_ARM, 0.95), (-_ARM, _ARM), (-0.95, _ARM), (-0.95, -_ARM), (-_ARM, -_ARM),
]  # fmt: skip

_PAINTERS: dict[str, Callable[[int, float], Image.Image]] = {
    "circle": _circle,
    "square": _polygon([(-0.82, -0.82), (0.82, -0.82), (0.82, 0.82), (-0.82, 0.82)]),
    "triangle": _polygon([(x, y + 0.2) for x, y in _regular(3, -90)]),
    "star": _polygon(_regular(5, -90, inner=0.45)),
    "heart": _polygon(_heart_points()),
    "hexagon": _polygon(_regular(6, 0)),
    "diamond": _polygon([(0, -1), (0.66, 0), (0, 1), (-0.66, 0)]),
    "cross": _polygon(_CROSS),
    "crescent": _crescent,
    "ring": _ring,
}

SHAPES: tuple[str, ...] = tuple(_PAINTERS)
