"""Caption files, written for the real pandas and read from whatever people bring."""

from __future__ import annotations

import io
import json
import zipfile

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.captions import PANDAS_MISSING, normalise_caption
from common.csvfiles import (
    ParsedCaptions,
    is_caption_file,
    read_caption_files,
    read_captions,
    read_rows,
    write_rows,
)
from common.errors import InvalidInput


def read_as_open_clip_does(data: bytes) -> tuple[list[str], list[str]]:
    """open_clip_train/data.py: `pd.read_csv(input_filename, sep=sep)`, then str() of each title."""
    table = pd.read_csv(io.BytesIO(data), sep="\t")
    return table["filepath"].tolist(), [str(title) for title in table["title"].tolist()]


def captions_of(parsed: ParsedCaptions) -> dict[str, str]:
    return {row.name: row.caption for row in parsed.rows}


def zip_of(files: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


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


@pytest.mark.parametrize(
    "text",
    [
        "filepath\ttitle\na.png\ta dog\nb.png\ttwo cats\n",
        "image,caption\na.png,a dog\nb.png,two cats\n",
        "image;caption\r\na.png;a dog\r\nb.png;two cats\r\n",
        "Caption,Extra,File_Name\na dog,1,a.png\ntwo cats,2,b.png\n",
        "\n\nimage,caption\n\na.png,a dog\n\nb.png,two cats",
        "image,caption\ra.png,a dog\rb.png,two cats\r",
        "a.png,a dog\nb.png,two cats\n",
        '{"file_name": "a.png", "text": "a dog"}\n\n{"image": "b.png", "caption": "two cats"}\n',
        '[{"filepath": "a.png", "title": "a dog"}, {"image": "./b.png", "caption": " two cats "}]',
    ],
)
def test_the_forms_of_other_tools_are_read(text: str) -> None:
    assert captions_of(read_captions(text.encode(), "captions.csv")) == {
        "a.png": "a dog",
        "b.png": "two cats",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(encoding: str) -> None:
    data = "filepath\ttitle\na.png\tein Gürtel\n".encode(encoding)
    parsed = read_captions(data, "index.csv")
    assert captions_of(parsed) == {"a.png": "ein Gürtel"}
    assert parsed.notes == []


def test_latin_1_bytes_are_read_and_said_so() -> None:
    parsed = read_captions("image,caption\na.png,un café\n".encode("latin-1"), "index.csv")
    assert captions_of(parsed) == {"a.png": "un café"}
    assert "not UTF-8" in parsed.notes[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("filepath\tsize\na.png\t3\n", r"no column for the caption .* filepath, size"),
        ("id,caption\n1,a dog\n", r"no column for the file name"),
        ("filepath|title\na.png|a dog\n", r"no TAB and no comma"),
        ("", "empty"),
        ("  \n ", "empty"),
        ("[1, 2", "JSON cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_refused_with_a_remedy(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        read_captions(text.encode(), "captions.csv")
    assert "image,caption" in caught.value.remedy


def test_bad_rows_are_listed_with_line_and_reason_and_the_rest_goes_in() -> None:
    text = (
        "filepath\ttitle\textra\n"
        "a.png\ta dog\tx\n"
        "b.png\t\tx\n"
        "../c.png\ta cat\tx\n"
        "/etc/passwd\ta cat\tx\n"
        "C:\\d.png\ta cat\tx\n"
        "e.png\n"
        f"f.png\t{'x' * 2001}\tx\n"
        '"g.png"\t"a ""red""\ncircle"\tx\n'
        f"h.png\t{'y' * 200_000}\tx\n"
        "i.png\tlast\tx\n"
    )
    parsed = read_captions(text.encode(), "index.csv")
    assert captions_of(parsed) == {"a.png": "a dog", "g.png": 'a "red" circle', "i.png": "last"}
    reasons = {rejected.line: rejected.reason for rejected in parsed.rejected}
    assert sorted(reasons) == [3, 4, 5, 6, 7, 8, 11]
    assert "empty" in reasons[3]
    assert "leaves the folder" in reasons[4]
    assert "absolute" in reasons[5]
    assert "absolute" in reasons[6]
    assert "1 columns" in reasons[7]
    assert "2001 characters" in reasons[8]
    assert "200008 characters" in reasons[11]


def test_commas_in_an_unquoted_last_column_belong_to_the_caption() -> None:
    data = b'image,caption\na.png,a red, round ball\nb.png,"a, b"\n'
    assert captions_of(read_captions(data, "x.csv")) == {
        "a.png": "a red, round ball",
        "b.png": "a, b",
    }


def test_a_quote_that_is_never_closed_does_not_swallow_the_rows_after_it() -> None:
    data = b'filepath\ttitle\na.png\t"hello\nb.png\ta dog\nc.png\ta cat\n'
    parsed = read_captions(data, "index.csv")
    assert captions_of(parsed) == {"a.png": '"hello', "b.png": "a dog", "c.png": "a cat"}
    assert "not closed" in parsed.notes[0]


def test_bad_json_lines_are_rejected_one_by_one() -> None:
    lines = [
        json.dumps({"image": "a.png", "caption": "a dog"}),
        "{not json",
        json.dumps(["a.png", "a dog"]),
        json.dumps({"image": "b.png", "caption": 7}),
        "[" * 100_000,
        json.dumps({"image": "c.png", "caption": "a cat"}),
    ]
    parsed = read_captions("\n".join(lines).encode(), "captions.jsonl")
    assert captions_of(parsed) == {"a.png": "a dog", "c.png": "a cat"}
    assert [rejected.line for rejected in parsed.rejected] == [2, 3, 4, 5]


def test_a_zip_of_text_files_gives_one_caption_a_file_and_looks_past_the_images() -> None:
    data = zip_of(
        {
            "set/a.txt": "a dog\n",
            "set/a.png": b"\x89PNG",
            "set/b.caption": "two cats",
            "set/empty.txt": "",
            "set/notes.docx": "no",
            "__MACOSX/set/._a.txt": "x",
            "../out.txt": "x",
        }
    )
    parsed = read_captions(data, "captions.zip")
    assert captions_of(parsed) == {"set/a.txt": "a dog", "set/b.caption": "two cats"}
    assert {rejected.name for rejected in parsed.rejected} == {
        "set/empty.txt",
        "set/notes.docx",
        "../out.txt",
    }


def test_names_in_a_file_are_taken_as_seen_from_its_folder() -> None:
    parsed = read_caption_files(
        [("set/index.csv", b"image,caption\na.png,a dog\n"), ("b.txt", b"a cat"), ("c.csv", b"?")]
    )
    assert captions_of(parsed) == {"set/a.png": "a dog", "b.txt": "a cat"}
    assert [(rejected.name, rejected.line) for rejected in parsed.rejected] == [("c.csv", 0)]


def test_files_made_from_an_index_are_passed_over_beside_it() -> None:
    index = ("set/index.csv", write_rows([("a.png", "a dog")]))
    train = ("set/train.csv", write_rows([("a.png", "a hound"), ("b.png", "a cat")]))
    assert captions_of(read_caption_files([train, index])) == {"set/a.png": "a dog"}
    assert len(read_caption_files([train, ("index.csv", index[1])]).rows) == 3


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.jsonl", "a.txt", "a.zip", "a"]))
@settings(max_examples=300, deadline=None)
def test_no_bytes_make_the_reader_fail_with_anything_but_invalid_input(
    data: bytes, name: str
) -> None:
    try:
        parsed = read_captions(data, name)
    except InvalidInput:
        return
    assert all(row.caption == normalise_caption(row.caption) for row in parsed.rows)


def test_files_that_may_hold_captions_are_known_by_their_names() -> None:
    assert is_caption_file("set/INDEX.CSV")
    assert is_caption_file("a.txt")
    assert not is_caption_file("a.png")
