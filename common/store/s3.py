"""Artifacts in a bucket of MinIO or any other S3 server, by plain S3 calls."""

from __future__ import annotations

import io
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast
from xml.etree.ElementTree import ParseError

import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error

from common.errors import ClipBrowserError, DiskFull, InvalidInput, StoreUnavailable
from common.silence import Silence
from common.store.disk import copy_whole, disk_errors
from common.store.interface import BINARY, ArtifactStat, ArtifactStore
from common.store.keys import TEMPORARY_PREFIX, check_folder, check_key, key_fault
from common.store.local import absent, open_source
from common.store.s3_address import S3Address
from common.store.s3_stream import ObjectStream

Done = TypeVar("Done")
ANSWER_S = 20.0  # a server that is busy with a large part may take that long
CHECK_S = 2.5
QUIET_S = 1.5  # of waiting for a change, until the server is asked for a sign of life
START = "Start the store or check CLIP_BROWSER_STORE_URL, then try again."
CHECK_PREFIX = f"{TEMPORARY_PREFIX}check-"  # no valid key: no list shows it
PART_BYTES = 16 * 1024 * 1024  # three parts are in flight; 10,000 parts are S3's limit
READ_BYTES = 256 * 1024
NO_BUCKET = "NoSuchBucket"
ABSENT = (NO_BUCKET, "NoSuchKey", "NoSuchObject", "ResourceNotFound")
DENIED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch")
FULL = (
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
    "QuotaExceeded",
    "InsufficientStorage",
)
IN_THE_WAY = ("XMinioParentIsObject", "XMinioObjectExistsAsDirectory", "ObjectExistsAsDirectory")
OURS_ALREADY = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


