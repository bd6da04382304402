"""The CSV files of captions, and the forms in which people bring captions along.

Written: TAB separated, header `filepath<TAB>title`, UTF-8: what `open_clip_train` reads by default.
Read: that, commas or semicolons, the columns of other tools, JSON lines, and zips of .txt files.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.archives import ArchiveLimits, read_archive, safe_name
from common.captions import PANDAS_MISSING, normalise_caption, protect_caption, restore_caption
from common.errors import InvalidInput

NAME_COLUMNS = (
    "filepath", "image", "filename", "file_name", "file", "path", "image_path", "image_name", "name",
)  # fmt: skip
CAPTION_COLUMNS = ("title", "caption", "text", "description", "prompt")
CAPTION_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".txt", ".caption")
_TEXT_SUFFIXES = (".txt", ".caption")
_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_DERIVED = ("train.csv", "train_original.csv", "val.csv")
_MAX_LINE_CHARS = 100_000
_REMEDY = (
    "Use a header of filepath<TAB>title or image,caption, one row an image; or JSON lines with "
    "the same names; or a zip of .txt files named as the images."
)


@dataclass(frozen=True)
class CaptionRow:
    """One caption that was read. line: where in the file, from 1; 0 for a .txt file of its own."""

    name: str
    caption: str
    line: int


@dataclass(frozen=True)
class RejectedRow:
    """One row that was not taken, and the reason in plain words."""

    line: int
    reason: str
    name: str = ""


@dataclass
class ParsedCaptions:
    """What a caption file held. notes: things to know about it as a whole, such as its encoding."""

    rows: list[CaptionRow] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def extend(self, other: ParsedCaptions) -> None:
        """Add the rows, rejections and notes of another file."""
        self.rows += other.rows
        self.rejected += other.rejected
        self.notes += [note for note in other.notes if note not in self.notes]

    def add(self, name: str, caption: str, line: int) -> None:
        """Take a row if its name and caption are fit, else note why not."""
        try:
            self.rows.append(
                CaptionRow(
                    safe_name(name.strip()), normalise_caption(restore_caption(caption)), line
                )
            )
        except InvalidInput as error:
            self.rejected.append(RejectedRow(line, error.message, name[:200]))


def write_rows(rows: Iterable[tuple[str, str]]) -> bytes:
    """A whole file of (filepath, caption) rows, for `pandas.read_csv(sep="\\t")` as it is called.

    Captions with a double quote are quoted, with the quote doubled. Captions that pandas would
    take for missing or for numbers survive (see `protect_caption`).
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(("filepath", "title"))
    writer.writerows((_protect_path(path), protect_caption(caption)) for path, caption in rows)
    return text.getvalue().encode("utf-8")


def read_rows(data: bytes) -> list[tuple[str, str]]:
    """The rows of a file that `write_rows` made. Raises InvalidInput when it is another one."""
    parsed = read_captions(data, "rows.csv")
    if parsed.rejected:
        bad = parsed.rejected[0]
        raise InvalidInput(f"line {bad.line}: {bad.reason}", remedy=_REMEDY)
    return [(row.name, row.caption) for row in parsed.rows]


def read_captions(data: bytes, filename: str) -> ParsedCaptions:
    """Read captions from CSV, JSON lines, or a zip of such files and of .txt files.

    Bad rows are listed with line and reason, the rest is taken. filename decides between the
    forms only where the content does not. Raises InvalidInput when nothing of it can be read:
    no known columns, a separator other than TAB, comma or semicolon, an empty file.
    """
    if data[:4] == b"PK\3\4":
        return _read_zip(data)
    parsed = ParsedCaptions()
    text = _decode(data, parsed)
    if not text.strip():
        raise InvalidInput("the file is empty", remedy=_REMEDY)
    lower = filename.lower()
    if lower.endswith((".jsonl", ".ndjson", ".json")) or text.lstrip()[0] in "{[":
        _read_json(text, parsed)
    elif lower.endswith(_TEXT_SUFFIXES) and not _has_header(text):
        parsed.add(safe_name(filename), text, 0)
    else:
        _read_csv(text, parsed)
    return parsed


def read_caption_files(files: Iterable[tuple[str, bytes]]) -> ParsedCaptions:
    """Read several files, each (path, data); names in one are taken as seen from its folder.

    Beside an index.csv the files made from it (train.csv, val.csv ...) are passed over: an export
    that is imported again is no change. A file that cannot be read becomes one rejection, line 0.
    """
    whole = ParsedCaptions()
    for path, data in _without_derived(list(files)):
        try:
            parsed = read_captions(data, path)
        except InvalidInput as error:
            whole.rejected.append(RejectedRow(0, error.message, path))
            continue
        folder = path.rpartition("/")[0]
        if folder and not path.lower().endswith(_TEXT_SUFFIXES):
            parsed.rows = [
                CaptionRow(f"{folder}/{row.name}", row.caption, row.line) for row in parsed.rows
            ]
        whole.extend(parsed)
    return whole


