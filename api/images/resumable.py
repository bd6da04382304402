"""Large uploads that come in portions: kept on this machine's disk until they are whole.

An upload is two files in a folder: `<id>.json` says what it is to become, `<id>.part` holds what has
come so far, and its length is the offset to go on at. So an upload outlives the connection, the
client and this process, whichever store the service has; the store gets it in one piece.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from common.errors import Conflict, InvalidInput, NotFound
from common.store.disk import disk_errors, require_room, write_whole

CHUNK_BYTES = 256 * 1024
KEPT_S = 24 * 3600.0  # an upload that nobody goes on with
_ID = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class ResumableUpload:
    """An upload on its way. fingerprint: what its sender knows the same file by, later on."""

    id: str
    owner: str
    name: str
    size_bytes: int
    fingerprint: str


class ResumableUploads:
    """The uploads that are on their way to this service. Several threads and processes may use it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def begin(
        self,
        owner: str,
        name: str,
        size_bytes: int,
        fingerprint: str,
        may_begin: Callable[[], None] = lambda: None,
    ) -> ResumableUpload:
        """A new upload, or the same person's unfinished one of the same file.

        From now on its bytes count against the disk's room. may_begin: raises what speaks against a new one.
        Raises DiskFull when the disk has no room for it beside what was announced before.
        """
        with disk_errors(self.folder), self._announcing():
            return self._begin(owner, name, size_bytes, fingerprint, may_begin)

    def _begin(
        self,
        owner: str,
        name: str,
        size_bytes: int,
        fingerprint: str,
        may_begin: Callable[[], None],
    ) -> ResumableUpload:
        wanted = (owner, name, size_bytes, fingerprint)
        for upload in self._all() if fingerprint else ():
            known = (upload.owner, upload.name, upload.size_bytes, upload.fingerprint)
            if known == wanted and self.job_of(upload) is None:
                return upload
        require_room(self.folder, size_bytes, self.missing_bytes())
        may_begin()
        upload = ResumableUpload(secrets.token_hex(16), owner, name, size_bytes, fingerprint)
        write_whole(
            self._facts(upload.id), lambda file: file.write(json.dumps(asdict(upload)).encode())
        )
        return upload

    def missing_bytes(self) -> int:
        """What all uploads have announced that has not come yet: the disk's room is promised to them."""
        return sum(upload.size_bytes - self.offset(upload) for upload in self._all())

    def announced_bytes(self, owner: str | None = None) -> int:
        """The whole size of a person's uploads, or of all, that no job has taken yet."""
        return sum(
            upload.size_bytes
            for upload in self._all()
            if owner in (None, upload.owner) and self.job_of(upload) is None
        )

    @contextmanager
    def _announcing(self) -> Iterator[None]:
        """One announcement at a time, or two would get the same room."""
        lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def find(self, owner: str, upload_id: str) -> ResumableUpload:
        """The upload. Raises NotFound when there is none, or it is another person's."""
        upload = self._read(self._facts(upload_id)) if _ID.fullmatch(upload_id) else None
        if upload is None or upload.owner != owner:
            raise NotFound(
                f"There is no upload {upload_id[:40]!r}.",
                remedy="Begin again: uploads that nobody goes on with are dropped after a day.",
            )
        return upload

    def offset(self, upload: ResumableUpload) -> int:
        """How many bytes have come; all of them once it was handed over."""
        if self.job_of(upload) is not None:
            return upload.size_bytes
        try:
            return self.path(upload).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, upload: ResumableUpload, at: int, read: Callable[[int], bytes]) -> int:
        """Add what `read` gives from byte `at` on; the new offset.

        What came before the connection broke stays. Raises Conflict, with the offset in `details`,
        when the upload is not at `at`; InvalidInput when more comes than was announced; DiskFull.
        """
        if at != self.offset(upload):
            raise self._elsewhere(upload, at)
        with disk_errors(self.folder), self.path(upload).open("ab", buffering=0) as out:
            while chunk := read(CHUNK_BYTES):
                self._write(upload, out, at, chunk)
                at += len(chunk)
        return at

    def path(self, upload: ResumableUpload) -> Path:
        """What has come of an upload."""
        return self.folder / f"{upload.id}.part"

    def job_of(self, upload: ResumableUpload) -> str | None:
        """The job that an upload was handed to."""
        try:
            return (self.folder / f"{upload.id}.job").read_text()
        except FileNotFoundError:
            return None

    def hand_over(self, upload: ResumableUpload, job_id: str) -> None:
        """Note which job has the upload; its bytes are in the store now."""
        (self.folder / f"{upload.id}.job").write_text(job_id)
        self.path(upload).unlink(missing_ok=True)

    @contextmanager
    def hold(self, upload: ResumableUpload) -> Iterator[None]:
        """Keep others from handing it over meanwhile."""
        with self._facts(upload.id).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def drop(self, upload: ResumableUpload) -> None:
        """Forget an upload."""
        for path in self.folder.glob(f"{upload.id}.*"):
            path.unlink(missing_ok=True)

    def sweep(self, older_than_s: float = KEPT_S) -> int:
        """Forget uploads to which nothing has come for so long; how many files that were."""
        limit = time.time() - older_than_s
        newest: dict[str, float] = {}
        for path in self._files():
            with contextlib.suppress(FileNotFoundError):
                newest[path.stem] = max(newest.get(path.stem, 0), path.stat().st_mtime)
        old = [path for path in self._files() if newest.get(path.stem, limit) < limit]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _write(self, upload: ResumableUpload, out: IO[bytes], at: int, chunk: bytes) -> None:
        """One piece, if the file is where this request believes it to be: the client may have come
        back by another connection while this one was thought to be alive."""
        if at + len(chunk) > upload.size_bytes:
            raise InvalidInput(
                f"More than the {upload.size_bytes:,} bytes came that were announced.",
                remedy="Begin a new upload with the right size_bytes.",
            )
        require_room(self.folder, len(chunk))
        fcntl.flock(out, fcntl.LOCK_EX)
        try:
            if out.seek(0, 2) != at:
                raise self._elsewhere(upload, at)
            left = memoryview(chunk)
            while left:
                left = left[out.write(left) :]
        finally:
            fcntl.flock(out, fcntl.LOCK_UN)

    def _elsewhere(self, upload: ResumableUpload, at: int) -> Conflict:
        offset = self.offset(upload)
        return Conflict(
            f"The upload is at byte {offset:,}, not at {at:,}.",
            remedy="Ask for its offset and go on there.",
            details={"offset": offset},
        )

    def _facts(self, upload_id: str) -> Path:
        return self.folder / f"{upload_id}.json"

    def _files(self) -> list[Path]:
        return list(self.folder.iterdir())

    def _all(self) -> Iterator[ResumableUpload]:
        for path in self.folder.glob("*.json"):
            upload = self._read(path)
            if upload is not None:
                yield upload

    def _read(self, path: Path) -> ResumableUpload | None:
        """What a file of facts says; None when it is gone or was cut short by a crash."""
        try:
            return ResumableUpload(**json.loads(path.read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
