"""Tables of captions, written for the real pandas and read again."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.captions.csv_files import read_rows, write_rows
from common.captions.text import PANDAS_MISSING, normalise_caption
from common.errors import InvalidInput


def read_as_open_clip_does(data: bytes) -> tuple[list[str], list[str]]:
    """open_clip_train/data.py: `pd.read_csv(input_filename, sep=sep)`, then str() of each title."""
    table = pd.read_csv(io.BytesIO(data), sep="\t")
    return table["filepath"].tolist(), [str(title) for title in table["title"].tolist()]


def fit_for_a_caption(text: str) -> bool:
    try:
        return normalise_caption(text) == text
    except InvalidInput:
        return False


CAPTIONS = st.text(st.characters(), max_size=60).filter(fit_for_a_caption)


def test_a_file_has_the_header_the_separator_and_the_line_ends_that_open_clip_reads() -> None:
    data = write_rows([("images/é.png", "a red circle"), ("b.png", 'a "quoted" word, and more')])
    lines = data.decode("utf-8").split("\n")
    assert lines[0] == "filepath\ttitle"
    assert lines[1] == "images/é.png\ta red circle"
    assert lines[-1] == ""
    assert b"\r" not in data


@pytest.mark.parametrize("caption", sorted(PANDAS_MISSING))
def test_a_caption_that_pandas_would_read_as_missing_survives(caption: str) -> None:
    data = write_rows([("a.png", caption), ("b.png", "a red circle")])
    _, titles = read_as_open_clip_does(data)
    assert [title.strip() for title in titles] == [caption, "a red circle"]
    assert read_rows(data)[0] == ("a.png", caption)


@given(st.lists(CAPTIONS, min_size=1, max_size=6))
@example(["007", "1.50"])
@example(["True", "False"])
@example(['"', '""', 'a " b', '"whole"', "'single'"])
@example(["1e5", "+3", "inf", "-0"])
@example(["#hash", "\\", "a\\tb", ";", ","])
@settings(max_examples=200, deadline=None)
def test_any_captions_survive_the_way_through_pandas_and_back(captions: list[str]) -> None:
    rows = [(f"{number}.png", caption) for number, caption in enumerate(captions)]
    data = write_rows(rows)
    paths, titles = read_as_open_clip_does(data)
    assert paths == [path for path, _ in rows]
    assert [title.strip() for title in titles] == captions
    assert read_rows(data) == rows


def test_a_file_without_rows_is_only_a_header_and_reads_as_no_rows() -> None:
    assert write_rows([]) == b"filepath\ttitle\n"
    assert read_rows(write_rows([])) == []


def test_an_image_with_several_captions_has_a_row_for_each() -> None:
    rows = [("a.png", "a red circle"), ("a.png", "NA"), ("b.png", "a blue star")]
    data = write_rows(rows)
    paths, titles = read_as_open_clip_does(data)
    assert (paths, [title.strip() for title in titles]) == (
        ["a.png", "a.png", "b.png"],
        ["a red circle", "NA", "a blue star"],
    )
    assert read_rows(data) == rows


@pytest.mark.parametrize("data", [b"", b"no table", b"filepath\ttitle\na.png\t\n", b"\xff\xfe\xff"])
def test_what_is_no_table_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_rows(data)
