"""Captions read from whatever people bring."""

from __future__ import annotations

import io
import json
import random
import stat
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.captions.csv_files import ParsedCaptions, write_rows
from common.captions.files import is_caption_file, read_caption_files, read_captions
from common.captions.text import normalise_caption
from common.errors import InvalidInput


def captions_of(parsed: ParsedCaptions) -> dict[str, str]:
    return {row.name: row.caption for row in parsed.rows}


def zip_of(files: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


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


def texts_of(parsed: ParsedCaptions) -> list[tuple[str, str]]:
    return [(row.name, row.caption) for row in parsed.rows]


def test_each_line_of_a_text_file_is_a_caption_and_blank_ones_are_none() -> None:
    for mark in ("", "\ufeff"):
        data = f"{mark}a dog\r\n\r\n  two dogs \n".encode()
        assert texts_of(read_captions(data, "set/a.txt")) == [
            ("set/a.txt", "a dog"),
            ("set/a.txt", "two dogs"),
        ]


def test_a_text_that_looks_like_a_header_or_like_json_is_a_caption() -> None:
    for text in ("image, caption", "[a dog]", "{a cat}", "text, image, 1girl"):
        assert texts_of(read_captions(text.encode(), "a.txt")) == [("a.txt", text)]
    table = read_captions(b"image,caption\na.png,a dog\na.png,a hound\n", "captions.txt")
    assert texts_of(table) == [("a.png", "a dog"), ("a.png", "a hound")]


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"a dog\0", random.Random(1).randbytes(4000),
        b"\xff\xd8\xff\xe0\x01\x02\x03", "a dog".encode("utf-16-le"), b"\xff\xfea",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_a_binary_file_is_refused(data: bytes, name: str) -> None:
    with pytest.raises(InvalidInput, match="binary") as caught:
        read_captions(data, name)
    assert caught.value.remedy


def test_a_text_of_10_000_characters_is_rejected_with_the_figure() -> None:
    parsed = read_captions(b"x" * 10_000 + b"\na dog", "a.txt")
    assert texts_of(parsed) == [("a.txt", "a dog")]
    assert "10000 characters" in parsed.rejected[0].reason


def test_odd_captions_come_as_one_line_of_what_is_visible() -> None:
    odd = [
        "a\tb",
        "a\x00\x07b",
        "\u202eabc\u202c",
        "\u05e9\u05dc\u05d5\u05dd",
        "👩\u200d🎨",
        "a\u2028b",
    ]
    lines = [json.dumps({"image": "a.png", "caption": text}) for text in odd]
    parsed = read_captions("\n".join(lines).encode(), "a.jsonl")
    expected = ["a b", "a b", "\u202eabc\u202c", "\u05e9\u05dc\u05d5\u05dd", "👩\u200d🎨", "a b"]
    assert [row.caption for row in parsed.rows] == expected
    again = read_captions(write_rows(texts_of(parsed)), "index.csv")
    assert [row.caption for row in again.rows] == expected


def test_a_row_of_json_lines_may_have_several_captions() -> None:
    rows = [
        {"file_name": "a.png", "text": "first", "captions": ["first", "second"]},
        {"image": "b.png", "caption": ["one", "", "two"]},
        {"image": "c.png", "captions": []},
        {"image": "d.png", "captions": ["one", None]},
        {"image": "e.png", "captions": "one"},
    ]
    parsed = read_captions("\n".join(map(json.dumps, rows)).encode(), "metadata.jsonl")
    assert texts_of(parsed) == [
        ("a.png", "first"), ("a.png", "second"), ("b.png", "one"), ("b.png", "two"), ("e.png", "one"),
    ]  # fmt: skip
    assert [row.line for row in parsed.rejected] == [2, 3, 4]


def test_tables_come_before_texts_and_an_index_before_all() -> None:
    parsed = read_caption_files(
        [
            ("a.txt", b"from the text"),
            ("captions.csv", b"image,caption\na.png,from the table\n"),
            ("z/index.csv", write_rows([("a.png", "from the index")])),
        ]
    )
    assert [(row.source, row.name, row.caption) for row in parsed.rows] == [
        ("z/index.csv", "z/a.png", "from the index"),
        ("captions.csv", "a.png", "from the table"),
        ("a.txt", "a.txt", "from the text"),
    ]


def test_a_zip_of_captions_with_unsafe_entries_gives_the_others() -> None:
    link = zipfile.ZipInfo("link.txt")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("/abs.txt", "../out.txt", "fine.txt"):
            archive.writestr(name, "a dog")
        archive.writestr(link, "/etc/passwd")
        archive.writestr("bomb.txt", b"a" * (30 * 2**20))
    parsed = read_captions(buffer.getvalue(), "captions.zip")
    assert texts_of(parsed) == [("fine.txt", "a dog")]
    reasons = {row.name: row.reason for row in parsed.rejected}
    assert "absolute" in reasons["/abs.txt"]
    assert "leaves the folder" in reasons["../out.txt"]
    assert "link" in reasons["link.txt"]
    assert "bomb" in reasons["bomb.txt"]
