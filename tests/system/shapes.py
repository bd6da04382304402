"""A captioned dataset of drawn pictures with fewer of them than the sample, for tests that need no more."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator

from PIL import Image

from bench.stack import Stack
from workers.cpu.images.sample import draw_sample


def make_shapes(stack: Stack, name: str, count: int) -> str:
    """Its id. The last picture is the first one once more, half as large: a near-duplicate."""
    dataset = str(stack.call("POST", "/datasets", json={"name": name})["id"])
    packed, table = io.BytesIO(), io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["image", "caption"])
    with zipfile.ZipFile(packed, "w") as archive:
        for filename, png, caption in _draw(count):
            archive.writestr(filename, png)
            rows.writerow([filename, caption])
    for kind, field, content in (
        ("images", "files", ("shapes.zip", packed.getvalue())),
        ("captions", "file", ("captions.csv", table.getvalue().encode())),
    ):
        job = stack.call("POST", f"/datasets/{dataset}/{kind}", files={field: content})["job"]
        stack.succeeded(job["id"])
    return dataset


def _draw(count: int) -> Iterator[tuple[str, bytes, str]]:
    first, *others = draw_sample(count - 1)
    for image in (first, *others):
        yield image.filename, image.png, image.caption
    half = io.BytesIO()
    Image.open(io.BytesIO(first.png)).resize((128, 128), Image.Resampling.BICUBIC).save(half, "PNG")
    yield f"half of {first.filename}", half.getvalue(), first.caption
