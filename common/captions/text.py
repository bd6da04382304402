"""The rules for a caption's text, and how a caption is written so that pandas reads it back."""

from __future__ import annotations

import re
import unicodedata

from common.errors import InvalidInput

MAX_CAPTION_CHARS = 2000
MAX_CAPTIONS = 10  # of one image: slots 0 to 9

# What pandas' read_csv takes for a missing value by default (pandas.io.parsers, STR_NA_VALUES).
PANDAS_MISSING = frozenset(
    {
        "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
        "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
    }
)  # fmt: skip
_NO_BREAK_SPACE = "\u00a0"

# Control characters (TAB, line ends, NUL ...), Unicode's line and paragraph separators, and lone
# surrogates, which JSON can carry and UTF-8 cannot.
_BREAKS = re.compile(r"[ ]*[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+[ ]*")


def normalise_caption(text: str) -> str:
    """One line of text in Unicode's composed form (NFC), without space at its ends.

    Control characters and line breaks become one space. Normalising twice changes nothing.
    Raises InvalidInput when nothing visible is left, or more than MAX_CAPTION_CHARS characters.
    """
    caption = normalise_text(text).strip().strip("\ufeff").strip()
    plain = caption.isascii() and caption.isprintable()  # the most, at a part of the time
    if not (caption and plain) and not any(map(_is_visible, caption)):
        raise InvalidInput("the caption is empty", remedy="Type what the image shows.")
    if len(caption) > MAX_CAPTION_CHARS:
        raise InvalidInput(
            f"caption is {len(caption)} characters; the limit is {MAX_CAPTION_CHARS}",
            remedy="Shorten the caption: CLIP reads only the first 77 tokens of it.",
        )
    return caption


def normalise_text(text: str) -> str:
    """One line of text in NFC, as a part of a caption: space at its ends stays, empty is allowed."""
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", _BREAKS.sub(" ", text))


def protect_caption(caption: str) -> str:
    """The caption as it stands in a CSV file: what pandas would misread gets a space at its end.

    pandas turns the caption "NA" into a missing value and a column of "007" into the number 7,
    quoted or not. "NA " with a space at its end stays text, so does "007" with a no-break space
    (a plain one does not stop numbers). CLIP's tokeniser ignores both, they are invisible, and
    `restore_caption` takes them off again; a caption never ends in a space of its own.
    """
    if caption in PANDAS_MISSING or caption.lower() in ("true", "false"):
        return caption + " "
    return caption + _NO_BREAK_SPACE if _is_number(caption) else caption


def restore_caption(written: str) -> str:
    """The caption that `protect_caption` was given."""
    return written.strip()


def _is_visible(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) != "Cf"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