class S3Store(ArtifactStore):
    """A bucket, made on first writing. Answers, or fails, within seconds."""

    def __init__(self, address: S3Address, answer_s: float | None = None) -> None:
        """answer_s: seconds a request for an artifact waits, where it must not wait ANSWER_S; a server that
        has not answered in time is then spared for a moment, and asked for a sign of life while it is written to.
        """
        self.address = address
        self._answer_s = answer_s
        self._silence = Silence()
        self._connect()

    def put_bytes(self, key: str, data: bytes, content_type: str = BINARY) -> None:
        """See ArtifactStore."""
        self._put(check_key(key), lambda: io.BytesIO(data), len(data), content_type)

    def put_file(self, key: str, path: Path, content_type: str = BINARY) -> None:
        """See ArtifactStore."""
        check_key(key)
        with open_source(path) as source:
            size_bytes = os.fstat(source.fileno()).st_size
            self._put(key, lambda: _rewound(source), size_bytes, content_type)

    def put_stream(
        self, key: str, source: BinaryIO, size_bytes: int, content_type: str = BINARY
    ) -> None:
        """See ArtifactStore."""
        self._put(check_key(key), lambda: _rewound(source), size_bytes, content_type)

    def get_bytes(self, key: str) -> bytes:
        """See ArtifactStore."""
        check_key(key)
        with self._errors(key):
            return _read_whole(self._client, self._bucket, key)

    def open(self, key: str) -> BinaryIO:
        """See ArtifactStore."""
        raw = ObjectStream(self.stat(key), self._range, self._errors)
        return cast(BinaryIO, io.BufferedReader(raw, READ_BYTES))

    def get_file(self, key: str, path: Path) -> None:
        """See ArtifactStore."""
        with self.open(key) as source, disk_errors(path):
            copy_whole(source, path)

    def stat(self, key: str) -> ArtifactStat:
        """See ArtifactStore."""
        check_key(key)
        with self._errors(key):
            return _stat(self._client.stat_object(self._bucket, key), key)

    def list(self, prefix: str = "") -> Iterator[ArtifactStat]:
        """See ArtifactStore. Names that are no valid keys are left out."""
        folder = check_folder(prefix)
        return self._list(f"{folder}/" if folder else "")

    def delete(self, key: str) -> None:
        """See ArtifactStore."""
        check_key(key)
        with self._errors(key):
            try:
                self._change(lambda: self._writing.remove_object(self._bucket, key))
            except S3Error as error:
                if error.code not in ABSENT:
                    raise

    def delete_prefix(self, prefix: str) -> int:
        """See ArtifactStore."""
        folder = check_folder(prefix)
        if not folder:
            raise InvalidInput("the whole store cannot be deleted; name a folder")
        keys = [item.key for item in self._list(f"{folder}/")]
        doomed = [DeleteObject(key) for key in keys]
        with self._errors(folder):
            for fault in self._change(
                lambda: list(self._writing.remove_objects(self._bucket, doomed))
            ):
                raise StoreUnavailable(f"'{fault.name}' cannot be deleted: {fault.message}")
        return len(keys)

    def local_path(self, key: str) -> Path | None:
        """See ArtifactStore."""
        check_key(key)
        return None

    def sweep_unfinished(self, older_than_s: float = 86_400) -> int:
        """See ArtifactStore. What a check left that was cut off; parts of uploads are the server's to sweep."""
        before = datetime.now(UTC) - timedelta(seconds=older_than_s)
        with self._errors(CHECK_PREFIX):
            left = [
                DeleteObject(item.object_name or "")
                for item in self._client.list_objects(self._bucket, CHECK_PREFIX)
                if item.last_modified is not None and item.last_modified < before
            ]
            for fault in self._client.remove_objects(self._bucket, left):
                raise StoreUnavailable(f"'{fault.name}' cannot be deleted: {fault.message}")
        return len(left)

    def check(self) -> None:
        """See ArtifactStore. A bucket's name is answered from a server's memory, an object is not."""
        self._renew_after_fork()
        client = self._checking
        key, written = CHECK_PREFIX + secrets.token_hex(8), secrets.token_bytes(32)
        with self._errors(key):
            self._put(key, lambda: io.BytesIO(written), len(written), BINARY, client)
            read = _read_whole(client, self._bucket, key)
            client.remove_object(self._bucket, key)
        if read != written:
            raise StoreUnavailable(
                f"the artifact store ({self.describe()}) gives back something else than was written",
                remedy="Look at the store's log and its disk; start it anew when its files were exchanged.",
            )

    def describe(self) -> str:
        """See ArtifactStore."""
        return f"bucket {self._bucket} at {self.address.endpoint}"

    @property
    def _bucket(self) -> str:
        return self.address.bucket

    @property
    def _client(self) -> Minio:
        """The client for reading."""
        self._renew_after_fork()
        return self._connected

    def _renew_after_fork(self) -> None:
        """Two processes must not speak over one connection, so a forked one opens its own."""
        if self._owner_pid != os.getpid():
            self._connect()

    def _change(self, change: Callable[[], Done]) -> Done:
        """What writes or deletes, which may take a server long: meanwhile it has to give signs of life.

        Raises what change does, and StoreUnavailable; the change may then come about all the same.
        """
        self._renew_after_fork()
        if self._answer_s is None:
            return change()
        begun: Future[Done] = Future()
        threading.Thread(target=_run, args=(change, begun), daemon=True).start()
        while True:
            try:
                return begun.result(QUIET_S)
            except NotYet:
                if begun.done():
                    raise
                self._require_sign_of_life()

    def _require_sign_of_life(self) -> None:
        """Raises StoreUnavailable."""
        with self._errors(self._bucket):
            try:
                self._checking.bucket_exists(self._bucket)
            except S3Error:
                return  # a refusal is one, too

    def _connect(self) -> None:
        self._writing = self.address.connect(answer_s=ANSWER_S, retries=1)
        self._checking = self.address.connect(answer_s=CHECK_S, retries=0)
        self._connected = self._writing
        if self._answer_s is not None:
            self._connected = self.address.connect(answer_s=self._answer_s, retries=1)
        self._owner_pid = os.getpid()

    def _put(
        self,
        key: str,
        content: Callable[[], BinaryIO],
        size: int,
        content_type: str,
        client: Minio | None = None,
    ) -> None:
        self._renew_after_fork()
        client = client or self._writing

        def send() -> None:
            client.put_object(
                self._bucket, key, content(), size, content_type, part_size=PART_BYTES
            )

        put = send if client is self._checking else partial(self._change, send)
        with self._errors(key):
            try:
                put()
            except S3Error as error:
                if error.code != NO_BUCKET:
                    raise
                self._make_bucket(client)
                put()

    def _make_bucket(self, client: Minio) -> None:
        try:
            client.make_bucket(self._bucket)
        except S3Error as error:
            if error.code not in OURS_ALREADY:
                raise

    def _list(self, prefix: str) -> Iterator[ArtifactStat]:
        with self._errors(prefix):
            try:
                for item in self._client.list_objects(self._bucket, prefix or None, recursive=True):
                    if key_fault(item.object_name or "") is None:
                        yield _stat(item, item.object_name)
            except S3Error as error:
                if error.code != NO_BUCKET:
                    raise

    def _range(self, key: str, offset: int) -> Any:
        """The response whose body is the content from offset on; the caller closes it."""
        with self._errors(key):
            return self._client.get_object(self._bucket, key, offset=offset)

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        """Raises the project's error in place of the client's."""
        if self._silence.is_on:
            raise StoreUnavailable(
                f"the artifact store ({self.describe()}) has just not answered", remedy=START
            )
        try:
            yield
        except (MinioException, urllib3.exceptions.HTTPError, ParseError) as error:
            if self._answer_s is not None and _is_silence(error):
                self._silence.begin()
            raise _store_error(error, key, self.describe()) from error
        except ValueError as error:  # the client's own check of the bucket's name
            raise InvalidInput(f"{self.describe()} does not fit: {error}") from error


