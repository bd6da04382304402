"""One contract for every artifact store, run against a local folder and real S3 servers."""

from __future__ import annotations

import io
import os
import random
import secrets
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InvalidInput, NotFound
from common.store import ArtifactStore, check_key, open_store
from tests.server_programs import S3_INSTRUCTION, s3_kinds
from tests.servers import S3_SERVERS, server_folder

MIB = 1024 * 1024
KINDS = ["local", *(s3_kinds() or ["no S3 server"])]
BAD_KEYS = [
    "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\\b", "a\x00b", "a\nb",
    "a\tb", "a\x7fb", "\u202ea", "a/ b", "a /b", " ", "\ud800", "é" * 128, "a/" * 600 + "a", ".tmp-1/a",
]  # fmt: skip


@pytest.fixture(scope="session", params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[ArtifactStore]:
    """Each kind of store in turn; tests use folders of their own, from `folder`."""
    with server_folder() as place:
        if request.param == "local":
            yield open_store(f"file://{place}/store")
        elif request.param in S3_SERVERS:
            with S3_SERVERS[request.param](place) as server:
                yield open_store(server.url)
        else:
            pytest.fail(S3_INSTRUCTION)


@pytest.fixture
def folder() -> str:
    return f"tests/{secrets.token_hex(6)}"


def test_what_is_put_is_got_back(store: ArtifactStore, folder: str) -> None:
    for data in (b"", b"x", bytes(range(256)) * 10):
        store.put_bytes(f"{folder}/data.bin", data, "image/png")
        assert store.get_bytes(f"{folder}/data.bin") == data


def test_a_second_put_replaces_the_first_and_changes_the_etag(
    store: ArtifactStore, folder: str
) -> None:
    store.put_bytes(f"{folder}/a", b"long first content")
    before = store.stat(f"{folder}/a")
    store.put_bytes(f"{folder}/a", b"second")
    assert store.get_bytes(f"{folder}/a") == b"second"
    assert store.stat(f"{folder}/a").etag != before.etag


def test_stat_tells_size_and_time(store: ArtifactStore, folder: str) -> None:
    store.put_bytes(f"{folder}/a", b"12345")
    facts = store.stat(f"{folder}/a")
    assert (facts.key, facts.size_bytes) == (f"{folder}/a", 5)
    assert abs(datetime.now(UTC) - facts.modified_at) < timedelta(minutes=1)
    listed = next(store.list(folder))
    assert abs(listed.modified_at - facts.modified_at) < timedelta(seconds=1)  # HTTP has seconds
    assert replace(listed, modified_at=facts.modified_at) == facts


def test_an_absent_key_is_not_found_everywhere(
    store: ArtifactStore, folder: str, tmp_path: Path
) -> None:
    store.put_bytes(f"{folder}/here/file", b"x")
    for key in (f"{folder}/absent", f"{folder}/no/such/folder/a", f"{folder}/here"):
        for read in (store.get_bytes, store.open, store.stat):
            with pytest.raises(NotFound, match="does not exist"):
                read(key)
        with pytest.raises(NotFound):
            store.get_file(key, tmp_path / "out")
        assert not store.exists(key)
    assert list(tmp_path.iterdir()) == []


def test_deleting_twice_is_fine(store: ArtifactStore, folder: str) -> None:
    store.put_bytes(f"{folder}/a", b"x")
    store.delete(f"{folder}/a")
    store.delete(f"{folder}/a")
    store.delete(f"{folder}/never/there")
    assert not store.exists(f"{folder}/a")


def test_a_prefix_is_a_folder_not_the_start_of_a_name(store: ArtifactStore, folder: str) -> None:
    for name in ("cats/1", "cats/deep/2", "catsuit/3", "cats.csv"):
        store.put_bytes(f"{folder}/{name}", b"x")
    expected = [f"{folder}/cats/1", f"{folder}/cats/deep/2"]
    assert [item.key for item in store.list(f"{folder}/cats")] == expected
    assert [item.key for item in store.list(f"{folder}/cats/")] == expected
    assert store.delete_prefix(f"{folder}/cats") == 2
    rest = [f"{folder}/cats.csv", f"{folder}/catsuit/3"]
    assert [item.key for item in store.list(folder)] == rest
    assert store.delete_prefix(f"{folder}/cats") == 0


def test_a_listing_is_sorted_by_the_bytes_of_the_keys(store: ArtifactStore, folder: str) -> None:
    names = [
        "b",
        "a/b",
        "a.b",
        "a-b",
        "a/a/a",
        "a0",
        "Z",
        "ä",
        "日本/語",
        "with space",
        "100%",
        "a+b&c=d#?",
    ]
    for name in names:
        store.put_bytes(f"{folder}/{name}", name.encode())
    listed = [item.key for item in store.list(folder)]
    assert listed == sorted((f"{folder}/{name}" for name in names), key=str.encode)
    assert {store.get_bytes(key).decode() for key in listed} == set(names)


def test_a_listing_of_more_than_one_page_is_whole(store: ArtifactStore, folder: str) -> None:
    keys = [f"{folder}/{number:04}" for number in range(1100)]  # S3 lists at most 1000 a page
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put_bytes(key, b""), keys))
    assert [item.key[-4:] for item in store.list(folder)] == [f"{n:04}" for n in range(1100)]
    assert store.delete_prefix(folder) == 1100
    assert list(store.list(folder)) == []


