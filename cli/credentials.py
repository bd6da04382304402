"""Which CLIP Browser to talk to, and as whom.

Address and token come from, in this order: the command line, CLIP_BROWSER_URL and
CLIP_BROWSER_TOKEN, the running embedded stack's `cli.json` in the data folder, an earlier
`clip-browser login`. A token that was found is sent to the address it was found with and to no other.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:8000"
EMBEDDED_FILE = "cli.json"


@dataclass(frozen=True)
class Access:
    """An address without a slash at its end, and a token ("" for none)."""

    url: str
    token: str


def find_access(url: str | None, token: str | None, data_dir: Path | None) -> Access:
    """The access to use; each argument is what the command line said, or None."""
    url = url or os.environ.get("CLIP_BROWSER_URL") or None
    token = token or os.environ.get("CLIP_BROWSER_TOKEN") or None
    folder = data_dir or Path(os.environ.get("CLIP_BROWSER_DATA_DIR") or "data")
    known = [*_read(folder / EMBEDDED_FILE), *reversed(_read(_logins_file()))]
    wanted = _bare(url) if url else (known[0].url if known else DEFAULT_URL)
    if token:
        return Access(wanted, token)
    return next((access for access in known if access.url == wanted), Access(wanted, ""))


def remember_login(access: Access) -> Path:
    """Keep a token for later calls, readable by this user alone; the file."""
    path = _logins_file()
    others = [kept for kept in _read(path) if kept.url != access.url]
    lines = [{"url": kept.url, "token": kept.token} for kept in [*others, access]]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(lines, file)
    part.replace(path)
    return path


def _logins_file() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "clip-browser" / "logins.json"


def _read(path: Path) -> list[Access]:
    """What a file holds, one access or a list of them; nothing when it cannot be read."""
    try:
        found = json.loads(path.read_text("utf-8"))
        entries = found if isinstance(found, list) else [found]
        return [Access(_bare(entry["url"]), str(entry["token"])) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _bare(url: str) -> str:
    return (url if "://" in url else f"http://{url}").rstrip("/")
