"""What is uploaded of a folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from cli.images.batches import (
    BATCH_BYTES,
    BATCH_FILES,
    Upload,
    as_caption_file,
    batches,
    captions_beside,
    find_uploads,
)
from common.errors import InvalidInput


def test_images_keep_their_names_relative_to_the_folder(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "sub/deep/c.webp", "notes.pdf", ".hidden.png", ".git/d.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert [upload.name for upload in find_uploads(tmp_path)] == [
        "a.png",
        "b.JPG",
        "sub/deep/c.webp",
    ]


def test_a_zip_is_uploaded_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK")
    assert [upload.name for upload in find_uploads(tmp_path / "a.zip")] == ["a.zip"]


def test_a_folder_without_images_and_a_missing_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no images"):
        find_uploads(tmp_path)
    with pytest.raises(InvalidInput, match="nowhere"):
        find_uploads(tmp_path / "nowhere")


def test_portions_are_bounded_in_files_and_in_bytes_and_keep_the_order() -> None:
    small = [Upload(f"{number}", Path(), 10) for number in range(BATCH_FILES + 1)]
    assert [len(batch) for batch in batches(small)] == [BATCH_FILES, 1]
    big = [Upload(f"{number}", Path(), BATCH_BYTES // 2) for number in range(5)]
    portions = list(batches(big))
    assert [len(batch) for batch in portions] == [2, 2, 1]
    assert [upload.name for batch in portions for upload in batch] == list("01234")
    assert len(list(batches([Upload("huge", Path(), BATCH_BYTES * 3)]))) == 1


def test_captions_beside_the_images_are_noticed_and_other_texts_are_not(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "sub/b.jpg", "readme.txt", "results.csv", "c.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert captions_beside(tmp_path) == []
    wanted = ["a.txt", "index.csv", "sub/b.caption", "sub/metadata.jsonl"]
    for name in wanted:
        (tmp_path / name).write_text("a cat")
    found = [path.relative_to(tmp_path).as_posix() for path in captions_beside(tmp_path)]
    assert found == wanted
    assert captions_beside(tmp_path / "a.png") == []


def test_a_folder_of_texts_becomes_a_zip_of_them(tmp_path: Path) -> None:
    (tmp_path / "texts" / "sub").mkdir(parents=True)
    (tmp_path / "texts" / "a.txt").write_text("a cat")
    (tmp_path / "texts" / "sub" / "b.txt").write_text("a dog")
    (tmp_path / "texts" / "sub" / "c.caption").write_text("a bird")
    made = as_caption_file(tmp_path / "texts", tmp_path)
    with zipfile.ZipFile(made) as archive:
        assert sorted(archive.namelist()) == ["a.txt", "sub/b.txt", "sub/c.caption"]
