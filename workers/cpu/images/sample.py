"""The sample dataset: pictures of coloured shapes, each with a true caption of its own.

Colour and shape decide whether a picture is right for a query such as "a red circle"; counts,
sizes, places and backgrounds make the pictures and captions differ. Every picture also tells in
data what is on it, so that a test can compute which pictures a search has to find.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from common.errors import InvalidInput
from workers.cpu.images.sample_drawing import BACKGROUNDS, COLOURS, SHAPES, Placed, draw_picture

DEFAULT_COUNT, MAX_COUNT = 600, 20_000
_Card = TypeVar("_Card")
_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}
_SMALL, _MEDIUM, _LARGE = 0.14, 0.23, 0.34  # radius as a fraction of the side

# Colours that cannot be told well from a background.
_UNCLEAR_ON: dict[str, set[str]] = {
    "cream": {"yellow"},
    "peach": {"pink"},
    "dark": {"black", "purple", "blue"},
}
# Colours that cannot be told well from each other when one lies on the other.
_ALIKE = [
    {"red", "orange"}, {"red", "pink"}, {"orange", "yellow"}, {"blue", "purple"},
    {"black", "purple"}, {"black", "blue"}, {"purple", "pink"},
]  # fmt: skip

_PLACES: dict[str, tuple[float, float]] = {
    "at the top": (0.5, 0.0),
    "at the bottom": (0.5, 1.0),
    "on the left": (0.0, 0.5),
    "on the right": (1.0, 0.5),
    "in the top left corner": (0.0, 0.0),
    "in the top right corner": (1.0, 0.0),
    "in the bottom left corner": (0.0, 1.0),
    "in the bottom right corner": (1.0, 1.0),
    "in the middle": (0.5, 0.5),
}
_RELATIONS: dict[str, tuple[float, float]] = {  # of the first shape, seen from the middle
    "above": (0.0, -1.0),
    "below": (0.0, 1.0),
    "to the left of": (-1.0, 0.0),
    "to the right of": (1.0, 0.0),
}
_SPREADS: dict[int, list[tuple[float, float]]] = {
    2: [(0.3, 0.32), (0.7, 0.68)],
    3: [(0.5, 0.27), (0.27, 0.7), (0.73, 0.7)],
    4: [(0.28, 0.28), (0.72, 0.28), (0.28, 0.72), (0.72, 0.72)],
    5: [(0.22, 0.22), (0.78, 0.22), (0.5, 0.5), (0.22, 0.78), (0.78, 0.78)],
}
_TURNS_DEG = {"star": 16.0, "triangle": 10.0, "crescent": 25.0, "hexagon": 12.0, "diamond": 5.0}


@dataclass(frozen=True)
class SampleObject:
    """One kind of thing on a picture: count shapes of one colour."""

    shape: str
    colour: str
    count: int


class SampleImage(NamedTuple):
    """One drawn picture: PNG bytes, its caption, and what is on it."""

    filename: str
    png: bytes
    caption: str
    objects: tuple[SampleObject, ...]


@dataclass(frozen=True)
class _Scene:
    caption: str
    background: str
    shapes: list[Placed]


def draw_sample(count: int = DEFAULT_COUNT, seed: int = 0) -> Iterator[SampleImage]:
    """Draw count pictures (PNG, 256 px square) with distinct captions.

    The same seed gives the same bytes; a shorter sample is the beginning of a longer one.
    Raises InvalidInput unless 1 <= count <= MAX_COUNT.
    """
    if not 1 <= count <= MAX_COUNT:
        raise InvalidInput(
            f"count is {count}; the sample has 1 to {MAX_COUNT} pictures",
            remedy=f"Ask for 1 to {MAX_COUNT} pictures.",
        )
    return _draw(count, random.Random(f"clip-browser sample {seed}"))


def query_text(shape: str, colour: str) -> str:
    """The query that asks for one shape of one colour: "a red circle"."""
    return _with_article(f"{colour} {shape}")


def _draw(count: int, rng: random.Random) -> Iterator[SampleImage]:
    scenes = _distinct_scenes(rng)
    for number in range(1, count + 1):
        scene = next(scenes)
        png = draw_picture(scene.background, scene.shapes, rng)
        yield SampleImage(f"shapes-{number:04d}.png", png, scene.caption, _objects(scene.shapes))


def _objects(shapes: list[Placed]) -> tuple[SampleObject, ...]:
    kinds = [(placed.shape, placed.colour) for placed in shapes]
    return tuple(SampleObject(*kind, kinds.count(kind)) for kind in dict.fromkeys(kinds))


def _distinct_scenes(rng: random.Random) -> Iterator[_Scene]:
    """Scenes without end, no two with the same caption while new ones can be found in 200 tries.

    Kinds of scene and pairs of colour and shape come from shuffled decks, so that each has its
    share. Half are plain ("a red circle", in several ways to say it), with sizes, places and
    backgrounds that no caption tells: from them a model learns that colour and shape are what
    counts. When the ways have run out, detailed scenes take their place.
    """
    seen: set[str] = set()
    kinds = _deck([_plain] * 5 + [_detailed] * 2 + [_counted] + [_pair] * 2, rng)
    things = {kind: _deck([(s, c) for s in SHAPES for c in COLOURS], rng) for kind in _KINDS}
    while True:
        kind = next(kinds)
        if kind is _plain and len(seen & _PLAIN_CAPTIONS) == len(_PLAIN_CAPTIONS):
            kind = _detailed
        scene = kind(*next(things[kind]), rng)
        for _ in range(200):
            if scene.caption not in seen:
                break
            scene = kind(*next(things[kind]), rng)
        seen.add(scene.caption)
        yield scene


def _deck(cards: list[_Card], rng: random.Random) -> Iterator[_Card]:
    while True:
        yield from rng.sample(cards, len(cards))


def _plain(shape: str, colour: str, rng: random.Random) -> _Scene:
    """One shape of any size, anywhere: "a red circle", "a circle in red"."""
    placed = _place(shape, colour, (0.5, 0.5), rng.uniform(0.18, 0.32), rng, jitter=0.14)
    caption = rng.choice(plain_captions(shape, colour))
    return _Scene(caption, _background(rng, colour), [placed])


def plain_captions(shape: str, colour: str) -> list[str]:
    """Ways to name one shape of one colour and nothing else."""
    thing = f"{colour} {shape}"
    return [
        query_text(shape, colour),
        thing,
        f"one {thing}",
        f"{_with_article(shape)} in {colour}",
        f"{_with_article(shape)} that is {colour}",
        f"a picture of {_with_article(thing)}",
        f"there is {_with_article(thing)}",
    ]


def _detailed(shape: str, colour: str, rng: random.Random) -> _Scene:
    """One shape with its size, its place or the background said."""
    background, place = _background(rng, colour), rng.choice(list(_PLACES))
    thing, ground = f"{colour} {shape}", f"on {_with_article(background)} background"
    caption, radius, at = rng.choice(
        [
            (f"a small {thing}", _SMALL, "in the middle"),
            (f"a large {thing}", _LARGE, "in the middle"),
            (f"{_with_article(thing)} {place}", _MEDIUM * 0.9, place),
            (f"a small {thing} {place}", _SMALL, place),
            (f"{_with_article(thing)} {ground}", _MEDIUM, "in the middle"),
            (f"a small {thing} {ground}", _SMALL, "in the middle"),
            (f"a large {thing} {ground}", _LARGE, "in the middle"),
        ]
    )
    low = radius + 0.06
    x, y = (low + share * (1 - 2 * low) for share in _PLACES[at])
    return _Scene(caption, background, [_place(shape, colour, (x, y), radius, rng)])


def _counted(shape: str, colour: str, rng: random.Random) -> _Scene:
    """Two to five shapes of one kind, spread out or in a row."""
    count, background = rng.choice(list(_NUMBERS)), _background(rng, colour)
    caption = f"{_NUMBERS[count]} {colour} {_plural(shape)}"
    spots, radius = _SPREADS[count], {2: 0.19, 3: 0.17, 4: 0.155, 5: 0.13}[count]
    tail = rng.choice(["", "", "row", "ground"])
    if tail == "row" and 3 <= count <= 4:
        caption, radius = caption + " in a row", 0.38 / count
        spots = [((step + 0.5) / count * 0.92 + 0.04, 0.5) for step in range(count)]
    elif tail == "ground":
        caption += f" on {_with_article(background)} background"
    shapes = [_place(shape, colour, spot, radius, rng, jitter=0.012) for spot in spots]
    return _Scene(caption, background, shapes)


def _pair(shape: str, colour: str, rng: random.Random) -> _Scene:
    """Two different shapes of different colours, and how they stand to each other."""
    other_shape = rng.choice([name for name in SHAPES if name != shape])
    other_colour = rng.choice([name for name in COLOURS if name != colour])
    background = _background(rng, colour, other_colour)
    inside = other_shape in ("circle", "square", "hexagon", "heart") and not _alike(
        colour, other_colour
    )
    if inside and rng.random() < 0.4:
        host = _place(other_shape, other_colour, (0.5, 0.5), 0.4, rng)
        guest = host._replace(shape=shape, colour=colour, radius=0.17, turn=_turn(shape, rng))
        caption = f"a small {colour} {shape} inside a large {other_colour} {other_shape}"
        return _Scene(caption, background, [host, guest])
    relation, (x, y) = rng.choice(list(_RELATIONS.items()))
    first = _place(shape, colour, (0.5 + 0.235 * x, 0.5 + 0.235 * y), rng.uniform(0.17, 0.2), rng)
    second = _place(
        other_shape, other_colour, (0.5 - 0.235 * x, 0.5 - 0.235 * y), rng.uniform(0.17, 0.2), rng
    )
    caption = f"{query_text(shape, colour)} {relation} {query_text(other_shape, other_colour)}"
    return _Scene(caption, background, [first, second])


def _place(
    shape: str,
    colour: str,
    at: tuple[float, float],
    radius: float,
    rng: random.Random,
    jitter: float = 0.02,
) -> Placed:
    x, y = (value + rng.uniform(-jitter, jitter) for value in at)
    return Placed(shape, colour, x, y, radius * rng.uniform(0.96, 1.04), _turn(shape, rng))


def _turn(shape: str, rng: random.Random) -> float:
    widest = _TURNS_DEG.get(shape, 8.0)
    return rng.uniform(-widest, widest)


def _background(rng: random.Random, *colours: str) -> str:
    return rng.choice(
        [name for name in BACKGROUNDS if not _UNCLEAR_ON.get(name, set()).intersection(colours)]
    )


def _alike(first: str, second: str) -> bool:
    return {first, second} in _ALIKE


def _with_article(words: str) -> str:
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _plural(shape: str) -> str:
    return shape + "es" if shape.endswith("s") else shape + "s"


_KINDS: tuple[Callable[[str, str, random.Random], _Scene], ...] = (
    _plain,
    _detailed,
    _counted,
    _pair,
)
_PLAIN_CAPTIONS = {
    caption for shape in SHAPES for colour in COLOURS for caption in plain_captions(shape, colour)
}
