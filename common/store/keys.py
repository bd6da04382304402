"""Which keys an artifact may have: those that mean the same in a folder, in S3 and in a URL."""

from __future__ import annotations

from common.errors import InvalidInput

MAX_KEY_BYTES = 1024  # S3's limit, UTF-8 encoded
MAX_PART_BYTES = 255  # the limit of a file name on ext4, XFS, APFS and NTFS
TEMPORARY_PREFIX = ".tmp-"  # names of unfinished local files


def check_key(key: str) -> str:
    """The key itself. Raises InvalidInput unless it is relative, '/'-separated and printable.

    Refused: '', '/a', 'a/', 'a//b', '.', '..', backslashes, control and invisible characters,
    a space at either end of a part, parts over 255 bytes, keys over 1024 bytes.
    """
    fault = key_fault(key)
    if fault:
        raise InvalidInput(
            f"artifact key {_shown(key)} {fault}",
            remedy="Use a relative path such as 'datasets/cats/index.csv'.",
        )
    return key


def check_folder(prefix: str) -> str:
    """The prefix without a slash at its end; '' is the whole store. Raises InvalidInput."""
    folder = prefix.removesuffix("/") if prefix != "/" else prefix
    return check_key(folder) if folder else ""


def key_fault(key: str) -> str | None:
    """What is wrong with a key, as the end of a sentence; None when nothing is."""
    if not key:
        return "is empty"
    if "\\" in key:
        return "has a backslash"
    if not key.isprintable():
        return "has a control or invisible character"
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"is {len(key.encode())} bytes long; the limit is {MAX_KEY_BYTES}"
    return next(filter(None, map(_part_fault, key.split("/"))), None)


def _part_fault(part: str) -> str | None:
    if not part:
        return "starts or ends with '/' or has an empty part"
    if part in (".", ".."):
        return f"has the part '{part}'"
    if part != part.strip(" "):
        return "has a space at the start or end of a part"
    if part.startswith(TEMPORARY_PREFIX):
        return f"has a part that starts with '{TEMPORARY_PREFIX}', kept for unfinished files"
    if len(part.encode()) > MAX_PART_BYTES:
        return f"has a part of {len(part.encode())} bytes; the limit is {MAX_PART_BYTES}"
    return None


def _shown(key: str) -> str:
    return ascii(key if len(key) <= 120 else f"{key[:120]}...")
