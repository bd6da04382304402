"""Downloading a language model from the hub: resumed where it was cut off, with progress. No torch.

The hub's own client begins a file again when it was interrupted (huggingface_hub 2.4, `file_download.py`:
each try writes to a temporary file of its own), which for gigabytes on a slow line may never end.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import httpx

from common.augment.language_models import FALLBACK, PARTIAL, find_language_model, placement
from common.errors import LlmFailed
from workers.models.weights import hub_address, is_offline

LIST_LIMIT_S = 15.0  # with name resolution, which no client's timeout covers
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
TRIES = 6  # in a row without a byte of progress
LONGEST_PAUSE_S = 15.0
BLOCK_BYTES = 64 * 1024
SPARE_BYTES = 200 * 1000 * 1000  # that a disk should have left afterwards
WANTED = ("*.json", "*.jinja", "*.model", "*.txt", "*.safetensors")
UNWANTED = ("*/*", "consolidated*", "README*", "LICENSE*")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Report = Callable[[int, int], None]  # bytes that are here, bytes in all


@dataclass(frozen=True)
class HubFile:
    """A file of a model at one commit; `sha256` is known of large files only."""

    name: str
    url: str
    size: int
    sha256: str | None


def obtain_language_model(
    model: str,
    weights_dir: Path,
    report: Report = lambda done, total: None,
) -> Path:
    """The folder of a model named as on the hub, downloaded into `weights_dir/<model>` if need be.

    Raises LlmFailed (offline, unknown, no room, broken off again and again); what was
    downloaded is kept, and a later call goes on after it.
    """
    here = find_language_model(model, weights_dir)
    if here is not None:
        return here
    files = _list_files(model, weights_dir)
    folder = weights_dir / model
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one(folder):
            _require_room(model, folder, files)
            _fetch_all(files, folder, report)
    except OSError as problem:
        if problem.errno in FULL:
            raise _no_room(model, folder, "The disk became full during the download") from problem
        raise
    found = find_language_model(model, weights_dir)
    if found is None:
        raise LlmFailed(
            f"{model} on {hub_address()} has no weights that vLLM loads (safetensors).",
            remedy=f"Choose another language model, {FALLBACK}",
        )
    return found


def _list_files(model: str, weights_dir: Path) -> list[HubFile]:
    """The files to download, small ones first: a folder with weights then has all the rest."""
    if is_offline():
        raise _unreachable(model, weights_dir, "HF_HUB_OFFLINE is set")
    answer = _ask_hub(model)
    if answer is None:
        raise _unreachable(model, weights_dir, f"{hub_address()} does not answer")
    if answer.status_code in (401, 403, 404):
        raise LlmFailed(
            f"{hub_address()} has no model {model} that is open to everybody "
            f"(status {answer.status_code}).",
            remedy="Check its name; for a model behind a licence accept that on its page and set "
            f"HF_TOKEN; {FALLBACK}",
        )
    try:
        told = answer.raise_for_status().json()
        found = [_hub_file(model, told["sha"], entry) for entry in told["siblings"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as problem:
        raise _unreachable(model, weights_dir, f"{hub_address()}: {problem}") from problem
    return sorted((each for each in found if _is_wanted(each.name)), key=lambda each: each.size)


def _ask_hub(model: str) -> httpx.Response | None:
    """The hub's description of a model; None when it cannot be reached within LIST_LIMIT_S."""
    url = f"{hub_address()}/api/models/{model}?blobs=true"
    answers: list[httpx.Response] = []

    def ask() -> None:
        try:
            answers.append(httpx.get(url, headers=_key(), timeout=10.0, follow_redirects=True))
        except (httpx.HTTPError, httpx.InvalidURL):
            return

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(LIST_LIMIT_S)
    return answers[0] if answers else None


