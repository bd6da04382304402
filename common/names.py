"""Names of people: which may be chosen, and which look like another.

What looks alike is told by Unicode's table of confusable characters (UTS #39), by way of
confusable-homoglyphs: a Cyrillic `а` like an `a`, `rn` like `m`, `0` like `O`.
"""

from __future__ import annotations

import functools
import unicodedata
from itertools import chain

from common.errors import InvalidInput

MAX_KEY = 320
# Printable for Python, and yet nothing is seen of them: of Unicode's Default_Ignorable_Code_Point those that
# are no control characters, and the blank of Braille.
_UNSEEN = frozenset(
    chain(
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        range(0x180B, 0x1810),
        range(0xFE00, 0xFE10),
        range(0xE0100, 0xE01F0),
    )
)
# What stands for somebody else in this service, or for the service: `by=me`, "everyone", "the service".
_RESERVED = (
    "me", "you", "everyone", "everybody", "anyone", "anybody", "nobody", "someone", "somebody",
    "all", "none", "null", "unknown", "deleted", "removed", "former", "guest", "anonymous",
    "admin", "admins", "administrator", "administrators", "root", "superuser", "sysadmin",
    "system", "service", "support", "security", "moderator", "owner", "clip browser", "clipbrowser",
)  # fmt: skip


def name_key(name: str) -> str:
    """What names that look alike have in common: stored beside a name, and unique. At most MAX_KEY characters."""
    return _skeleton(unicodedata.normalize("NFKC", name).casefold())[:MAX_KEY]


def looks(name: str) -> frozenset[str]:
    """Two names look alike when these have something in common.

    Beside the key that of the name as it is written: a large `I` is like an `l`, a small one is not.
    """
    return frozenset([name_key(name), _skeleton(unicodedata.normalize("NFKC", name))[:MAX_KEY]])


def require_choosable(name: str) -> str:
    """The name as it is to be stored (NFC). Raises InvalidInput for one that nobody may have."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name or not name.isprintable() or _UNSEEN.intersection(map(ord, name)):
        raise _refused(name, "has characters that are not seen")
    if "  " in name or any(char.isspace() and char != " " for char in name):
        raise _refused(name, "has spaces that are not seen to be there")
    if len(name) > 80:
        raise _refused(name, "is longer than 80 characters")
    if not any(char.isalnum() for char in name) or unicodedata.combining(name[0]):
        raise _refused(name, "has no letter or figure")
    letters = "".join(filter(str.isalpha, name_key(name)))  # `admin 2`
    if looks(name) & _reserved() or (len(letters) > 3 and letters in _reserved()):
        raise _refused(name, "stands for the service or for anybody")
    return name


def _refused(name: str, why: str) -> InvalidInput:
    return InvalidInput(f"Nobody can be called {name[:80]!r}: it {why}.", remedy="Choose another.")


@functools.cache
def _reserved() -> frozenset[str]:
    return frozenset(key for name in _RESERVED for key in looks(name))


def _skeleton(text: str) -> str:
    """UTS #39, section 4, and in small letters, without what is not seen."""
    table = _prototypes()
    decomposed = unicodedata.normalize("NFD", text)
    shown = "".join(table.get(char, char) for char in decomposed)
    kept = "".join(
        char for char in shown if unicodedata.category(char) != "Cf" and ord(char) not in _UNSEEN
    )
    return " ".join(unicodedata.normalize("NFD", kept).casefold().split())


@functools.cache
def _prototypes() -> dict[str, str]:
    """Of each character that looks like others the one that stands for them all.

    The library holds the table in both directions: a character beside its prototype alone, and a prototype
    beside all that look like it.
    """
    from confusable_homoglyphs.confusables import confusables_data  # 60 ms, for who needs it

    found = {}
    for char, others in confusables_data.items():
        if len(others) != 1 or len(char) != 1:
            continue
        prototype = others[0]["c"]
        is_pair = [each["c"] for each in confusables_data.get(prototype, [])] == [char]
        found[char] = min(char, prototype) if is_pair else prototype
    return found
