"""Backing up a service, looking a backup over, and filling an empty service from one.

They work beside the service with its settings: its database and its store, not its API.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from cli.backup.progress import Progress
from cli.jobs.params import Misuse
from cli.people.database import read_settings
from cli.stack.preconditions import hold_data_dir, prepare_data_dir
from cli.terminal import open_console, table
from common.db.engine import open_engine, session_factory
from common.errors import ClipBrowserError, NotFound
from common.file_modes import keep_private
from common.settings import Settings

if TYPE_CHECKING:
    from common.backup.manifest import Manifest
    from common.backup.restoring import Restored
    from common.backup.verifying import Verdict

Parsers = Any  # argparse's subparsers action has no public type
SHOWN = 20
MIB = 1024 * 1024
SECRET_WORD = (
    "The secret key is not in a backup. Without the one of the service that was backed up, "
    "people sign in anew, and {count} second factor{s} have to be reset (clip-browser user reset-2fa)."
)


def add_parsers(parsers: Parsers) -> None:
    """Add `backup` and `restore`."""
    backup = parsers.add_parser(
        "backup",
        help="back up database and files while people work; list and verify backups",
        description="Backs up the service whose settings are in the environment, or in --data-dir. OUT is a folder, a "
        "bucket (s3://KEY:SECRET@HOST/BUCKET) or a new .zip. A folder or a bucket takes one backup after the other, "
        "and each copies only what is not there yet. 'backup verify OUT' reads all of it over, 'backup list OUT' shows "
        "what is there.",
    )
    backup.add_argument("words", nargs="+", metavar="[verify|list] OUT")
    backup.add_argument(
        "--keep",
        type=_count,
        metavar="N",
        help="keep the newest N backups there, remove older ones",
    )
    backup.set_defaults(run=_backup)
    restore = parsers.add_parser(
        "restore",
        help="fill an empty service from a backup",
        description="Fills the empty database and store of the settings in the environment, or a new --data-dir, "
        "whatever kind the service was that was backed up. Nothing may run there meanwhile.",
    )
    restore.add_argument("source", metavar="IN")
    restore.add_argument(
        "--backup", metavar="NAME", help="not the newest one; as 'backup list' shows it"
    )
    restore.set_defaults(run=_restore)
    for each in (backup, restore):
        each.add_argument(
            "--data-dir",
            type=Path,
            metavar="DIR",
            help="data folder of 'clip-browser up' (default ./data)",
        )
        each.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
        )


def _count(text: str) -> int:
    """Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**6):
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 on")
    return int(text)


def _backup(arguments: argparse.Namespace) -> int:
    words = arguments.words
    if len(words) == 1:
        return _make(arguments, words[0])
    if len(words) == 2 and words[0] in ("verify", "list"):
        return {"verify": _verify, "list": _list}[words[0]](arguments, words[1])
    raise Misuse(
        f"'backup {' '.join(words)}' is none of its forms.",
        remedy="clip-browser backup OUT, backup verify OUT, backup list OUT",
    )


def _make(arguments: argparse.Namespace, target: str) -> int:
    from common.backup.making import make_backup

    settings = _settings(arguments)
    with _progress() as report:
        manifest, figures = make_backup(settings, target, keep=arguments.keep, report=report)
    human = (
        f"Backup {manifest.name}: {figures['rows']:,} rows, {figures['artifacts']:,} files of "
        f"{_size(figures['size_bytes'])}, of which {figures['new_objects']:,} ({_size(figures['new_bytes'])}) were "
        f"new there, in {figures['took_s']:g} s."
    )
    if removed := figures.get("removed"):
        human += f"\n{removed} older one{'s' if removed > 1 else ''} removed."
    human += _listed("The store had lost", manifest.missing)
    human += _listed("Not what they were, by their own names", manifest.damaged)
    _answer(arguments, {"backup": manifest.name, **figures, **_faults(manifest)}, human)
    return 0


def _faults(manifest: Manifest) -> dict[str, list[str]]:
    return {"missing_files": manifest.missing, "damaged_files": manifest.damaged}


def _verify(arguments: argparse.Namespace, source: str) -> int:
    from common.backup.places import open_source
    from common.backup.verifying import verify

    place = open_source(source)
    with _progress() as report:
        verdict = verify(place, report)
    backups = len(verdict.names)
    _note_verified(arguments, verdict)
    looked_at = (
        f"{backups} backup{'s' if backups != 1 else ''}, {verdict.objects:,} contents of "
        f"{_size(verdict.size_bytes)}: "
    )
    faults = [f"{name} {fault}" for name, fault in sorted(verdict.wrong.items())]
    human = looked_at + ("all is as it was written." if not faults else "not whole.")
    value = {
        "backups": backups, "objects": verdict.objects, "size_bytes": verdict.size_bytes,
        "wrong": verdict.wrong,
    }  # fmt: skip
    _answer(arguments, value, human + _listed("Wrong", faults))
    return 1 if faults else 0


