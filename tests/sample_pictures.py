"""What is on a picture of the drawn sample, for tests that judge a search."""

from __future__ import annotations

from workers.cpu.images.sample import SampleImage


def matches(
    image: SampleImage,
    shape: str | None = None,
    colour: str | None = None,
    count: int | None = None,
) -> bool:
    """Whether one kind of thing on the picture has the shape, colour and count given."""
    return any(
        shape in (None, thing.shape)
        and colour in (None, thing.colour)
        and count in (None, thing.count)
        for thing in image.objects
    )