def test_an_empty_folder_lists_nothing(store: ArtifactStore, folder: str) -> None:
    assert list(store.list(folder)) == []


def test_the_whole_store_cannot_be_deleted(store: ArtifactStore) -> None:
    for prefix in ("", "/"):
        with pytest.raises(InvalidInput):
            store.delete_prefix(prefix)


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_bad_key_is_refused_by_every_call(store: ArtifactStore, key: str, tmp_path: Path) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.put_bytes(key, b""),
        lambda: store.put_file(key, Path(__file__)),
        lambda: store.get_bytes(key),
        lambda: store.open(key),
        lambda: store.get_file(key, tmp_path / "a"),
        lambda: store.stat(key),
        lambda: store.delete(key),
        lambda: store.local_path(key),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match="artifact key"):
            call()


def test_a_file_of_many_mib_streams_in_and_out(
    store: ArtifactStore, folder: str, tmp_path: Path
) -> None:
    content = random.Random(0).randbytes(37 * MIB + 17)  # three parts in S3
    (tmp_path / "in").write_bytes(content)
    store.put_file(f"{folder}/big", tmp_path / "in")
    store.get_file(f"{folder}/big", tmp_path / "new" / "out")
    assert (tmp_path / "new" / "out").read_bytes() == content
    with store.open(f"{folder}/big") as stream:
        assert stream.read(10) == content[:10]
        assert stream.seek(20 * MIB) == 20 * MIB
        assert stream.read(MIB) == content[20 * MIB : 21 * MIB]
        assert stream.seek(-5, io.SEEK_END) == len(content) - 5
        assert stream.read() == content[-5:]
        assert stream.read() == b""


def test_a_stream_serves_a_zip_reader(store: ArtifactStore, folder: str) -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "hello " * 50_000)
        archive.writestr("b.txt", "there")
    store.put_bytes(f"{folder}/a.zip", memory.getvalue())
    with store.open(f"{folder}/a.zip") as stream, zipfile.ZipFile(stream) as archive:
        assert archive.testzip() is None
        assert archive.read("b.txt") == b"there"