def _run(change: Callable[[], Done], begun: Future[Done]) -> None:
    try:
        begun.set_result(change())
    except BaseException as problem:  # it is raised by whoever waits
        begun.set_exception(problem)


def _read_whole(client: Minio, bucket: str, key: str) -> bytes:
    response = client.get_object(bucket, key)
    try:
        return response.read()
    finally:
        response.close()
        response.release_conn()


def _rewound(stream: BinaryIO) -> BinaryIO:
    stream.seek(0)
    return stream


def _stat(item: Any, key: str) -> ArtifactStat:
    modified_at = item.last_modified or datetime.fromtimestamp(0, UTC)
    return ArtifactStat(key, int(item.size), modified_at.astimezone(UTC), str(item.etag).strip('"'))


def _store_error(error: Exception, key: str, where: str) -> ClipBrowserError:
    if not isinstance(error, S3Error):
        return StoreUnavailable(
            f"the artifact store ({where}) does not answer: {_cause(error)}",
            remedy=START,
        )
    if error.code in ABSENT:
        return absent(key)
    if error.code in FULL:
        return DiskFull(f"the artifact store ({where}) has no space for '{key}'")
    if error.code in IN_THE_WAY:
        return InvalidInput(f"'{key}' cannot be stored: it is a folder, or lies below an artifact")
    if error.code in DENIED:
        return StoreUnavailable(
            f"the artifact store ({where}) refuses: {error.message}",
            remedy="Check key and secret in CLIP_BROWSER_STORE_URL, and what they may do.",
        )
    return StoreUnavailable(
        f"the artifact store ({where}) answers {error.code} for '{key}': {error.message}",
        remedy="Look at the store's log and whether its disk is full, then try again.",
    )


def _is_silence(error: Exception) -> bool:
    """Whether somebody was waited for; a connection that is refused costs nothing."""
    reason = getattr(error, "reason", None) or error
    return isinstance(reason, urllib3.exceptions.TimeoutError)


def _cause(error: Exception) -> str:
    """The innermost reason: urllib3 wraps it in the story of its retries."""
    reason = getattr(error, "reason", None)
    return str(reason if isinstance(reason, Exception) else error)[:300]
