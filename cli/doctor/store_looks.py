"""The artifact store: written, read, deleted; and whether strangers can read it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from cli.doctor.findings import Finding
from cli.doctor.place import Place
from common.errors import ClipBrowserError
from common.store.strangers import can_strangers_read

PROBE_KEY = f"doctor/probe-{os.getpid()}"
SLOW_S = 2.0


def look_at_store(place: Place) -> Iterator[Finding]:
    """An object goes there and back; nothing of it stays."""
    store, where, content = place.store, place.store.describe(), os.urandom(64)
    folder = store.local_path(PROBE_KEY)
    if folder is not None and not folder.parents[1].is_dir():
        yield Finding(
            "store", "fail", f"{where} is not there",
            "Start the service once, name its folder with --data-dir, or set CLIP_BROWSER_STORE_URL.",
        )  # fmt: skip
        return
    began = time.monotonic()
    try:
        store.check()
        store.put_bytes(PROBE_KEY, content)
        try:
            came_back = store.get_bytes(PROBE_KEY) == content
            strangers = can_strangers_read(store, PROBE_KEY)
        finally:
            store.delete(PROBE_KEY)
        gone = not store.exists(PROBE_KEY)
    except ClipBrowserError as problem:
        yield Finding("store", "fail", problem.message, problem.remedy)
        return
    took_s = time.monotonic() - began
    if not came_back or not gone:
        what = "is still there after it was deleted" if came_back else "came back as something else"
        yield Finding(
            "store", "fail", f"what was written to {where} {what}",
            "Look at the store's log; a cache in front of it must not answer for it.",
        )  # fmt: skip
    elif took_s > SLOW_S:
        yield Finding(
            "store", "warn", f"{where} took {took_s:.1f} s to write, read and delete 64 bytes",
            "Look at its load and its disks, and at the network between.",
        )  # fmt: skip
    else:
        yield Finding(
            "store", "ok", f"{where}: written, read and deleted in {took_s * 1000:.0f} ms"
        )
    if strangers:
        yield Finding(
            "store: policy", "fail", f"anybody who reaches {where} reads it, without a key",
            "Take the bucket's public policy away: the service needs none.",
        )  # fmt: skip
    elif strangers is not None:
        yield Finding("store: policy", "ok", "strangers are refused")