def _without_derived(files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    folders = {path[: -len("index.csv")] for path, _ in files if _base(path) == "index.csv"}
    return [
        (path, data)
        for path, data in files
        if _base(path) not in _DERIVED or path[: -len(_base(path))] not in folders
    ]


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def is_caption_file(name: str) -> bool:
    """Whether a file of this name may hold captions."""
    return name.lower().endswith(CAPTION_SUFFIXES)


def _protect_path(path: str) -> str:
    return f"./{path}" if path in PANDAS_MISSING else path


def _read_zip(data: bytes) -> ParsedCaptions:
    refused: list[RejectedRow] = []

    def caption_files() -> Iterator[tuple[str, bytes]]:
        for entry in read_archive(io.BytesIO(data), ArchiveLimits(max_entry_bytes=256 * 2**20)):
            if entry.reason:
                refused.append(RejectedRow(0, entry.reason, entry.name))
            elif is_caption_file(entry.name):
                yield entry.name, entry.data
            elif not entry.name.lower().endswith(_IMAGE_SUFFIXES):
                refused.append(RejectedRow(0, "it is no caption file", entry.name))

    parsed = read_caption_files(caption_files())
    parsed.rejected = refused + parsed.rejected
    return parsed


def _decode(data: bytes, parsed: ParsedCaptions) -> str:
    """UTF-8 with or without its mark, UTF-16 with one, else Windows' Western European.

    Line ends become "\\n".
    """
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
        parsed.notes.append(
            "The file is not UTF-8: it was read as Windows-1252 (latin-1). "
            "Check the letters with accents, or save it as UTF-8."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _has_header(text: str) -> bool:
    try:
        _columns(next(csv.reader([text.splitlines()[0]], delimiter=_separator(text))))
    except (InvalidInput, csv.Error, StopIteration):
        return False
    return True


def _separator(text: str) -> str:
    """The separator of the first line that is not blank: TAB before semicolon before comma."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    separator = next((sign for sign in "\t;," if sign in first), None)
    if separator is None:
        raise InvalidInput(
            f"the first line has no TAB and no comma: {first.strip()[:80]!r}", remedy=_REMEDY
        )
    return separator


def _columns(header: Sequence[str]) -> tuple[int, int]:
    """Which columns hold the name and the caption."""
    names = [name.strip().lower() for name in header]
    name_at = next((names.index(known) for known in NAME_COLUMNS if known in names), None)
    caption_at = next((names.index(known) for known in CAPTION_COLUMNS if known in names), None)
    if name_at is None or caption_at is None:
        missing = (
            "file name (filepath or image)" if name_at is None else "caption (title or caption)"
        )
        found = ", ".join(name[:40] for name in names[:10])
        raise InvalidInput(f"no column for the {missing}; the header has: {found}", remedy=_REMEDY)
    return name_at, caption_at


def _read_csv(text: str, parsed: ParsedCaptions) -> None:
    separator = _separator(text)
    records = _records(text, separator, parsed)
    if not records:
        raise InvalidInput("the file has no rows", remedy=_REMEDY)
    header = records[0][1]
    if len(header) == 2 and header[0].strip().lower().endswith(_IMAGE_SUFFIXES):
        parsed.notes.append("The file has no header: names were taken first, captions second.")
        name_at, caption_at = 0, 1
    else:
        name_at, caption_at = _columns(header)
        records = records[1:]
    for line, record in records:
        if len(record) > len(header) and caption_at == len(header) - 1:
            record[caption_at:] = [separator.join(record[caption_at:])]  # commas without quotes
        if len(record) != len(header):
            reason = f"{len(record)} columns where the header has {len(header)}"
            parsed.rejected.append(RejectedRow(line, reason, record[0][:200]))
        else:
            parsed.add(record[name_at], record[caption_at], line)


def _records(text: str, separator: str, parsed: ParsedCaptions) -> list[tuple[int, list[str]]]:
    """(line, cells) of each record that is not blank.

    A quote that is never closed would swallow the rest of the file: then quotes are read as
    ordinary letters.
    """
    text = _without_endless_lines(text, parsed)
    try:
        return _split(text, separator, quoted=True, strict=True)
    except csv.Error as error:
        closed = "unexpected end" not in str(error)
    if not closed:
        parsed.notes.append("A quote is not closed: quotes were read as part of the text.")
    try:
        return _split(text, separator, quoted=closed, strict=False)
    except csv.Error as error:
        raise InvalidInput(f"the CSV cannot be read: {error}", remedy=_REMEDY) from error


def _without_endless_lines(text: str, parsed: ParsedCaptions) -> str:
    """The text with lines blanked that `csv` refuses the whole file for (128 KiB in a cell)."""
    if len(text) <= _MAX_LINE_CHARS:
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if len(line) > _MAX_LINE_CHARS:
            reason = f"the line is {len(line)} characters; the limit is {_MAX_LINE_CHARS}"
            parsed.rejected.append(RejectedRow(number + 1, reason, line[:80]))
            lines[number] = ""
    return "\n".join(lines)


def _split(text: str, separator: str, quoted: bool, strict: bool) -> list[tuple[int, list[str]]]:
    lines = io.StringIO(text, newline="")
    reader = csv.reader(
        lines,
        delimiter=separator,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=strict,
    )
    records, line = [], 1
    for record in reader:
        if any(cell.strip() for cell in record):
            records.append((line, record))
        line = reader.line_num + 1
    return records


def _read_json(text: str, parsed: ParsedCaptions) -> None:
    """JSON lines, or one JSON list of the same objects."""
    if text.lstrip()[0] == "[":
        try:
            records = list(enumerate(json.loads(text), start=1))
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"the JSON cannot be read: {error}", remedy=_REMEDY) from error
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
    if not isinstance(record, dict):
        parsed.rejected.append(RejectedRow(line, "not a JSON object"))
        return
    keyed = {str(key).lower(): value for key, value in record.items()}
    name = next((keyed[known] for known in NAME_COLUMNS if known in keyed), None)
    caption = next((keyed[known] for known in CAPTION_COLUMNS if known in keyed), None)
    if not isinstance(name, str) or not isinstance(caption, str):
        reason = "it needs text under filepath (or image) and under title (or caption)"
        parsed.rejected.append(RejectedRow(line, reason, str(name or "")[:200]))
        return
    parsed.add(name, caption, line)
