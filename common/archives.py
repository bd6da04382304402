"""Read zip archives that strangers made: entry by entry, each unsafe one refused alone."""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from common.errors import InvalidInput

_MIB = 1024 * 1024
_CHUNK_BYTES = _MIB
_END_RECORD = struct.Struct("<4s4H2LH")  # APPNOTE.TXT 4.3.16
_END64_LOCATOR = struct.Struct("<4sLQL")  # 4.3.15
_END64_RECORD = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_ARCHIVE_SUFFIXES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")
_UNREADABLE = (  # what `zipfile` raises for damaged data
    zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
_ORDINARY = re.compile(r"(?=.{1,500}$)[\w-][\w .+()=,-]*(?:/[\w-][\w .+()=,-]*)*", re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # Unicode's Cc and Cs
_SYSTEM_FILES = {"__macosx", "thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class ArchiveLimits:
    """Bounds of what is taken from one archive. ratio: unpacked size through packed size."""

    max_entry_bytes: int = 64 * _MIB
    max_total_bytes: int = 16 * 1024 * _MIB
    max_entries: int = 50_000
    max_ratio: int = 200
    max_directory_bytes: int = 16 * _MIB


@dataclass(frozen=True)
class ArchiveEntry:
    """One file of an archive: its data, or the reason why it was refused (data is then empty)."""

    name: str
    data: bytes = b""
    reason: str = ""


def read_archive(source: Path | BinaryIO, limits: ArchiveLimits) -> Iterator[ArchiveEntry]:
    """Yield the files of a zip in its order, one in memory at a time.

    Folders, hidden files and the notes of operating systems are left out without a word. Paths
    that leave the archive, links, encrypted or damaged entries, archives inside, doubled names
    and whatever passes a limit come with a reason. Raises InvalidInput when the file as a whole
    is no readable zip.
    """
    with _open(source, limits) as archive:
        yield from _read_entries(archive, limits)


def count_entries(source: Path | BinaryIO, limits: ArchiveLimits) -> int:
    """How many entries `read_archive` will yield at most. Raises InvalidInput as it does."""
    with _open(source, limits) as archive:
        kept = sum(
            not (info.is_dir() or _is_hidden(_clean_name(info))) for info in archive.infolist()
        )
        return min(kept, limits.max_entries + 1)


def list_names(source: Path, limits: ArchiveLimits) -> list[str]:
    """The paths of a zip's files as `safe_name` gives them, hidden files left out.

    Raises InvalidInput when it is no readable zip, has too many files, or one with an unsafe path.
    """
    with _open(source, limits) as archive:
        names = [_clean_name(info) for info in archive.infolist() if not info.is_dir()]
    shown = [name for name in names if not _is_hidden(name)]
    if len(shown) > limits.max_entries:
        raise InvalidInput(f"the zip has {len(shown):,} files; the limit is {limits.max_entries:,}")
    return [_named_safely(name) for name in shown]


def unpack_file(source: Path, name: str, target: Path, limits: ArchiveLimits) -> None:
    """Write one file of a zip to `target`, streamed. name: as `list_names` gives it.

    Raises InvalidInput when it is not there, unsafe, damaged, or over a limit; OSError
    when the target cannot be written.
    """
    with _open(source, limits) as archive:
        found = [
            info for info in archive.infolist()
            if not info.is_dir() and _named_safely(_clean_name(info)) == name
        ]  # fmt: skip
        if len(found) != 1:
            raise InvalidInput(f"the zip holds {len(found)} files of the name {name}")
        _check_entry(found[0], name, set(), limits)
        with target.open("wb") as out:
            pieces = _pieces(archive, found[0], limits)
            while piece := _next_piece(pieces, name):
                out.write(piece)


def _next_piece(pieces: Iterator[bytes], name: str) -> bytes:
    try:
        return next(pieces, b"")
    except _UNREADABLE as error:
        raise InvalidInput(
            f"{name} is damaged inside the zip: {error}", remedy="Pack the files again."
        ) from error


def _named_safely(name: str) -> str:
    try:
        return safe_name(name)
    except InvalidInput as problem:
        raise InvalidInput(f"{name[:100]!r}: {problem.message}", remedy=problem.remedy) from problem


def safe_name(name: str) -> str:
    """A relative path with '/' between its parts, in Unicode's composed form.

    Raises InvalidInput when the path is absolute, leaves its folder or holds control characters.
    """
    if _ORDINARY.fullmatch(name):  # the most, at a part of the time
        return name
    path = unicodedata.normalize("NFC", name.replace("\\", "/"))
    if path.startswith("/") or re.match(r"[A-Za-z]:/", path):
        raise InvalidInput("the path is absolute", remedy="Use paths inside the folder.")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise InvalidInput("the path leaves the folder", remedy="Use paths without '..'.")
    if not parts or _CONTROLS.search(path):
        raise InvalidInput("the name is empty or has control characters", remedy="Rename the file.")
    if len(path) > 500:
        raise InvalidInput(
            f"the path is {len(path)} characters; the limit is 500", remedy="Rename the file."
        )
    return "/".join(parts)


def _open(source: Path | BinaryIO, limits: ArchiveLimits) -> zipfile.ZipFile:
    try:
        _check_directory_size(source, limits)
        return zipfile.ZipFile(source)
    except _UNREADABLE as error:
        raise InvalidInput(
            f"the archive cannot be read: {error}",
            remedy="Pack the files again as an ordinary zip.",
        ) from error


def _check_directory_size(source: Path | BinaryIO, limits: ArchiveLimits) -> None:
    """Refuse a list of contents too large for memory; `zipfile` reads all of it when it opens."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            size_bytes = _directory_size(file)
    else:
        size_bytes = _directory_size(source)
    if size_bytes > limits.max_directory_bytes:
        raise InvalidInput(
            f"the archive's list of files is {size_bytes} bytes; "
            f"the limit is {limits.max_directory_bytes}",
            remedy=f"Send zips of at most {limits.max_entries} files.",
        )


def _directory_size(file: BinaryIO) -> int:
    """Bytes of the central directory, from the end record, or from the zip64 one before it."""
    end = file.seek(0, 2)
    start = file.seek(max(0, end - _END_RECORD.size - 65535))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + _END_RECORD.size > len(tail):
        raise zipfile.BadZipFile("it has no end record, so it is cut short or not a zip")
    size = int(_END_RECORD.unpack_from(tail, at)[5])
    if start + at < _END64_LOCATOR.size + _END64_RECORD.size:
        return size
    file.seek(start + at - _END64_LOCATOR.size - _END64_RECORD.size)
    before = file.read(_END64_LOCATOR.size + _END64_RECORD.size)
    file.seek(0)
    if before[:4] == b"PK\6\6" and before[_END64_RECORD.size :][:4] == b"PK\6\7":
        return max(size % 0xFFFFFFFF, int(_END64_RECORD.unpack_from(before)[8]))
    return size


def _read_entries(archive: zipfile.ZipFile, limits: ArchiveLimits) -> Iterator[ArchiveEntry]:
    seen: set[str] = set()
    total_bytes = 0
    for info in archive.infolist():
        name = _clean_name(info)
        if info.is_dir() or _is_hidden(name):
            continue
        if len(seen) >= limits.max_entries:
            yield ArchiveEntry(name, reason=f"over the limit of {limits.max_entries} files in one "
                               "zip; this file and all after it were left out")  # fmt: skip
            return
        if total_bytes >= limits.max_total_bytes:
            yield ArchiveEntry(name, reason=f"over the limit of {limits.max_total_bytes // _MIB} "
                               "MiB unpacked; this file and all after it were left out")  # fmt: skip
            return
        entry = _read_entry(archive, info, name, seen, limits)
        total_bytes += len(entry.data)
        seen.add(entry.name)
        yield entry


def _read_entry(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    name: str,
    seen: set[str],
    limits: ArchiveLimits,
) -> ArchiveEntry:
    try:
        name = safe_name(name)
        _check_entry(info, name, seen, limits)
        return ArchiveEntry(name, data=_unpack(archive, info, limits))
    except InvalidInput as error:
        return ArchiveEntry(name, reason=error.message)
    except _UNREADABLE as error:
        return ArchiveEntry(name, reason=f"damaged inside the zip: {error}")


def _check_entry(info: zipfile.ZipInfo, name: str, seen: set[str], limits: ArchiveLimits) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise InvalidInput("it is a link or a special file, not a file")
    if name in seen:
        raise InvalidInput("the zip holds another file of this name")
    if info.flag_bits & 0x1:
        raise InvalidInput("it is encrypted; pack it without a password")
    if name.lower().endswith(_ARCHIVE_SUFFIXES):
        raise InvalidInput("it is an archive inside the archive; unpack it first")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InvalidInput("it is packed by a method other than ordinary zip")
    if info.file_size > limits.max_entry_bytes:
        raise InvalidInput(_too_large(info.file_size, limits))
    if info.file_size > _MIB and info.file_size > limits.max_ratio * max(1, info.compress_size):
        raise InvalidInput(
            f"it unpacks to {info.file_size // max(1, info.compress_size)} times its size; "
            f"the limit is {limits.max_ratio} (a zip bomb?)"
        )


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: ArchiveLimits) -> bytes:
    data = b"".join(_pieces(archive, info, limits))
    if data[:4] in (b"PK\3\4", b"Rar!", b"7z\xbc\xaf"):
        raise InvalidInput("it is an archive inside the archive; unpack it first")
    return data


def _pieces(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: ArchiveLimits
) -> Iterator[bytes]:
    """An entry's data by pieces, so that one larger than it claims is stopped."""
    size_bytes = 0
    with archive.open(info) as file:
        while piece := file.read(_CHUNK_BYTES):
            size_bytes += len(piece)
            if size_bytes > limits.max_entry_bytes:
                raise InvalidInput(_too_large(size_bytes, limits))
            yield piece


def _too_large(size_bytes: int, limits: ArchiveLimits) -> str:
    return f"{size_bytes / _MIB:.1f} MiB; the limit for one file is {limits.max_entry_bytes // _MIB} MiB"


def _clean_name(info: zipfile.ZipInfo) -> str:
    """The entry's name; macOS writes UTF-8 without saying so, which `zipfile` reads as cp437."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _is_hidden(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return hidden or any(part.lower() in _SYSTEM_FILES for part in parts)