def _key() -> dict[str, str]:
    token = os.environ.get("HF_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _hub_file(model: str, commit: str, entry: dict[str, Any]) -> HubFile:
    name = str(entry["rfilename"])
    return HubFile(
        name,
        f"{hub_address()}/{model}/resolve/{commit}/{name}",
        int(entry.get("size") or 0),
        (entry.get("lfs") or {}).get("sha256"),
    )


def _is_wanted(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in WANTED) and not any(
        fnmatch(name, pattern) for pattern in UNWANTED
    )


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Two workers of one machine do not write the same files; the second waits, then finds them."""
    with (folder / ".download.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_all(files: list[HubFile], folder: Path, report: Report) -> None:
    total = sum(file.size for file in files)
    before = 0
    for file in files:
        path = folder / file.name

        def tell(here: int, before: int = before) -> None:
            report(before + here, total)

        if not (path.is_file() and path.stat().st_size == file.size):
            _fetch(file, path, tell)
        before += file.size
        report(before, total)


def _fetch(file: HubFile, path: Path, tell: Callable[[int], None]) -> None:
    """One file: whole under its own name, or a part under `<name>.part`."""
    part = path.with_name(path.name + PARTIAL)
    failures, problem = 0, "nothing came"
    while failures < TRIES and not (file.size and _size(part) == file.size):
        had = _size(part)
        try:
            _go_on(file, part, tell)
            if not file.size:
                break
        except httpx.HTTPError as broken:
            problem = str(broken) or type(broken).__name__
            failures = 0 if _size(part) > had else failures + 1
            time.sleep(min(2.0**failures / 2, LONGEST_PAUSE_S))
    if failures == TRIES:
        raise LlmFailed(
            f"The download of {file.name} broke off {TRIES} times in a row: {problem}",
            remedy=f"Try again: it goes on after {_size(part) / 1e6:,.0f} MB; {FALLBACK}",
        )
    _check(file, part)
    part.replace(path)


def _go_on(file: HubFile, part: Path, tell: Callable[[int], None]) -> None:
    """Ask for the bytes that are missing and append them. Raises httpx.HTTPError."""
    here = _size(part)
    headers = {
        **_key(),
        "Accept-Encoding": "identity",
        **({"Range": f"bytes={here}-"} if here else {}),
    }
    with httpx.stream(
        "GET", file.url, headers=headers, timeout=TIMEOUT, follow_redirects=True
    ) as answer:
        if answer.status_code == 416:  # what is here is more than there is
            part.unlink(missing_ok=True)
            return
        answer.raise_for_status()
        with part.open("ab" if answer.status_code == 206 else "wb") as out:
            for block in answer.iter_bytes(BLOCK_BYTES):
                out.write(block)
                tell(out.tell())


def _check(file: HubFile, part: Path) -> None:
    """Raises LlmFailed, and removes the file, when it is not what the hub described."""
    if file.sha256 is None:
        return
    with part.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != file.sha256:
        part.unlink()
        raise LlmFailed(
            f"{file.name} was damaged on its way: its SHA-256 is {digest[:12]}..., not "
            f"{file.sha256[:12]}...",
            remedy=f"Try again: the file is downloaded anew; {FALLBACK}",
        )


def _require_room(model: str, folder: Path, files: list[HubFile]) -> None:
    missing = 0
    for file in files:
        here = max(_size(folder / file.name), _size(folder / (file.name + PARTIAL)))
        missing += max(0, file.size - here)
    if missing and shutil.disk_usage(folder).free < missing + SPARE_BYTES:
        raise _no_room(model, folder, f"{missing / 1e9:,.1f} GB are still to be downloaded")


def _no_room(model: str, folder: Path, what: str) -> LlmFailed:
    free_gb = shutil.disk_usage(folder).free / 1e9
    return LlmFailed(
        f"There is no room for the language model {model}: {what}, and {free_gb:,.1f} GB are free "
        f"in {folder}.",
        remedy="Free disk space there and resume the job (the download goes on where it was), choose "
        f"a smaller model, {FALLBACK}",
    )


def _unreachable(model: str, weights_dir: Path, why: str) -> LlmFailed:
    return LlmFailed(
        f"The language model {model} is not on this machine and cannot be downloaded: {why}.",
        remedy=f"Check the internet connection, then run `make llm`. Without one: "
        f"{placement(model, weights_dir)}, {FALLBACK}",
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
