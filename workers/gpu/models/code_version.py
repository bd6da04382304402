"""Which code made a model: the installed versions, and the commit where the code is a git checkout."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("clip-browser", "open_clip_torch", "torch")
ROOT = Path(__file__).parents[3]


def read_versions() -> dict[str, str]:
    """{"clip-browser": ..., "open_clip_torch": ..., "torch": ..., "commit": ... if it is known}."""
    versions = {name: version(name) for name in PACKAGES}
    commit = read_commit(ROOT)
    return {**versions, "commit": commit} if commit else versions


def read_commit(root: Path) -> str | None:
    """The hash of the commit that a checkout stands at; None when it is none. Needs no git.

    Source: gitrepository-layout(5).
    """
    try:
        folder = _git_folder(root)
        head = (folder / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref: "):
            return _as_hash(head)
        return _follow(folder, head.removeprefix("ref: "))
    except OSError:
        return None


def _git_folder(root: Path) -> Path:
    """`.git`, or what it points to in a linked work tree."""
    here = root / ".git"
    if here.is_file():
        return root / here.read_text("utf-8").strip().removeprefix("gitdir: ")
    return here


def _follow(folder: Path, ref: str) -> str | None:
    common = folder / "commondir"
    places = [folder, folder / common.read_text("utf-8").strip()] if common.is_file() else [folder]
    for place in places:
        if (place / ref).is_file():
            return _as_hash((place / ref).read_text("utf-8").strip())
        packed = place / "packed-refs"
        for line in packed.read_text("utf-8").splitlines() if packed.is_file() else ():
            if line.endswith(f" {ref}"):
                return _as_hash(line.split()[0])
    return None


def _as_hash(text: str) -> str | None:
    return text if re.fullmatch(r"[0-9a-f]{40,64}", text) else None
