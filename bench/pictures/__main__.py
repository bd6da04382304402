"""Pictures through the API, and past it by signed links: `python -m bench.pictures --images 100 --rounds 3`.

Two services on the same database and S3 server, one with CLIP_BROWSER_STORE_PUBLIC_URL. Eight clients fetch all thumbnails and
all originals, as a browser that has none of them yet, from one and the other in turn.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import statistics
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil
from PIL import Image as Pillow

from common.db.rows import insert_rows
from common.db.tables import Dataset, Image
from common.settings import Settings, load_settings
from tests.api.conftest import PASSWORD, Service
from tests.api.serving import running
from tests.server_programs import s3_kinds
from tests.servers import S3_SERVERS, free_port, redis_server, server_folder

CLIENTS = 8
WIDTH, HEIGHT, THUMB_SIDE = 1600, 1200, 320
KINDS = ("thumb", "file")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    words = parser.parse_args()
    with ExitStack() as stack:
        folder, of_s3 = (stack.enter_context(server_folder()) for _ in range(2))
        redis = stack.enter_context(redis_server(folder))
        kind = s3_kinds()[0]
        s3 = stack.enter_context(S3_SERVERS[kind](of_s3))
        public = f"http://127.0.0.1:{urlsplit(s3.url).port}"
        through = _settings(folder, redis.url, s3.url, "")
        past = _settings(folder, redis.url, s3.url, public)
        service = Service(through, folder / "none")
        shas, sizes = fill(service, words.images)
        print(f"S3 by {kind}; {words.images} images, bytes of each: {sizes}", flush=True)
        served = {
            "through the API": (through, stack.enter_context(running(through)).pid),
            "by signed links": (past, stack.enter_context(running(past)).pid),
        }
        measure(served, service.admin_token, shas, words.rounds)


def _settings(folder: Path, redis: str, store: str, public: str) -> Settings:
    return load_settings(
        data_dir=folder, redis_url=redis, secret_key="a secret of the bench", port=free_port(),
        admin_password=PASSWORD, store_url=store, store_public_url=public,
        database_url=f"sqlite:///{folder}/bench.db",
    )  # fmt: skip


def fill(service: Service, images: int) -> tuple[list[str], dict[str, int]]:
    """Photograph-sized JPEGs with thumbnails; (their SHA-256, bytes of one of each kind)."""
    rows, sizes = [], {}
    for number in range(images):
        rng = np.random.default_rng(number)
        coarse = rng.integers(0, 255, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
        picture = Pillow.fromarray(coarse).resize((WIDTH, HEIGHT), Pillow.Resampling.BICUBIC)
        data, thumb = io.BytesIO(), io.BytesIO()
        picture.save(data, "JPEG", quality=90)
        picture.resize((THUMB_SIDE, THUMB_SIDE * HEIGHT // WIDTH)).save(thumb, "WEBP")
        sha256 = hashlib.sha256(data.getvalue()).hexdigest()
        image = Image(dataset_id="d", sha256=sha256, ext="jpg")
        service.services.store.put_bytes(image.key, data.getvalue(), "image/jpeg")
        service.services.store.put_bytes(image.thumb_key, thumb.getvalue(), "image/webp")
        sizes = {"thumb": len(thumb.getvalue()), "file": len(data.getvalue())}
        rows.append(
            {
                "id": number + 1, "dataset_id": "d", "sha256": sha256, "ext": "jpg",
                "filename": f"{number}.jpg", "width": WIDTH, "height": HEIGHT,
                "size_bytes": len(data.getvalue()), "phash": f"{number:016x}",
            }
        )  # fmt: skip
    with service.services.sessions() as session:
        session.add(Dataset(id="d", name="Pictures", created_by="bench", defaults={}))
        insert_rows(session, Image, rows)
    return [str(row["sha256"]) for row in rows], sizes


def measure(
    served: dict[str, tuple[Settings, int]], token: str, shas: list[str], rounds: int
) -> None:
    """Print the median of the rounds for each kind and way; the first round, which warms both, is not counted."""
    rates, cpu_ms = defaultdict(list), defaultdict(list)
    for turn in range(rounds + 1):
        for kind in KINDS:
            for way, (settings, pid) in served.items():
                before, began = _cpu_s(pid), time.monotonic()
                fetch_all(settings.address, token, kind, shas)
                took_s = time.monotonic() - began
                if turn:
                    rates[kind, way].append(len(shas) / took_s)
                    cpu_ms[kind, way].append(1000 * (_cpu_s(pid) - before) / len(shas))
    for kind, way in rates:
        print(
            f"{kind:6} {way:16} {statistics.median(rates[kind, way]):7.1f} a second, "
            f"{statistics.median(cpu_ms[kind, way]):6.2f} ms of the API's processor each"
        )


def fetch_all(address: str, token: str, kind: str, shas: list[str]) -> None:
    """Each picture once, by eight clients that keep their connections; links are followed."""
    numbers = count()

    def client() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(headers=headers, follow_redirects=True, timeout=60) as http:
            while (number := next(numbers)) < len(shas):
                url = f"{address}/api/v1/images/{number + 1}/{kind}?v={shas[number]}"
                answer = http.get(url)
                assert answer.status_code == 200, answer.text

    with ThreadPoolExecutor(CLIENTS) as pool:
        for each in [pool.submit(client) for _ in range(CLIENTS)]:
            each.result()


def _cpu_s(pid: int) -> float:
    """Of a service's processes, so far."""
    parent = psutil.Process(pid)
    times = [each.cpu_times() for each in (parent, *parent.children(recursive=True))]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    main()
