"""Copies of checkpoints on a real S3 server, fetched into another machine's folder."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from common.store import ArtifactStore, open_store
from tests.workers.conftest import wait_until
from workers.gpu.training.checkpoint_copies import CheckpointCopies, clear_training, copies_prefix


class Machine:
    """A folder of a job on one machine, and the copies it makes."""

    def __init__(self, store: ArtifactStore, job_id: str, folder: Path) -> None:
        self.folder, self.log, self.lost = folder, [], False  # type: ignore[var-annotated]
        (folder / "checkpoints").mkdir(parents=True)
        self.copies = CheckpointCopies(store, job_id, folder, self.log.append, lambda: self.lost)

    def write(self, step: int, content: bytes = b"state", best: int = 0) -> None:
        """A checkpoint with the best weights of that time; the one before goes."""
        (self.folder / f"best_{best:05d}.safetensors").write_bytes(f"best {best}".encode())
        made = self.folder / f"checkpoints/step_{step:09d}.pt"
        made.with_suffix(".part").write_bytes(content)
        made.with_suffix(".part").replace(made)
        for old in sorted((self.folder / "checkpoints").glob("*.pt"))[:-1]:
            old.unlink()

    def files(self) -> set[str]:
        return {
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def store(s3_url: str) -> ArtifactStore:
    return open_store(s3_url)


@pytest.fixture
def machine(store: ArtifactStore, tmp_path: Path) -> Callable[[], Machine]:
    """Another machine with an empty folder for the same job, each time."""
    job_id = secrets.token_hex(6)
    return lambda: Machine(store, job_id, tmp_path / secrets.token_hex(3) / job_id)


def keys(store: ArtifactStore, made: Machine) -> list[str]:
    prefix = copies_prefix(made.folder.name)
    return [item.key.rsplit("/", 1)[-1] for item in store.list(prefix)]


def test_another_machine_gets_the_newest_checkpoint_with_the_best_weights(
    store: ArtifactStore, machine: Callable[[], Machine]
) -> None:
    first, second = machine(), machine()
    first.copies.begin()
    first.write(10, best=0)
    wait_until(lambda: "newest.json" in keys(store, first), what="the first copy")
    first.write(20, b"later state", best=1)
    first.copies.close(wait=True)
    assert sorted(set(keys(store, first))) == [
        "best_00000.safetensors", "best_00001.safetensors", "newest.json", "step_000000020.pt",
    ]  # fmt: skip
    second.copies.fetch()
    assert second.files() == first.files()
    assert (second.folder / "checkpoints/step_000000020.pt").read_bytes() == b"later state"


def test_a_torn_upload_is_not_used_but_the_whole_one_before(
    store: ArtifactStore, machine: Callable[[], Machine]
) -> None:
    first, killed, third = machine(), machine(), machine()
    first.copies.begin()
    first.write(10)
    first.copies.close(wait=True)
    # An execution that was killed: while it uploaded (no list), and one of which a file is missing.
    prefix = copies_prefix(killed.folder.name)
    store.put_bytes(f"{prefix}/aaaa/checkpoints/step_000000030.pt", b"torn")
    store.put_bytes(
        f"{prefix}/bbbb/newest.json",
        b'{"checkpoint": "step_000000040.pt", "files": {"checkpoints/step_000000040.pt": 500}}',
    )
    store.put_bytes(f"{prefix}/bbbb/checkpoints/step_000000040.pt", b"short")
    third.copies.fetch()
    assert [path.name for path in (third.folder / "checkpoints").iterdir()] == ["step_000000010.pt"]
    assert any("step_000000040.pt" in line and "not whole" in line for line in third.log)


def test_a_newer_checkpoint_of_this_machine_is_kept(machine: Callable[[], Machine]) -> None:
    first, second = machine(), machine()
    first.copies.begin()
    first.write(10, b"of the first")
    first.copies.close(wait=True)
    second.write(15, b"of the second")
    second.copies.fetch()
    assert [path.name for path in (second.folder / "checkpoints").iterdir()] == [
        "step_000000015.pt"
    ]


def test_an_execution_that_lost_its_job_copies_nothing_more(
    store: ArtifactStore, machine: Callable[[], Machine]
) -> None:
    first = machine()
    first.copies.begin()
    first.lost = True
    first.write(10)
    first.copies.close(wait=True)
    assert keys(store, first) == []


def test_a_run_that_succeeded_leaves_no_copies(
    store: ArtifactStore, machine: Callable[[], Machine]
) -> None:
    first = machine()
    first.copies.begin()
    first.write(10)
    first.copies.close(wait=True)
    assert keys(store, first)
    first.copies.remove()
    assert keys(store, first) == []


def test_a_run_from_the_start_finds_nothing_of_the_one_before(
    machine: Callable[[], Machine],
) -> None:
    first = machine()
    first.write(10)
    (first.folder / "images.cache").write_bytes(b"pixels")
    clear_training(first.folder)
    assert first.files() == {"images.cache"}


def test_on_the_machines_own_disk_nothing_is_copied(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/store")
    made = Machine(store, "0123456789ab", tmp_path / "0123456789ab")
    made.copies.begin()
    made.write(10)
    made.copies.close(wait=True)
    made.copies.fetch()
    made.copies.remove()
    assert list(store.list()) == []
    assert made.files() == {"best_00000.safetensors", "checkpoints/step_000000010.pt"}
