"""The files of a dataset: its CSVs, and the archive that open_clip's trainer runs on."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from functools import partial

from flask import Response
from sqlalchemy import select

from api.dataset_facts import find_dataset
from api.parts import Parts
from api.slugs import safe_file_name
from api.zipstream import Entry, zip_stream
from common.csvfiles import read_rows, write_rows
from common.errors import NotFound
from common.schema import Image

MADE_BY = {
    "train_original.csv": "Split the captions first.",
    "val.csv": "Split the captions first.",
    "train.csv": "Augment the captions first.",
}
CSV_TYPE = "text/csv; charset=utf-8"


def file_of_dataset(made: Parts, dataset_id: str, name: str) -> Response:
    """One of the four CSV files. Raises NotFound, with the step that makes it as the remedy."""
    if name == "index.csv":
        data = index_csv(made, dataset_id)
    else:
        data = _stored_csv(made, dataset_id, name)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(data, content_type=CSV_TYPE, headers=headers)


def index_csv(made: Parts, dataset_id: str) -> bytes:
    """The captions as they are in the database now. Raises NotFound."""
    images = read_images(made, dataset_id)
    return write_rows(
        (f"images/{image.sha256}.{image.ext}", image.caption or "")
        for image in images
        if image.revision > 0
    )


def export_dataset(made: Parts, dataset_id: str) -> Response:
    """`images/`, the CSV files with paths relative to the archive's root. Raises NotFound."""
    images = read_images(made, dataset_id)
    names = unique_names(images)
    headers = {"Content-Disposition": f'attachment; filename="{dataset_id}.zip"'}
    stream = zip_stream(_entries(made, dataset_id, images, names))
    return Response(stream, content_type="application/zip", headers=headers)


def read_images(made: Parts, dataset_id: str) -> list[Image]:
    """All images of a dataset by id. Raises NotFound."""
    with made.readers() as session:
        find_dataset(session, dataset_id)
        found = session.scalars(
            select(Image).where(Image.dataset_id == dataset_id).order_by(Image.id)
        )
        return list(found)


def unique_names(images: Iterable[Image]) -> dict[int, str]:
    """Each image's path in the archive, by image id: `images/cat.jpg`, `images/cat-2.jpg` ..."""
    taken: set[str] = set()
    names: dict[int, str] = {}
    for image in images:
        stem, _, _ = safe_file_name(image.filename).rpartition(".")
        stem = stem or safe_file_name(image.filename)
        candidate, number = f"{stem}.{image.ext}", 1
        while candidate.casefold() in taken:  # also on file systems that ignore case
            number += 1
            candidate = f"{stem}-{number}.{image.ext}"
        taken.add(candidate.casefold())
        names[image.id] = f"images/{candidate}"
    return names


def _entries(
    made: Parts, dataset_id: str, images: list[Image], names: dict[int, str]
) -> Iterator[Entry]:
    moved = {f"images/{image.sha256}.{image.ext}": names[image.id] for image in images}
    captioned = [(names[image.id], image.caption or "") for image in images if image.revision > 0]
    yield _text_entry("index.csv", write_rows(captioned))
    for name in MADE_BY:
        if made.store.exists(f"datasets/{dataset_id}/{name}"):
            yield _text_entry(name, _with_moved_paths(_stored_csv(made, dataset_id, name), moved))
    for image in images:
        yield Entry(names[image.id], partial(made.store.open, image.key))


def _with_moved_paths(data: bytes, moved: dict[str, str]) -> bytes:
    """The same rows with the archive's paths; rows of images deleted since are left out."""
    return write_rows((moved[path], title) for path, title in read_rows(data) if path in moved)


def _text_entry(name: str, data: bytes) -> Entry:
    return Entry(name, partial(io.BytesIO, data), compress=True)


def _stored_csv(made: Parts, dataset_id: str, name: str) -> bytes:
    with made.readers() as session:
        find_dataset(session, dataset_id)
    if name not in MADE_BY:
        raise NotFound(
            f"There is no file {name[:80]!r}.", remedy=f"There are index.csv, {', '.join(MADE_BY)}."
        )
    try:
        return made.store.get_bytes(f"datasets/{dataset_id}/{name}")
    except NotFound as absent:
        raise NotFound(f"{name} is not there yet.", remedy=MADE_BY[name]) from absent
