"""The tables of captions: TAB separated, header `filepath<TAB>title`, UTF-8.

That is what `open_clip_train` reads by default, and what is written. Read are also commas and
semicolons, and the columns of other tools. An image with several captions has a row for each.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from common.archives import safe_name
from common.captions.text import (
    PANDAS_MISSING,
    normalise_caption,
    normalise_text,
    protect_caption,
    restore_caption,
)
from common.errors import InvalidInput

NAME_COLUMNS = (
    "filepath", "image", "filename", "file_name", "file", "path", "image_path", "image_name", "name",
)  # fmt: skip
CAPTION_COLUMNS = ("title", "caption", "text", "description", "prompt")
TAG_COLUMNS = ("tag", "label", "class")
MAX_TAG_CHARS = 80
MAX_ROWS = 2_000_000  # about 300 bytes of memory each
PULSE_ROWS = 5000
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_MAX_LINE_CHARS = 100_000
REMEDY = (
    "Use a header of filepath<TAB>title or image,caption, one row a caption; or JSON lines with "
    "the same names; or a zip of .txt files named as the images."
)


class CaptionRow(NamedTuple):
    """One caption that was read. line: where in the file, from 1. source: which file of several.

    tag: the kind of picture, where the file has a column for it.
    """

    name: str
    caption: str
    line: int
    source: str = ""
    tag: str = ""


class RejectedRow(NamedTuple):
    """One row that was not taken, and the reason in plain words."""

    line: int
    reason: str
    name: str = ""


@dataclass
class ParsedCaptions:
    """What a caption file held. notes: things to know about it as a whole, such as its encoding.

    pulse: called now and then with the number of rows so far; may raise what ends the reading.
    """

    rows: list[CaptionRow] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pulse: Callable[[int], None] = lambda _rows: None

    def extend(self, other: ParsedCaptions) -> None:
        """Add the rows, rejections and notes of another file."""
        self.rows += other.rows
        self.rejected += other.rejected
        self.notes += [note for note in other.notes if note not in self.notes]

    def add(self, name: str, caption: str, line: int, tag: str = "") -> None:
        """Take a row if its name and caption are fit, else note why not. A long tag is cut.

        Raises InvalidInput when there are too many.
        """
        self._count()
        try:
            self.rows.append(
                CaptionRow(
                    safe_name(name.strip()),
                    normalise_caption(restore_caption(caption)),
                    line,
                    tag=normalise_text(tag).strip()[:MAX_TAG_CHARS],
                )
            )
        except InvalidInput as error:
            self.rejected.append(RejectedRow(line, error.message, name[:200]))

    def _count(self) -> None:
        count = len(self.rows) + len(self.rejected)
        if count >= MAX_ROWS:
            raise InvalidInput(
                f"the file has more than {MAX_ROWS:,} rows", remedy="Import it in several parts."
            )
        if count % PULSE_ROWS == 0:
            self.pulse(count)


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
    parsed = ParsedCaptions()
    try:
        read_table(data.decode("utf-8"), parsed)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the file is not UTF-8: {error}", remedy=REMEDY) from error
    if parsed.rejected:
        bad = parsed.rejected[0]
        raise InvalidInput(f"line {bad.line}: {bad.reason}", remedy=REMEDY)
    return [(row.name, row.caption) for row in parsed.rows]


def read_table(text: str, parsed: ParsedCaptions) -> None:
    """Add the rows of a table. Raises InvalidInput when none of it can be read."""
    separator = _separator(text)
    records = _records(text, separator, parsed)
    if not records:
        raise InvalidInput("the file has no rows", remedy=REMEDY)
    header = records[0][1]
    if len(header) == 2 and header[0].strip().lower().endswith(IMAGE_SUFFIXES):
        parsed.notes.append("The file has no header: names were taken first, captions second.")
        name_at, caption_at, tag_at = 0, 1, None
    else:
        name_at, caption_at = _columns(header)
        tag_at = _column(header, TAG_COLUMNS)
        records = records[1:]
    for line, record in records:
        if len(record) > len(header) and caption_at == len(header) - 1:
            record[caption_at:] = [separator.join(record[caption_at:])]  # commas without quotes
        if len(record) != len(header):
            reason = f"{len(record)} columns where the header has {len(header)}"
            parsed.rejected.append(RejectedRow(line, reason, record[0][:200]))
        else:
            tag = "" if tag_at is None else record[tag_at]
            parsed.add(record[name_at], record[caption_at], line, tag)


def has_header(text: str) -> bool:
    """Whether a text begins with a line that names the columns of a table."""
    try:
        _columns(next(csv.reader([text.splitlines()[0]], delimiter=_separator(text))))
    except (InvalidInput, csv.Error, StopIteration):
        return False
    return True


def _protect_path(path: str) -> str:
    return f"./{path}" if path in PANDAS_MISSING else path


def _separator(text: str) -> str:
    """The separator of the first line that is not blank: TAB before semicolon before comma."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    separator = next((sign for sign in "\t;," if sign in first), None)
    if separator is None:
        raise InvalidInput(
            f"the first line has no TAB and no comma: {first.strip()[:80]!r}", remedy=REMEDY
        )
    return separator


def _columns(header: Sequence[str]) -> tuple[int, int]:
    """Which columns hold the name and the caption."""
    name_at, caption_at = _column(header, NAME_COLUMNS), _column(header, CAPTION_COLUMNS)
    if name_at is None or caption_at is None:
        missing = (
            "file name (filepath or image)" if name_at is None else "caption (title or caption)"
        )
        found = ", ".join(name.strip().lower()[:40] for name in header[:10])
        raise InvalidInput(f"no column for the {missing}; the header has: {found}", remedy=REMEDY)
    return name_at, caption_at


def _column(header: Sequence[str], known: Sequence[str]) -> int | None:
    """Where the first of the known names stands."""
    names = [name.strip().lower() for name in header]
    return next((names.index(name) for name in known if name in names), None)


def _records(text: str, separator: str, parsed: ParsedCaptions) -> list[tuple[int, list[str]]]:
    """(line, cells) of each record that is not blank.

    A quote that is never closed would swallow the rest of the file: then quotes are read as
    ordinary letters.
    """
    text = _without_endless_lines(text, parsed)
    try:
        return _split(text, separator, quoted=True, strict=True, pulse=parsed.pulse)
    except csv.Error as error:
        closed = "unexpected end" not in str(error)
    if not closed:
        parsed.notes.append("A quote is not closed: quotes were read as part of the text.")
    try:
        return _split(text, separator, quoted=closed, strict=False, pulse=parsed.pulse)
    except csv.Error as error:
        raise InvalidInput(f"the CSV cannot be read: {error}", remedy=REMEDY) from error


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


def _split(
    text: str, separator: str, quoted: bool, strict: bool, pulse: Callable[[int], None]
) -> list[tuple[int, list[str]]]:
    lines = io.StringIO(text, newline="")
    reader = csv.reader(
        lines,
        delimiter=separator,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=strict,
    )
    records, line = [], 1
    for record in reader:
        if any(map(str.strip, record)):
            records.append((line, record))
            if len(records) % PULSE_ROWS == 0:
                pulse(0)
        line = reader.line_num + 1
    return records
