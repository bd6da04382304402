"""Published weights: found on this machine, or downloaded when the network allows. No torch."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from common.errors import NotFound
from common.models.catalogue import HUB_FILES, find_weights, get_tag, placement_remedy

PROBE_TIMEOUT_S = 5.0
PROBE_LIMIT_S = 10.0  # with name resolution, which no client's timeout covers


def obtain_weights(
    model: str, tag: str, weights_dir: Path, log: Callable[[str], None] = lambda _: None
) -> Path:
    """The file with these weights, downloaded if it has to be.

    Raises NotFound within about 10 s when they are not here and the hub cannot be reached; the
    remedy says where to place them.
    """
    here = find_weights(model, tag, weights_dir)
    if here is not None:
        return here
    repo = get_tag(model, tag).hub_repo
    remedy = placement_remedy(model, tag, weights_dir)
    file = reachable_file(repo, HUB_FILES)
    if file is None:
        raise NotFound(
            f"The weights {model}/{tag} are not on this machine and cannot be downloaded: "
            "huggingface.co is not reachable.",
            remedy=remedy,
        )
    log(f"Downloading {file} of {repo} ...")
    return _download(repo, file, remedy)


def reachable_file(repo: str, names: Sequence[str]) -> str | None:
    """The first of these files that the hub offers; None when the hub cannot be reached."""
    if is_offline():
        return None
    found: list[str] = []
    probe = threading.Thread(target=_probe, args=(repo, names, found), daemon=True)
    probe.start()
    probe.join(PROBE_LIMIT_S)
    return found[0] if found else None


def is_offline() -> bool:
    """Whether the hub's own variable forbids to ask it."""
    return os.environ.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on")


def hub_address() -> str:
    """The hub, or the mirror that its own variable names."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _probe(repo: str, names: Sequence[str], found: list[str]) -> None:
    host = hub_address()
    for name in names:
        try:
            answer = httpx.head(f"{host}/{repo}/resolve/main/{name}", timeout=PROBE_TIMEOUT_S)
        except (httpx.HTTPError, httpx.InvalidURL):
            return
        if answer.status_code < 400:
            found.append(name)
            return


def _download(repo: str, file: str, remedy: str) -> Path:
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "15")
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repo, file))
    except Exception as problem:  # the hub client raises many kinds; all mean the same here
        raise NotFound(
            f"Downloading {file} of {repo} failed: {problem}", remedy=remedy
        ) from problem
