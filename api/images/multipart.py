"""Uploads: a multipart body goes to the store part by part, and is never whole in memory.

Werkzeug's own parser keeps all files of a request open at once; its decoder (sans-io) does not.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData
from werkzeug.wrappers import Request

from api.images.file_names import safe_file_name
from api.images.room import require_room_for
from api.people.identity import user
from api.services import Services
from common.errors import ClipBrowserError, DiskFull, InvalidInput, TooLarge, UnsupportedMedia
from common.store.disk import is_disk_full, require_room

CHUNK_BYTES = 256 * 1024
MIB = 1024 * 1024
MAX_BUFFER_BYTES = 2 * MIB  # more than one chunk: what the decoder holds of a part at once
MAX_FILES = 20_000
MAX_TEXT = 10_000


@dataclass(frozen=True)
class Received:
    """One file of a request, on this machine's disk until the next one is asked for."""

    name: str
    path: Path
    size_bytes: int


def store_uploads(
    services: Services, request: Request, field: str, texts: dict[str, str] | None = None
) -> list[dict[str, str]]:
    """Put each file of a multipart request into the store: `[{key, name}]`.

    texts: filled with the form's other fields that it has as keys, where they are sent. Raises InvalidInput when there is none, TooLarge over CLIP_BROWSER_MAX_UPLOAD_MIB; what was
    stored before is removed then.
    """
    folder = f"uploads/{secrets.token_hex(8)}"
    stored: list[dict[str, str]] = []
    total = 0
    try:
        limit_mib = services.settings.max_upload_mib
        require_room_for(services, user().name, request.content_length or 0)
        for number, file in enumerate(receive(services, request, field, limit_mib, texts)):
            key = f"{folder}/{number}/{safe_file_name(file.name)}"
            services.store.put_file(key, file.path)
            stored.append({"key": key, "name": file.name[:500]})
            total += file.size_bytes
        if not total:
            raise InvalidInput(
                f"The upload has nothing in the field '{field}'.",
                remedy="Choose at least one file that is not empty.",
            )
    except Exception:
        with contextlib.suppress(ClipBrowserError):
            services.store.delete_prefix(folder)
        raise
    return stored


def receive_bytes(services: Services, request: Request, field: str, limit_mib: int) -> bytes:
    """The first file of a multipart request. Raises InvalidInput when there is none."""
    for file in receive(services, request, field, limit_mib):
        return file.path.read_bytes()
    raise InvalidInput(f"The upload has no file in the field '{field}'.", remedy="Choose a file.")


def receive(
    services: Services,
    request: Request,
    field: str,
    limit_mib: int,
    texts: dict[str, str] | None = None,
) -> Iterator[Received]:
    """The files of `field`, one after the other; other fields are left out, but for `texts`' keys."""
    boundary = request.mimetype_params.get("boundary", "").encode("latin-1", "ignore")
    if request.mimetype != "multipart/form-data" or not boundary:
        raise UnsupportedMedia(
            f"The body's content type is {request.mimetype or 'missing'}.",
            remedy=f"Send multipart/form-data with the field '{field}'.",
        )
    if (request.content_length or 0) > limit_mib * MIB:
        raise too_large(limit_mib)
    work = services.settings.work_dir / "uploads"
    work.mkdir(parents=True, exist_ok=True)
    parser = _Parser(field, work, limit_mib, {} if texts is None else texts)
    yield from parser.files(boundary, request.stream.read)


class _Parser:
    """Writes the wanted parts of a multipart body to temporary files."""

    def __init__(self, field: str, folder: Path, limit_mib: int, texts: dict[str, str]) -> None:
        self._field, self._folder, self._limit_mib = field, folder, limit_mib
        self._texts, self._text = texts, ""
        self._out: IO[bytes] | None = None
        self._name = ""
        self._size = 0
        self._count = 0

    def files(self, boundary: bytes, read: Callable[[int], bytes]) -> Iterator[Received]:
        decoder = MultipartDecoder(boundary, max_form_memory_size=MAX_BUFFER_BYTES)
        total = 0
        try:
            while True:
                chunk = read(CHUNK_BYTES)
                require_room(self._folder, len(chunk))
                total += len(chunk)
                if total > self._limit_mib * MIB:
                    raise too_large(self._limit_mib)
                decoder.receive_data(chunk or None)
                yield from self._finished(decoder)
                if not chunk:
                    return
        except ValueError as broken:
            raise InvalidInput(
                f"The upload is not whole: {broken}", remedy="Send it again."
            ) from broken
        except RequestEntityTooLarge as endless:
            raise InvalidInput(
                "The upload is not multipart/form-data with the boundary it names.",
                remedy="Send it again.",
            ) from endless
        except OSError as full:
            if not is_disk_full(full):
                raise
            raise DiskFull(f"No space left in {self._folder}.") from full
        finally:
            self._drop()

    def _finished(self, decoder: MultipartDecoder) -> Iterator[Received]:
        event = decoder.next_event()
        while not isinstance(event, (NeedData, Epilogue)):
            if isinstance(event, (File, Field)):
                self._begin(event)
            elif isinstance(event, Data) and self._text:
                self._read_text(event)
            elif isinstance(event, Data) and self._out is not None:
                self._out.write(event.data)
                self._size += len(event.data)
                if not event.more_data:
                    self._out.close()
                    yield Received(self._name, Path(self._out.name), self._size)
                    self._drop()
            event = decoder.next_event()

    def _read_text(self, event: Data) -> None:
        """A part of a field that is no file; one that is too long or no UTF-8 is refused."""
        self._texts[self._text] += event.data.decode()
        if len(self._texts[self._text]) > MAX_TEXT:
            raise InvalidInput(
                f"The field '{self._text}' is longer than {MAX_TEXT:,} characters.",
                remedy="Shorten it.",
            )

    def _begin(self, event: File | Field) -> None:
        self._drop()
        wanted = isinstance(event, Field) and event.name in self._texts
        self._text = str(event.name) if wanted else ""
        if wanted:
            self._texts[self._text] = ""
        if not isinstance(event, File) or event.name != self._field or not event.filename:
            return
        self._count += 1
        if self._count > MAX_FILES:
            raise TooLarge(
                f"More than {MAX_FILES} files in one request.",
                remedy="Send them in several requests.",
            )
        self._name, self._size = event.filename, 0
        self._out = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed by _drop
            dir=self._folder, delete=False
        )

    def _drop(self) -> None:
        if self._out is not None:
            self._out.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._out.name)
        self._out = None


def too_large(limit_mib: int) -> TooLarge:
    """The error of an upload over CLIP_BROWSER_MAX_UPLOAD_MIB."""
    return TooLarge(
        f"The upload is larger than {limit_mib:,} MiB.",
        remedy="Send less in one request, or raise CLIP_BROWSER_MAX_UPLOAD_MIB.",
    )
