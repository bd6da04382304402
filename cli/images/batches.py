"""What to upload of a folder, in which portions."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import InvalidInput

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif",
)  # fmt: skip
BATCH_FILES = 100
BATCH_BYTES = 32 * 1024 * 1024
LARGE_BYTES = BATCH_BYTES  # a larger file goes in portions, so that it can go on where it broke off
CAPTION_TABLES = (
    "index.csv", "captions.csv", "captions.tsv", "captions.jsonl", "captions.txt", "metadata.csv",
    "metadata.jsonl",
)  # fmt: skip
TEXT_SUFFIXES = (".txt", ".caption")


@dataclass(frozen=True)
class Upload:
    """A file and the name it gets: its path relative to the folder that is imported."""

    name: str
    path: Path
    size_bytes: int


def find_uploads(source: Path) -> list[Upload]:
    """The images below a folder, sorted; or the one archive or image. Raises InvalidInput."""
    if source.is_dir():
        found = [file for file in _files_below(source) if file.suffix.lower() in IMAGE_SUFFIXES]
        if not found:
            raise InvalidInput(
                f"{source} holds no images.", remedy="Give a folder with images, or a .zip of them."
            )
        return [_upload(file.relative_to(source).as_posix(), file) for file in found]
    if source.is_file():
        return [_upload(source.name, source)]
    raise InvalidInput(f"There is no folder or file {source}.", remedy="Check the path.")


def _upload(name: str, path: Path) -> Upload:
    return Upload(name, path, path.stat().st_size)


def _files_below(folder: Path) -> Iterator[Path]:
    """Files that are not hidden, each folder's in order; links to folders are not followed."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent) / name
            if not name.startswith(".") and path.is_file():
                yield path


def batches(uploads: list[Upload]) -> Iterator[list[Upload]]:
    """Portions of at most BATCH_FILES files and about BATCH_BYTES bytes, in order."""
    batch: list[Upload] = []
    size_bytes = 0
    for upload in uploads:
        if batch and (len(batch) >= BATCH_FILES or size_bytes + upload.size_bytes > BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(upload)
        size_bytes += upload.size_bytes
    if batch:
        yield batch


def captions_beside(source: Path) -> list[Path]:
    """The captions in an imported folder: tables of the usual names, texts named as an image is."""
    if not source.is_dir():
        return []
    files = list(_files_below(source))
    images = {file.with_suffix("") for file in files if file.suffix.lower() in IMAGE_SUFFIXES}
    return [
        file
        for file in files
        if file.name.lower() in CAPTION_TABLES
        or (file.suffix.lower() in TEXT_SUFFIXES and file.with_suffix("") in images)
    ]


def as_caption_file(captions: Path, scratch: Path) -> Path:
    """The file to send: `captions` itself, or for a folder a zip of the captions in it."""
    if not captions.is_dir():
        if not captions.is_file():
            raise InvalidInput(f"There is no caption file {captions}.", remedy="Check the path.")
        return captions
    texts = [file for file in _files_below(captions) if _may_hold_captions(file)]
    if not texts:
        raise InvalidInput(f"{captions} holds no .txt files.", remedy="Give a CSV or JSONL file.")
    return pack(captions, texts, scratch)


def _may_hold_captions(file: Path) -> bool:
    return file.suffix.lower() in TEXT_SUFFIXES or file.name.lower() in CAPTION_TABLES


def pack(folder: Path, files: list[Path], scratch: Path) -> Path:
    """A zip of some files of a folder, by their paths in it."""
    handle, name = tempfile.mkstemp(prefix="captions-", suffix=".zip", dir=scratch)
    with (
        os.fdopen(handle, "wb") as out,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive,
    ):
        for file in files:
            archive.write(file, file.relative_to(folder).as_posix())
    return Path(name)
