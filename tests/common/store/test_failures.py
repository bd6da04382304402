"""What the artifact stores say when the disk, the server or the address is not as it should be."""

from __future__ import annotations

import errno
import inspect
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import minio.error
import pytest

from common.errors import ClipBrowserError, DiskFull, InvalidInput, StoreUnavailable
from common.store import ArtifactStore, LocalStore, S3Store, open_store
from common.store.disk import disk_errors
from tests.server_programs import s3_kinds, seaweedfs_program
from tests.servers import S3_SERVERS, Server, free_port, seaweedfs_server, server_folder
from tests.small_disk import mounted

KIB = 1024


def every_call(store: ArtifactStore, folder: Path) -> list[Callable[[], object]]:
    return [
        lambda: store.put_bytes("a", b"x"),
        lambda: store.put_file("a", Path(__file__)),
        lambda: store.get_bytes("a"),
        lambda: store.open("a"),
        lambda: store.get_file("a", folder / "out"),
        lambda: store.stat("a"),
        lambda: list(store.list("")),
        lambda: store.delete("a"),
        lambda: store.delete_prefix("a"),
        lambda: store.check(),
    ]


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of this test alone, for killing; the best kind that is here."""
    with server_folder() as folder, S3_SERVERS[s3_kinds()[0]](folder) as started:
        yield started


def test_a_server_that_is_down_is_said_within_seconds_with_a_remedy(tmp_path: Path) -> None:
    store = open_store(f"s3://key:hidden-secret@127.0.0.1:{free_port()}/bucket?secure=0")
    for call in every_call(store, tmp_path):
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match="does not answer") as caught:
            call()
        assert time.monotonic() - started < 3
        assert "CLIP_BROWSER_STORE_URL" in caught.value.remedy
        assert "hidden-secret" not in str(caught.value.to_dict())


def test_an_address_that_leads_nowhere_is_said_within_seconds() -> None:
    store = open_store("s3://key:secret@192.0.2.1:9000/bucket?secure=0")  # RFC 5737: never routed
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.put_bytes("a", b"x")
    assert time.monotonic() - started < 8


def test_a_server_that_hangs_fails_the_check_within_seconds(server: Server) -> None:
    store = open_store(server.url)
    store.put_bytes("a", b"x")
    server.pause()
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="timed out"):
        store.check()
    assert time.monotonic() - started < 6
    server.resume()
    store.check()


def test_a_store_goes_on_when_its_server_comes_back(server: Server) -> None:
    store = open_store(server.url)
    store.put_bytes("a", b"x")
    server.kill()
    with pytest.raises(StoreUnavailable):
        store.get_bytes("a")
    server.start()
    assert store.get_bytes("a") == b"x"


def test_a_server_that_dies_in_the_middle_of_a_stream_is_not_the_end_of_the_file(
    server: Server,
) -> None:
    store = open_store(server.url)
    store.put_bytes("a", os.urandom(32 * KIB * KIB))
    with store.open("a") as stream:
        stream.read(KIB)
        server.kill()
        with pytest.raises(StoreUnavailable):
            stream.read()


def test_a_wrong_secret_is_named_as_such(server: Server) -> None:
    right = server.url.split("@")[-1]
    with pytest.raises(StoreUnavailable, match="refuses") as caught:
        open_store(f"s3://clip-browser:wrong@{right}").check()
    assert "key and secret" in caught.value.remedy


def test_a_server_that_does_not_speak_s3_is_said_to_be_wrong() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        store = open_store(f"s3://key:secret@127.0.0.1:{web.server_port}/bucket?secure=0")
        with pytest.raises(StoreUnavailable):
            store.put_bytes("a", b"x")
        web.shutdown()


def test_a_server_that_asks_for_patience_is_not_waited_for() -> None:
    """MinIO, while it starts, answers 503 and `Retry-After: 60`: nobody's request waits that long."""

    class Starting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.send_header("Retry-After", "60")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Starting) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        store = open_store(f"s3://key:secret@127.0.0.1:{web.server_port}/bucket?secure=0")
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.get_bytes("a")
        assert time.monotonic() - began < 5
        web.shutdown()


