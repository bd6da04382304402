"""The files of a dataset: its CSVs, and archives for trainers: open_clip's, kohya_ss, datasets."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, NamedTuple

from flask import Response
from sqlalchemy import select

from api.datasets.facts import find_dataset
from api.datasets.zipstream import Entry, zip_stream
from api.images.file_names import safe_file_name
from api.services import Services
from common.captions.csv_files import read_rows, write_rows
from common.captions.rows import StoredCaption, caption_rows, index_rows, spreadsheet_rows
from common.captions.spreadsheet import write_spreadsheet
from common.db.tables import Image
from common.errors import NotFound
from common.images.metadata import without_metadata

MADE_BY = {
    "train_original.csv": "Split the captions first.",
    "val.csv": "Split the captions first.",
    "train.csv": "Augment the captions first.",
}
FOR_SPREADSHEETS = "captions.csv"
LINEAGE = "train_lineage.jsonl"
CSV_TYPE = "text/csv; charset=utf-8"


class StoredImage(NamedTuple):
    """What an archive needs of an image."""

    id: int
    sha256: str
    ext: str
    filename: str


@dataclass(frozen=True)
class Contents:
    """What goes into an archive. names: of each image in it, by image id, in the order of the ids."""

    dataset_id: str
    images: list[StoredImage]
    captions: list[StoredCaption]
    names: Mapping[int, str]


def file_of_dataset(services: Services, dataset_id: str, name: str) -> Response:
    """A CSV file by its name. Raises NotFound, with the step that makes it as the remedy."""
    if name == "index.csv":
        data = index_csv(services, dataset_id)
    elif name == FOR_SPREADSHEETS:
        data = _captions_csv(services, dataset_id)
    else:
        data = _stored_csv(services, dataset_id, name)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(data, content_type=CSV_TYPE, headers=headers)


def index_csv(services: Services, dataset_id: str) -> bytes:
    """The captions as they are in the database now. Raises NotFound."""
    with services.snapshots() as session:
        find_dataset(session, dataset_id)
        return write_rows(index_rows(session, dataset_id))


def _captions_csv(services: Services, dataset_id: str) -> bytes:
    with services.snapshots() as session:
        find_dataset(session, dataset_id)
        return write_spreadsheet(spreadsheet_rows(session, dataset_id))


def export_dataset(services: Services, dataset_id: str, captions: str, images: str) -> Response:
    """An archive of `images/` (all, or the captioned ones) and the captions in the form asked for.

    csv: the CSV files, paths relative to the archive's root. txt: a .txt file beside each image, a
    caption on each line. jsonl: metadata.jsonl. all: all of these. Images that the store has lost are named in
    MISSING.txt. Raises NotFound.
    """
    found = _read(services, dataset_id, captioned_only=images == "captioned")
    forms = ("csv", "txt", "jsonl") if captions == "all" else (captions,)
    headers = {"Content-Disposition": f'attachment; filename="{dataset_id}.zip"'}
    stream = zip_stream(_entries(services, found, forms))
    return Response(stream, content_type="application/zip", headers=headers)


def _read(services: Services, dataset_id: str, captioned_only: bool) -> Contents:
    with services.snapshots() as session:
        find_dataset(session, dataset_id)
        captions = caption_rows(session, dataset_id)
        columns = select(Image.id, Image.sha256, Image.ext, Image.filename)
        rows = session.execute(
            columns.where(Image.dataset_id == dataset_id).order_by(Image.id)
        ).all()
    images = [StoredImage(*row) for row in rows]
    names = unique_names(images)
    if captioned_only:
        captioned = {caption.image_id for caption in captions}
        images = [image for image in images if image.id in captioned]
    known = [caption for caption in captions if caption.image_id in names]
    return Contents(dataset_id, images, known, names)


def unique_names(images: Iterable[StoredImage]) -> dict[int, str]:
    """Each image's path in the archive, by image id: `images/cat.jpg`, `images/cat-2.png` ...

    Two images never differ in the extension alone: their .txt file would be the same.
    """
    taken: set[str] = set()
    names: dict[int, str] = {}
    for image in images:
        plain = safe_file_name(image.filename)
        stem = candidate = plain.rpartition(".")[0] or plain
        number = 1
        while candidate.casefold() in taken:  # also on file systems that ignore case
            number += 1
            candidate = f"{stem}-{number}"
        taken.add(candidate.casefold())
        names[image.id] = f"images/{candidate}.{image.ext}"
    return names


def _entries(services: Services, found: Contents, forms: tuple[str, ...]) -> Iterator[Entry]:
    if "csv" in forms:
        yield from _csv_entries(services, found)
    texts: dict[int, list[str]] = {}
    for row in found.captions:
        texts.setdefault(row.image_id, []).append(row.text)
    if "jsonl" in forms:
        yield _text_entry("metadata.jsonl", _metadata(found, texts))
    for image in found.images:
        name = found.names[image.id]
        key = f"datasets/{found.dataset_id}/images/{image.sha256}.{image.ext}"
        yield Entry(name, partial(_open_image, services, key))
        if "txt" in forms and image.id in texts:
            lines = "".join(f"{text}\n" for text in texts[image.id])
            yield _text_entry(f"{name.rpartition('.')[0]}.txt", lines.encode())


def _open_image(services: Services, key: str) -> BinaryIO:
    """What is served, too: without place, owner and device, unless a setting keeps them."""
    if services.settings.keep_image_metadata:
        return services.store.open(key)
    return io.BytesIO(without_metadata(services.store.get_bytes(key)))


def _csv_entries(services: Services, found: Contents) -> Iterator[Entry]:
    rows = ((found.names[row.image_id], row.text) for row in found.captions)
    yield _text_entry("index.csv", write_rows(rows))
    moved = {f"images/{image.sha256}.{image.ext}": found.names[image.id] for image in found.images}
    for name in MADE_BY:
        try:
            data = services.store.get_bytes(f"datasets/{found.dataset_id}/{name}")
        except NotFound:
            continue
        yield _text_entry(name, _with_moved_paths(data, moved))
        if name == "train.csv" and (lineage := _lineage_of(services, found, data, moved)):
            yield _text_entry(LINEAGE, lineage)


def _lineage_of(
    services: Services, found: Contents, train_csv: bytes, moved: Mapping[str, str]
) -> bytes | None:
    """The lines of train_lineage.jsonl for the rows of train.csv that are in the archive.

    None when there is none, or when it is that of another train.csv, written at this moment.
    """
    try:
        data = services.store.get_bytes(f"datasets/{found.dataset_id}/{LINEAGE}")
    except NotFound:
        return None
    rows, lines = read_rows(train_csv), data.splitlines(keepends=True)
    if len(rows) != len(lines):
        return None
    return b"".join(line for (path, _), line in zip(rows, lines, strict=True) if path in moved)


def _metadata(found: Contents, texts: Mapping[int, list[str]]) -> bytes:
    """JSON lines as Hugging Face's `imagefolder` reads them; `captions` holds all of an image."""
    lines = []
    for image_id, own in texts.items():
        record = {"file_name": found.names[image_id], "text": own[0], "captions": own}
        lines.append(json.dumps(record, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def _with_moved_paths(data: bytes, moved: Mapping[str, str]) -> bytes:
    """The same rows with the archive's paths; rows of images that are not in it are left out."""
    return write_rows((moved[path], title) for path, title in read_rows(data) if path in moved)


def _text_entry(name: str, data: bytes) -> Entry:
    return Entry(name, partial(io.BytesIO, data), compress=True)


def _stored_csv(services: Services, dataset_id: str, name: str) -> bytes:
    with services.readers() as session:
        find_dataset(session, dataset_id)
    if name not in MADE_BY:
        raise NotFound(
            f"There is no file {name[:80]!r}.",
            remedy=f"There are index.csv, {FOR_SPREADSHEETS}, {', '.join(MADE_BY)}.",
        )
    try:
        return services.store.get_bytes(f"datasets/{dataset_id}/{name}")
    except NotFound as absent:
        raise NotFound(f"{name} is not there yet.", remedy=MADE_BY[name]) from absent
