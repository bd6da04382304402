"""A store that takes connections and never answers holds up no caption."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from cli.stack.embedded import _stack_processes
from common.datasets.changes import QUIET_S
from common.db.tables import Dataset, Image
from common.messaging.broker import CAPTIONS, SAVE_CAPTIONS
from common.settings import as_environment
from tests.workers.conftest import open_backstage, wait_until
from workers.runtime.beat import CSV_EVERY_S

SAVED_WITHIN_S = 5.0  # the store's own patience is 20 s and more

LASTING = {"lease_s": 30.0, "reap_every_s": 5.0}  # as a fleet wants them


def test_captions_are_saved_while_the_store_hangs(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        store = f"s3://key:secret@127.0.0.1:{hanging.getsockname()[1]}/bucket?secure=0"
        with open_backstage(tmp_path, "", store_url=store, **LASTING) as stage:
            with stage.services.sessions() as session:
                session.add(Dataset(id="cats", name="Cats", created_by="ada", defaults={}))
                session.flush()
                session.add(
                    Image(
                        id=1, dataset_id="cats", sha256=f"{1:064x}", ext="png", width=1, height=1,
                        size_bytes=1, filename="1.png", phash="0",
                    )
                )  # fmt: skip
            (stage.settings.data_dir / "logs").mkdir()
            [_, workers] = _stack_processes(stage.settings, gpu_workers=0)
            fleet = subprocess.Popen(workers.command, env=as_environment(stage.settings))
            try:
                key = "clip-browser:worker:captions@*"
                wait_until(lambda: stage.services.queue.redis.keys(key), 60, "the worker's start")
                hanging.settimeout(30)
                asked, _ = hanging.accept()  # somebody waits for the store from here on
                took_s = []
                for base in range(4):
                    began = time.monotonic()
                    save = {"image_id": 1, "text": f"text {base}", "base_revision": base,
                            "client_id": f"c{base}", "author": "ada"}  # fmt: skip
                    stage.services.queue.send(SAVE_CAPTIONS, [[save], f"c{base}"], CAPTIONS)
                    answer = stage.services.replies.wait(f"c{base}", 60)
                    assert answer is not None
                    took_s.append(time.monotonic() - began)
                    if base == 0:
                        time.sleep(QUIET_S + 2 * CSV_EVERY_S)  # index.csv is asked for as well
                assert max(took_s) < SAVED_WITHIN_S, took_s
                asked.close()
            finally:
                fleet.kill()  # and with it, by the kernel, all that it has forked
                fleet.wait(10)
