"""An artifact that is copied arrives as it was, from any kind of store to any other, or is said not to."""

from __future__ import annotations

import hashlib
import io
import random
from pathlib import Path
from typing import BinaryIO

import pytest

from common.errors import ArtifactDamaged, NotFound, StoreUnavailable
from common.store import ArtifactStore, LocalStore, open_store
from common.store.interface import BINARY
from common.store.transfer import Copied, HashedReader, content_type_of, copy_object, read_through
from tests.servers import Server, free_port

MIB = 1024 * 1024


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "local")


@pytest.mark.parametrize("size_bytes", [0, 1, 33 * MIB + 5])  # none, one, three parts in S3
def test_an_object_makes_the_way_to_s3_and_back(
    s3_server: Server, local: LocalStore, tmp_path: Path, size_bytes: int
) -> None:
    remote, back = open_store(s3_server.url), LocalStore(tmp_path / "back")
    content = random.Random(size_bytes).randbytes(size_bytes)
    expected = Copied(size_bytes, hashlib.sha256(content).hexdigest())
    local.put_bytes("a/picture.png", content)
    assert copy_object(local, remote, "a/picture.png", f"b/{size_bytes}.png") == expected
    assert read_through(remote, f"b/{size_bytes}.png") == expected
    assert copy_object(remote, back, f"b/{size_bytes}.png") == expected
    assert back.get_bytes(f"b/{size_bytes}.png") == content


class RottingStore(LocalStore):
    """On a disk that keeps one bit wrong."""

    def put_stream(
        self, key: str, source: BinaryIO, size_bytes: int, content_type: str = BINARY
    ) -> None:
        super().put_stream(key, source, size_bytes, content_type)
        path = self._root / key
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


def test_what_arrives_otherwise_is_said(local: LocalStore, tmp_path: Path) -> None:
    local.put_bytes("a", b"content")
    with pytest.raises(ArtifactDamaged, match="7 bytes") as caught:
        copy_object(local, RottingStore(tmp_path / "rotting"), "a")
    assert "disk" in caught.value.remedy


def test_an_absent_object_and_an_absent_server_are_said(local: LocalStore) -> None:
    away = open_store(f"s3://key:secret@127.0.0.1:{free_port()}/bucket?secure=0")
    with pytest.raises(NotFound):
        copy_object(local, away, "absent")
    local.put_bytes("a", b"content")
    targets: list[tuple[ArtifactStore, ArtifactStore]] = [(local, away), (away, local)]
    for source, target in targets:
        with pytest.raises(StoreUnavailable):
            copy_object(source, target, "a")


def test_a_reader_that_begins_again_hashes_anew() -> None:
    reader = HashedReader(io.BytesIO(b"content"))
    reader.read()
    assert reader.seek(0) == 0
    assert reader.read() == b"content"
    assert reader.seen == Copied(7, hashlib.sha256(b"content").hexdigest())
    with pytest.raises(io.UnsupportedOperation):
        reader.seek(3)


def test_the_content_type_is_the_endings_whatever_the_machine_knows() -> None:
    named = ("a.jpg", "a.webp", "a.csv", "a.jsonl", "model.safetensors", "a")
    assert [content_type_of(name) for name in named] == [
        "image/jpeg", "image/webp", "text/csv", "application/jsonl", BINARY, BINARY,
    ]  # fmt: skip
