"""The forms in which people bring captions along: tables, JSON lines, .txt files, zips of them.

A .txt or .caption file has the name of its image and a caption on each line. So do trainers such as
kohya_ss read it: the first line, or with `enable_wildcard` each time another one (`read_caption` in
sd-scripts' library/train_util.py).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from common.archives import ArchiveLimits, read_archive, safe_name
from common.captions.csv_files import (
    CAPTION_COLUMNS,
    IMAGE_SUFFIXES,
    MAX_ROWS,
    NAME_COLUMNS,
    REMEDY,
    ParsedCaptions,
    RejectedRow,
    has_header,
    read_table,
)
from common.errors import InvalidInput

TEXT_SUFFIXES = (".txt", ".caption")
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
CAPTION_SUFFIXES = (".csv", ".tsv", *_JSON_SUFFIXES, *TEXT_SUFFIXES)
MAX_CAPTION_BYTES = 256 * 2**20  # of one file, and of all in a zip: they are read together
_LIMITS = ArchiveLimits(max_entry_bytes=MAX_CAPTION_BYTES, max_total_bytes=MAX_CAPTION_BYTES)
Pulse = Callable[[int], None]
_DERIVED = ("train.csv", "train_original.csv", "val.csv")
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # controls that no text file has


def no_pulse(_rows: int) -> None:
    """Nobody wants to know."""


def is_caption_file(name: str) -> bool:
    """Whether a file of this name may hold captions."""
    return name.lower().endswith(CAPTION_SUFFIXES)


def read_captions(data: bytes, filename: str, pulse: Pulse = no_pulse) -> ParsedCaptions:
    """Read captions from a table, JSON lines, a .txt file, or a zip of such files.

    Bad rows are listed with line and reason, the rest is taken. filename decides between the
    forms only where the content does not. Raises InvalidInput when nothing of it can be read:
    no known columns, a separator other than TAB, comma or semicolon, an empty or binary file, more than
    MAX_CAPTION_BYTES. pulse: as of `ParsedCaptions`; what it raises ends the reading.
    """
    if len(data) > MAX_CAPTION_BYTES:
        raise InvalidInput(
            f"the file is {len(data) / 2**20:.1f} MiB; the limit is {MAX_CAPTION_BYTES // 2**20}",
            remedy="Import it in several parts.",
        )
    if data[:4] == b"PK\3\4":
        return _read_zip(data, pulse)
    parsed = ParsedCaptions(pulse=pulse)
    text = _decode(data, parsed)
    if not text.strip():
        raise InvalidInput("the file is empty", remedy=REMEDY)
    lower = filename.lower()
    is_text = lower.endswith(TEXT_SUFFIXES) and not _is_table(text)
    if lower.endswith(_JSON_SUFFIXES) or (text.lstrip()[0] in "{[" and not is_text):
        _read_json(text, parsed)
    elif is_text:
        _read_text(text, safe_name(filename), parsed)
    else:
        read_table(text, parsed)
    return parsed


def read_caption_files(
    files: Iterable[tuple[str, bytes]], pulse: Pulse = no_pulse
) -> ParsedCaptions:
    """Read several files, each (path, data); names in one are taken as seen from its folder.

    Tables come before .txt files, an index.csv before all: of two files that speak of the same
    image the first counts. Beside an index.csv the files made from it (train.csv, val.csv ...) are
    passed over: an export that is imported again is no change. A file that cannot be read becomes
    one rejection, line 0.
    """
    whole = ParsedCaptions()
    for path, data in sorted(_without_derived(list(files)), key=lambda file: _rank(file[0])):
        try:
            parsed = read_captions(data, path, pulse)
        except InvalidInput as error:
            whole.rejected.append(RejectedRow(0, error.message, path))
            continue
        folder = path.rpartition("/")[0]
        inside = f"{folder}/" if folder and not _names_its_image(path, parsed) else ""
        parsed.rows = [row._replace(name=inside + row.name, source=path) for row in parsed.rows]
        whole.extend(parsed)
        if len(whole.rows) + len(whole.rejected) > MAX_ROWS:
            raise InvalidInput(
                f"the files have more than {MAX_ROWS:,} rows",
                remedy="Import them in several parts.",
            )
    return whole


def _rank(path: str) -> int:
    if _base(path) == "index.csv":
        return 0
    return 2 if path.lower().endswith(TEXT_SUFFIXES) else 1


def _names_its_image(path: str, parsed: ParsedCaptions) -> bool:
    """Whether the rows are named after the file itself, as those of a .txt file are."""
    return path.lower().endswith(TEXT_SUFFIXES) and all(row.name == path for row in parsed.rows)


def _without_derived(files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    folders = {path[: -len("index.csv")] for path, _ in files if _base(path) == "index.csv"}
    return [
        (path, data)
        for path, data in files
        if _base(path) not in _DERIVED or path[: -len(_base(path))] not in folders
    ]


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _read_zip(data: bytes, pulse: Pulse) -> ParsedCaptions:
    refused: list[RejectedRow] = []

    def caption_files() -> Iterator[tuple[str, bytes]]:
        for entry in read_archive(io.BytesIO(data), _LIMITS):
            if entry.reason:
                refused.append(RejectedRow(0, entry.reason, entry.name))
            elif is_caption_file(entry.name):
                yield entry.name, entry.data
            elif not entry.name.lower().endswith(IMAGE_SUFFIXES):
                refused.append(RejectedRow(0, "it is no caption file", entry.name))

    parsed = read_caption_files(caption_files(), pulse)
    parsed.rejected = refused + parsed.rejected
    return parsed


def _decode(data: bytes, parsed: ParsedCaptions) -> str:
    """UTF-8 with or without its mark, UTF-16 with one, else Windows' Western European.

    Line ends become "\\n". Raises InvalidInput when it is no text.
    """
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if b"\0" in data and not wide:
        raise _binary()
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        if wide or _NO_TEXT.search(data):
            raise _binary() from error
        text = data.decode("cp1252", errors="replace")
        parsed.notes.append(
            "The file is not UTF-8: it was read as Windows-1252 (latin-1). "
            "Check the letters with accents, or save it as UTF-8."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _binary() -> InvalidInput:
    return InvalidInput(
        "the file is binary, not text", remedy="Save it as text in UTF-8, or pack it as zip."
    )


def _is_table(text: str) -> bool:
    """Whether a .txt file is a table; a single line is a caption, even if it says "image, text"."""
    return "\n" in text.strip() and has_header(text.lstrip())


def _read_text(text: str, name: str, parsed: ParsedCaptions) -> None:
    for line, written in enumerate(text.split("\n"), start=1):
        if written.strip():
            parsed.add(name, written, line)


def _read_json(text: str, parsed: ParsedCaptions) -> None:
    """JSON lines, or one JSON list of the same objects."""
    if text.lstrip()[0] == "[":
        try:
            records = list(enumerate(json.loads(text), start=1))
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"the JSON cannot be read: {error}", remedy=REMEDY) from error
        for line, record in records:
            _add_json(record, line, parsed)
        return
    for line, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        try:
            _add_json(json.loads(written), line, parsed)
        except (ValueError, RecursionError) as error:
            parsed.rejected.append(RejectedRow(line, f"not JSON: {error}"))


def _add_json(record: Any, line: int, parsed: ParsedCaptions) -> None:
    """One object: a name, and a caption or a list of captions (`captions` goes before the others)."""
    if not isinstance(record, dict):
        parsed.rejected.append(RejectedRow(line, "not a JSON object"))
        return
    keyed = {str(key).lower(): value for key, value in record.items()}
    name = next((keyed[known] for known in NAME_COLUMNS if known in keyed), None)
    columns = ("captions", *CAPTION_COLUMNS)
    captions = next((keyed[known] for known in columns if known in keyed), None)
    given = captions if isinstance(captions, list) else [captions]
    texts = [text for text in given if isinstance(text, str)]
    if not isinstance(name, str) or not texts or len(texts) < len(given):
        reason = (
            "it needs text under filepath (or image), and text under title (or caption) "
            "or a list of texts under captions"
        )
        parsed.rejected.append(RejectedRow(line, reason, str(name or "")[:200]))
        return
    for text in texts:
        parsed.add(name, text, line)