def test_every_error_of_the_client_is_one_that_the_store_translates() -> None:
    errors = [
        kind
        for _, kind in inspect.getmembers(minio.error, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == "minio.error"
    ]
    outside = {kind for kind in errors if not issubclass(kind, minio.error.MinioException)}
    assert outside == {minio.error.MinioAdminException}  # of the admin client, not used here


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """The kernel refuses to write longer files, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_keeps_the_old_content_and_leaves_nothing_behind(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    store.put_bytes("a", b"old")
    (tmp_path / "big").write_bytes(bytes(512 * KIB))
    with files_of_at_most(64 * KIB):
        with pytest.raises(DiskFull) as caught:
            store.put_bytes("a", bytes(512 * KIB))
        with pytest.raises(DiskFull):
            store.put_file("b", tmp_path / "big")
    assert "space" in caught.value.remedy
    assert store.get_bytes("a") == b"old"
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["a"]


def test_no_space_left_on_device_is_a_full_disk() -> None:
    with pytest.raises(DiskFull, match="no space left"), disk_errors(Path("/dev/full")):
        Path("/dev/full").write_bytes(b"x")


@contextmanager
def as_nobody() -> Iterator[None]:
    """The tests may run as root, whom no permission stops."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_may_not_be_written_is_said_with_a_remedy(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    store.put_bytes("a", b"x")
    (tmp_path / "store").chmod(0o500)
    calls: list[Callable[[], object]] = [lambda: store.put_bytes("b", b"x"), store.check]
    with as_nobody():
        for call in calls:
            with pytest.raises(StoreUnavailable, match="permission denied") as caught:
                call()
            assert "user" in caught.value.remedy
    (tmp_path / "store").chmod(0o700)


def test_a_store_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    store = LocalStore(tmp_path / "store")
    calls: list[Callable[[], object]] = [lambda: store.put_bytes("a", b"x"), store.check]
    for call in calls:
        with pytest.raises(ClipBrowserError):
            call()


def test_a_key_cannot_be_both_artifact_and_folder(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_bytes("a/b", b"x")
    for key in ("a", "a/b/c"):
        with pytest.raises(InvalidInput, match="same name"):
            store.put_bytes(key, b"x")
    assert [item.key for item in store.list()] == ["a/b"]


def _put_for_ever(root: Path) -> None:
    store = LocalStore(root)
    while True:
        store.put_bytes("deep/a", os.urandom(4 * KIB * KIB))


def test_a_writer_that_is_killed_leaves_whole_artifacts_only(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_bytes("deep/a", bytes(4 * KIB * KIB))
    for wait_s in (0.2, 0.21, 0.22):
        writer = multiprocessing.get_context("spawn").Process(
            target=_put_for_ever, args=(tmp_path,)
        )
        writer.start()
        while not list(tmp_path.glob("deep/.tmp-*")):
            assert writer.is_alive()
        time.sleep(wait_s)
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        assert [(item.key, item.size_bytes) for item in store.list()] == [("deep/a", 4 * KIB * KIB)]
    left = list(tmp_path.glob("deep/.tmp-*"))
    assert store.sweep_unfinished() == 0
    assert store.sweep_unfinished(older_than_s=-1) == len(left)
    assert list(tmp_path.glob("deep/*")) == [tmp_path / "deep" / "a"]


def test_putting_and_deleting_a_folder_at_once_never_fails(tmp_path: Path) -> None:
    store, failures = LocalStore(tmp_path), []

    def put(worker: int) -> None:
        try:
            for number in range(150):
                store.put_bytes(f"deep/folder/{worker}-{number}", b"x")
        except ClipBrowserError as error:
            failures.append(error)

    writers = [threading.Thread(target=put, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        store.delete_prefix("deep/folder")
        time.sleep(0.005)
    assert failures == []
    store.delete_prefix("deep")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_goes_although_a_writer_makes_a_file_in_it_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, real_rmdir, late = LocalStore(tmp_path), os.rmdir, []

    def rmdir(path: Any, *args: Any, **kwargs: Any) -> None:
        if not late:
            late.append(next(tmp_path.iterdir()))
            (late[0] / "late").write_bytes(b"x")
        real_rmdir(path, *args, **kwargs)

    store.put_bytes("deep/a", b"x")
    monkeypatch.setattr(os, "rmdir", rmdir)
    assert store.delete_prefix("deep") == 1
    assert len(late) == 1
    assert list(tmp_path.iterdir()) == []


def test_empty_folders_go_with_their_last_artifact(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "root")
    store.put_bytes("a/b/c", b"x")
    store.put_bytes("a/d", b"x")
    store.delete("a/b/c")
    assert sorted(path.name for path in (tmp_path / "root" / "a").iterdir()) == ["d"]
    store.delete("a/d")
    assert (tmp_path / "root").is_dir()
    assert list((tmp_path / "root").iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "starts with"),
        ("http://127.0.0.1/bucket", "starts with"),
        ("file://relative/folder", "not absolute"),
        ("s3://host:9000/bucket", "no key and secret"),
        ("s3://key:secret@/bucket", "no host"),
        ("s3://key:secret@host:9000/", "no bucket's name"),
        ("s3://key:secret@host:9000/bucket/below", "no bucket's name"),
        ("s3://key:secret@host:9000/Bad_Bucket", "no bucket's name"),
        ("s3://key:secret@host:port/bucket", "cannot be read"),
        ("s3://key:secret@host:9000/bucket?secure=perhaps", "neither 0 nor 1"),
        ("s3://key:secret@host:9000/bucket?regoin=eu", "regoin"),
    ],
)
def test_a_bad_store_url_is_explained_without_its_secret(url: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        open_store(url)
    assert "CLIP_BROWSER_STORE_URL" in caught.value.remedy
    assert "secret" not in caught.value.message.replace("no key and secret", "")


def test_a_store_url_gives_the_store_it_names(tmp_path: Path) -> None:
    local = open_store(f"file://{tmp_path}/with%20space")
    assert local.local_path("a") == tmp_path / "with space" / "a"
    remote = open_store("s3://key:s%2Fe%40c@host.example/bucket?region=eu-west-1")
    assert isinstance(remote, S3Store)
    assert remote.describe() == "bucket bucket at host.example"
    assert remote.local_path("a") is None
    assert (remote.address.secret_key, remote.address.secure) == ("s/e@c", True)
    assert "s/e@c" not in repr(remote.address)


def test_an_unknown_disk_error_is_unavailable_and_says_the_reason() -> None:
    with pytest.raises(StoreUnavailable, match="input/output error"), disk_errors(Path("/x")):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.skipif(seaweedfs_program() is None, reason="this is about SeaweedFS")
def test_the_bundled_store_takes_things_while_its_disk_has_room(tmp_path: Path) -> None:
    """It sets room aside in whole volumes: what it keeps for itself took all of a disk with 3 GB free."""
    with mounted(tmp_path / "disk", "3g") as disk, seaweedfs_server(disk) as server:
        for name in ("one", "another"):
            store = open_store(server.url.replace("clip-browser-tests", f"bucket-{name}"))
            store.put_bytes("a", b"x" * KIB)
            assert store.get_bytes("a") == b"x" * KIB