def test_a_folder_makes_the_round_trip(store: ArtifactStore, folder: str, tmp_path: Path) -> None:
    files = {"a.txt": b"1", "deep/er/b.bin": b"\x00" * 100, "deep/c": b""}
    for name, content in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert store.put_folder(folder, tmp_path / "in") == 3
    assert store.get_folder(folder, tmp_path / "out") == 3
    got = {
        p.relative_to(tmp_path / "out").as_posix(): p.read_bytes()
        for p in (tmp_path / "out").rglob("*")
        if p.is_file()
    }
    assert got == files


def test_an_absent_folder_is_not_found(store: ArtifactStore, folder: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=folder):
        store.get_folder(folder, tmp_path / "out")


def test_a_link_in_a_folder_is_refused(store: ArtifactStore, folder: str, tmp_path: Path) -> None:
    (tmp_path / "outside").symlink_to("/etc")
    with pytest.raises(InvalidInput, match="neither a file nor a folder"):
        store.put_folder(folder, tmp_path)


def test_a_source_file_that_is_not_there_is_invalid_input(
    store: ArtifactStore, folder: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        store.put_file(f"{folder}/a", tmp_path / "absent")
    assert not store.exists(f"{folder}/a")


# rclone truncates files in place, so it is no store for this
@pytest.mark.parametrize("store", [kind for kind in KINDS if kind != "rclone"], indirect=True)
def test_readers_see_the_old_content_or_the_new_never_a_part(
    store: ArtifactStore, folder: str
) -> None:
    key, size, problems, done = f"{folder}/contended", 300_000, [], threading.Event()
    store.put_bytes(key, b"0" * size)

    def read() -> None:
        while not done.is_set():
            data = store.get_bytes(key)
            if len(data) != size or len(set(data)) != 1:
                problems.append((len(data), set(data)))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(40):
            store.put_bytes(key, str(number % 10).encode() * size)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert problems == []


def test_check_passes_on_a_store_that_works(store: ArtifactStore) -> None:
    store.check()


def test_only_a_local_store_has_local_paths(store: ArtifactStore, folder: str) -> None:
    store.put_bytes(f"{folder}/a", b"x")
    path = store.local_path(f"{folder}/a")
    assert path is None or path.read_bytes() == b"x"


def test_a_store_works_on_in_a_forked_process(store: ArtifactStore, folder: str) -> None:
    store.put_bytes(f"{folder}/a", b"x")
    child = os.fork()
    if child == 0:
        try:
            store.put_bytes(f"{folder}/b", store.get_bytes(f"{folder}/a"))
        finally:
            os._exit(0)  # whatever happened: this process must not go on as a test run
    os.waitpid(child, 0)
    assert store.get_bytes(f"{folder}/b") == b"x"


PART = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=st.lists(PART, min_size=1, max_size=4))
def test_every_key_that_is_accepted_makes_the_round_trip(
    store: ArtifactStore, parts: list[str]
) -> None:
    base = f"fuzz/{secrets.token_hex(6)}"
    try:
        key = check_key(f"{base}/" + "/".join(parts))
    except InvalidInput:
        return
    store.put_bytes(key, key.encode())
    assert store.get_bytes(key) == key.encode()
    assert [item.key for item in store.list(base)] == [key]
    assert store.delete_prefix(base) == 1


@given(st.text())
def test_an_accepted_key_stays_below_the_root(key: str) -> None:
    try:
        check_key(key)
    except InvalidInput:
        return
    root = Path("/srv/store")
    assert Path(os.path.normpath(root / key)).is_relative_to(root)
    assert (root / key).relative_to(root).as_posix() == key


def test_waiting_readers_do_not_slow_each_other_down(store: ArtifactStore, folder: str) -> None:
    """Twenty open streams at once: more than any connection pool of ours keeps."""
    store.put_bytes(f"{folder}/a", b"x" * MIB)
    started = time.monotonic()
    streams = [store.open(f"{folder}/a") for _ in range(20)]
    assert {stream.read(1) for stream in streams} == {b"x"}
    for stream in streams:
        stream.close()
    assert time.monotonic() - started < 10
