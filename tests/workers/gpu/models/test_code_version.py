from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from workers.gpu.models.code_version import read_commit, read_versions


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    return folder


def test_the_commit_is_what_git_says_on_a_branch_packed_and_detached(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert read_commit(checkout) == head
    git(checkout, "pack-refs", "--all")
    assert read_commit(checkout) == head
    git(checkout, "checkout", "-q", "--detach")
    assert read_commit(checkout) == head


def test_a_linked_work_tree_has_its_own_commit(checkout: Path) -> None:
    other = checkout.parent / "other"
    git(checkout, "worktree", "add", "-q", "-b", "side", str(other))
    git(other, "commit", "-q", "--allow-empty", "-m", "two")
    assert read_commit(other) == git(other, "rev-parse", "HEAD") != read_commit(checkout)


def test_without_a_checkout_or_a_first_commit_there_is_no_commit(tmp_path: Path) -> None:
    assert read_commit(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert read_commit(tmp_path) is None


def test_the_versions_name_the_code_open_clip_and_torch() -> None:
    assert set(read_versions()) >= {"clip-browser", "open_clip_torch", "torch"}
