"""Sending files so that nothing is sent twice: what is there is left out, what breaks off goes on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from cli.client import Client
from cli.images.batches import Upload
from cli.jobs.progress import OnBytes
from cli.terminal import Terminal
from common.errors import Conflict, InvalidInput, Unavailable

PAUSES_S = (1, 2, 4, 8, 15, 30, 30, 30)  # two minutes without an answer
PORTION_BYTES = 8 * 1024 * 1024  # of a large file in one request
END_BYTES = 1024 * 1024  # of a large file's beginning and end that its fingerprint is made of
T = TypeVar("T")


def without_known(client: Client, dataset_id: str, uploads: list[Upload]) -> list[Upload]:
    """Those of some files that are no images of the dataset yet."""
    hashes = [_hash(upload.path) for upload in uploads]
    answer = client.post(f"/datasets/{dataset_id}/images/known", {"sha256": hashes})
    known = set(answer["known"])
    return [upload for upload, sha256 in zip(uploads, hashes, strict=True) if sha256 not in known]


def send_batch(
    terminal: Terminal, dataset_id: str, batch: list[Upload], join: str | None, advance: OnBytes
) -> str:
    """Send small files in one request; the job that takes them in, which is `join` if it can be."""
    files = [(upload.name, upload.path) for upload in batch]

    def send() -> str:
        sent = 0

        def count(size_bytes: int) -> None:
            nonlocal sent
            sent += size_bytes
            advance(size_bytes)

        try:
            answer = terminal.client.upload(
                f"/datasets/{dataset_id}/images", "files", files, count, join=join
            )
        except BaseException:
            advance(-sent)
            raise
        return str(answer["job"]["id"])

    return persist(terminal, send)


def send_large(terminal: Terminal, dataset_id: str, upload: Upload, advance: OnBytes) -> str:
    """Send a large file of images in portions; the job of it."""
    body = {"uploads": [send_portions(terminal, upload, advance)]}
    path = f"/datasets/{dataset_id}/images"
    answer = persist(terminal, lambda: terminal.client.post(path, body))
    return str(answer["job"]["id"])


def send_portions(terminal: Terminal, upload: Upload, advance: OnBytes) -> str:
    """Send a large file in portions, from where an earlier try broke off; the id of the upload."""
    client = terminal.client
    facts = {
        "name": upload.name,
        "size_bytes": upload.size_bytes,
        "fingerprint": _fingerprint(upload),
    }
    begun = persist(terminal, lambda: client.post("/uploads", facts))
    address, at = f"/uploads/{begun['id']}", int(begun["offset"])
    advance(at)
    while at < upload.size_bytes:
        put = partial(_put, client, address, at, _portion(upload.path, at))
        reached = persist(terminal, put)
        advance(reached - at)
        at = reached
    return str(begun["id"])


def persist(terminal: Terminal, act: Callable[[], T]) -> T:
    """Do it again, after growing pauses, while the service does not answer. Raises Unavailable."""
    for pause_s in PAUSES_S:
        try:
            return act()
        except Unavailable as problem:
            terminal.say(f"{problem.message} Trying again in {pause_s} s.")
            time.sleep(pause_s)
    try:
        return act()
    except Unavailable as problem:
        problem.remedy = "Run the same command again later: what has arrived is not sent twice."
        raise


def _put(client: Client, address: str, at: int, portion: bytes) -> int:
    """The offset afterwards; also when part of it had come before the connection broke."""
    try:
        return int(client.put_bytes(address, portion, {"Upload-Offset": str(at)})["offset"])
    except Conflict as problem:
        offset = (problem.details or {}).get("offset")
        if offset is None:
            raise
        return int(offset)


def _portion(path: Path, at: int) -> bytes:
    with _opened(path) as file:
        file.seek(at)
        portion: bytes = file.read(PORTION_BYTES)
    if not portion:
        raise InvalidInput(f"{path} has become shorter meanwhile.", remedy="Start again.")
    return portion


def _fingerprint(upload: Upload) -> str:
    """Hangs on size, time of change, beginning and end of a file: enough to go on with the same one."""
    digest = hashlib.sha256(f"{upload.size_bytes} {upload.path.stat().st_mtime_ns}".encode())
    with _opened(upload.path) as file:
        digest.update(file.read(END_BYTES))
        file.seek(max(0, upload.size_bytes - END_BYTES))
        digest.update(file.read(END_BYTES))
    return digest.hexdigest()


def _hash(path: Path) -> str:
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as problem:
        raise InvalidInput(f"{path} cannot be read: {problem.strerror}") from problem