def _note_verified(arguments: argparse.Namespace, verdict: Verdict) -> None:
    """In the service's own rows, for the dashboard, where that service is: a place can be read over anywhere."""
    from common.backup.lease import note_verified

    with suppress(ClipBrowserError, SQLAlchemyError):
        engine = open_engine(_settings(arguments).database)
        note_verified(session_factory(engine), verdict.names, len(verdict.wrong))
        engine.dispose()


def _list(arguments: argparse.Namespace, source: str) -> int:
    from common.backup.manifest import read_manifests
    from common.backup.places import open_source

    found = read_manifests(open_source(source))
    rows = [
        [
            each.name, each.created_at[:19].replace("T", " "), each.app_version, each.revision,
            f"{sum(part.count for part in each.tables.values()):,}", f"{each.objects.count:,}",
            len(each.missing) or "",
        ]
        for each in found
    ]  # fmt: skip
    columns = ["backup", "at (UTC)", "version", "schema", "rows", "files", "missing"]
    value = [
        {"backup": each.name, "created_at": each.created_at, "revision": each.revision}
        for each in found
    ]
    if getattr(arguments, "json", False):
        print(json.dumps(value, indent=2))
    else:
        open_console().print(table(columns, rows, right=columns[4:]))
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from common.backup.restoring import restore_backup

    settings = _settings(arguments, may_be_new=True)
    keep_private(settings.data_dir, settings.database)
    with _alone(settings), _progress() as report:
        restored = restore_backup(settings, arguments.source, name=arguments.backup, report=report)
    _answer(arguments, _facts(restored), _told(restored))
    return 1 if restored.lost else 0


def _facts(restored: Restored) -> dict[str, Any]:
    return {
        "backup": restored.manifest.name, "rows": restored.rows, "artifacts": restored.artifacts,
        "size_bytes": restored.size_bytes, "jobs_again": restored.jobs_again, "lost": restored.lost,
        "missing_files": restored.manifest.missing,
    }  # fmt: skip


def _told(restored: Restored) -> str:
    told = (
        f"Restored {restored.manifest.name}: {restored.rows:,} rows, {restored.artifacts:,} files "
        f"({_size(restored.size_bytes)} copied now)."
    )
    if restored.jobs_again:
        told += f"\n{restored.jobs_again} jobs that ran then wait to be done again."
    if restored.second_factors:
        plural = "s" if restored.second_factors > 1 else ""
        told += "\n" + SECRET_WORD.format(count=restored.second_factors, s=plural)
    told += _listed("Missing already when it was backed up", restored.manifest.missing)
    return told + _listed("Not restored, as the backup has lost them", restored.lost)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """While nobody runs `up` in the data folder, where the data are there. Raises AlreadyRunning."""
    if settings.database_url and settings.store_url:
        yield
        return
    with hold_data_dir(prepare_data_dir(settings.data_dir)):
        yield


def _settings(arguments: argparse.Namespace, may_be_new: bool = False) -> Settings:
    """Raises NotFound where there is no database to back up."""
    settings = read_settings(arguments.data_dir)
    url = make_url(settings.database)
    there = url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()
    if not there and not may_be_new:
        raise NotFound(
            f"There is no database {url.database}.",
            remedy="Name the data folder with --data-dir, or set CLIP_BROWSER_DATABASE_URL.",
        )
    return settings


@contextmanager
def _progress() -> Iterator[Progress]:
    progress = Progress()
    try:
        yield progress
    finally:
        progress.close()


def _listed(title: str, names: list[str]) -> str:
    if not names:
        return ""
    lines = [f"\n{title}: {len(names):,}", *(f"  {name}" for name in names[:SHOWN])]
    if len(names) > SHOWN:
        lines.append(f"  and {len(names) - SHOWN:,} more (--json lists them)")
    return "\n".join(lines)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / MIB:,.1f} MiB"


def _answer(arguments: argparse.Namespace, value: dict[str, Any], human: str) -> None:
    if getattr(arguments, "json", False):
        print(json.dumps(value, ensure_ascii=False, indent=2), flush=True)
    else:
        open_console().print(human, soft_wrap=True)
