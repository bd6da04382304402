"""`make hosts`: workers on other hosts join with three settings, and share nothing with anybody but the store.

Three hosts (network namespaces): `main` has PostgreSQL, Redis, an S3 server, the API, beat and the workers without a GPU
queue; `a` and `b` a GPU worker each, with CLIP_BROWSER_DATABASE_URL, CLIP_BROWSER_REDIS_URL and
CLIP_BROWSER_STORE_URL in its environment, and checkpoints every five seconds. A training begins on one, whose
cable is pulled; the other goes on from the checkpoint in the store. Then the first has its cable back and makes an index
with the model that the other has trained, while that one is killed in its next training.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from bench.stack import PASSWORD
from common.db.engine import migrate
from tests.server_programs import rclone_program
from tests.servers import (
    S3_INSTRUCTION,
    S3_KEY,
    S3_SECRET,
    Server,
    free_port,
    postgres_server,
    redis_server,
    server_folder,
)
from tests.system.hosts.network import NETWORK, Network, what_is_missing

DATASET = "Sample shapes"
PROGRAM = str(Path(sys.executable).parent / "clip-browser")
PLAIN = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
# So that nobody waits for a minute each time; besides, it is as it comes.
OFTEN = {"CLIP_BROWSER_CHECKPOINT_EVERY_S": "5"}


class Story:
    """What happens, and when."""

    def __init__(
        self, network: Network, reached: dict[str, str], http: httpx.Client, epochs: int
    ) -> None:
        self._network, self._reached, self._http, self._epochs = network, reached, http, epochs
        self._began = time.monotonic()
        self._workers: dict[str, subprocess.Popen[bytes]] = {}

    def play(self) -> None:
        """All of it. Raises AssertionError at the first thing that is otherwise than it should be."""
        self._sample()
        for name in ("a", "b"):
            self._workers[name] = self._network.start(
                name, [PROGRAM, "worker", "gpu"], {**PLAIN, **self._reached, **OFTEN}
            )
        self._until(lambda: len(self._gpu_workers()) == 2, "two GPU workers on other hosts")
        job = self._train()
        first = self._begun_at(job)
        other = "b" if first == "a" else "a"
        self._until(lambda: self._checkpoints(job), "a checkpoint in the store", 400)
        self._tell(f"host {first} trains, its checkpoint is in the store; its cable is pulled")
        self._network.cut(first)
        cut = time.monotonic()
        self._until(lambda: self._host_of(job) == other, f"the training's going on at {other}", 120)
        self._tell(f"host {other} has the training {time.monotonic() - cut:.0f} s after the cut")
        self._look_at_end(job, other)
        self._network.plug(first)
        self._until(lambda: first in self._gpu_workers(), f"the return of host {first}", 90)
        self._tell(f"host {first} has its cable back, and takes messages")
        second = self._kill_in_training(other)
        index = self._follow("index", "--model", self._models()[0]["id"])
        assert index["state"] == "succeeded", index
        self._tell("an index with the model that was trained elsewhere")
        self._until(
            lambda: self._host_of(second) == first, f"the second training's begin at {first}", 120
        )
        assert self._wait(second)["state"] == "succeeded"
        self._tell(f"host {first} has ended the training of the killed host {other}")

    def _sample(self) -> None:
        self._command("import", "--sample")
        self._until(lambda: self._counts()["captioned"] > 0, "the sample's images")
        assert self._follow("split")["state"] == "succeeded"
        self._tell("the sample dataset, split by the workers of host main")

    def _train(self) -> str:
        options = ["--model", "clip-browser-small", "--epochs", str(self._epochs)]
        self._command("train", "--dataset", DATASET, *options)
        job: str = self._jobs("train")[0]["id"]
        return job

    def _look_at_end(self, job: str, host: str) -> None:
        """What people see of a training that has moved: all of it came through the store and the database."""
        ended = self._wait(job)
        assert ended["state"] == "succeeded", ended
        assert ended["attempt"] == 2, ended
        log = self._http.get(f"/jobs/{job}/log").text
        assert "was fetched from the artifact store" in log, log[-3000:]
        steps = [point["step"] for point in self._points(job)]
        assert steps == sorted(steps), "the curve goes back"
        model = self._models()[0]
        assert self._http.get(f"/models/{model['id']}").status_code == 200
        self._tell(
            f"the model {model['name']} from host {host}, its log, its curve of {len(steps)} points"
        )

    def _kill_in_training(self, host: str) -> str:
        """The id of a training that runs on this host, which has then lost its power."""
        job = self._train()
        while self._begun_at(job) != host:
            self._http.post(f"/jobs/{job}/stop", json={"mode": "kill"}).raise_for_status()
            self._wait(job)
            job = self._train()
        self._until(lambda: self._checkpoints(job), "a checkpoint in the store", 400)
        end(self._workers[host])
        self._tell(f"host {host} was killed in its training")
        return job

    def _begun_at(self, job: str) -> str:
        found: str = self._until(lambda: self._host_of(job), "the training's begin")
        return found

    def _host_of(self, job: str) -> str:
        """The host whose worker has the job; empty while none has."""
        import psycopg

        with psycopg.connect(self._reached["CLIP_BROWSER_DATABASE_URL"]) as connection:
            row = connection.execute("SELECT lease_owner FROM jobs WHERE id = %s", [job]).fetchone()
        return str(row[0]).split(":")[0] if row and row[0] else ""

    def _checkpoints(self, job: str) -> bool:
        from common.store import open_store

        store = open_store(self._reached["CLIP_BROWSER_STORE_URL"])
        return any(each.key.endswith("newest.json") for each in store.list(f"checkpoints/{job}"))

    def _points(self, job: str) -> list[dict[str, Any]]:
        """The curve of the loss."""
        points: list[dict[str, Any]] = self._http.get(f"/jobs/{job}/metrics").json()["train/loss"]
        return points

    def _gpu_workers(self) -> set[str]:
        found = self._http.get("/system").json()["workers"]
        return {one["host"] for one in found if "gpu" in one["queues"]}

    def _counts(self) -> dict[str, int]:
        found: list[dict[str, Any]] = self._http.get("/datasets").json()["items"]
        counts: dict[str, int] = found[0]["counts"]
        return counts

    def _jobs(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._http.get("/jobs", params={"kind": kind}).json()["items"]
        return found

    def _models(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._http.get("/models").json()["items"]
        return found

    def _follow(self, kind: str, *options: str) -> dict[str, Any]:
        self._command(kind, "--dataset", DATASET, *options)
        return self._wait(self._jobs(kind)[0]["id"])

    def _wait(self, job: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self._http.get(f"/jobs/{job}").json()
            return found if found["state"] in ("succeeded", "failed", "stopped") else None

        ended: dict[str, Any] = self._until(look, f"the end of {job}", 600)
        return ended

    def _command(self, *words: str) -> None:
        url = str(self._http.base_url).split("/api/")[0]
        token = self._http.headers["Authorization"].split()[1]
        subprocess.run(
            [PROGRAM, *words, "--url", url, "--token", token], check=True, stdout=subprocess.DEVNULL
        )

    def _until(self, look: Callable[[], Any], what: str, timeout_s: float = 180.0) -> Any:
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if found := look():
                return found
            time.sleep(0.5)
        raise AssertionError(f"{what} did not come within {timeout_s:g} s")

    def _tell(self, what: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {what}", flush=True)

    def tell_jobs(self) -> None:
        """What has become of each training so far."""
        for job in self._jobs("train"):
            log = self._http.get(f"/jobs/{job['id']}/log").text
            print(f"{job['state']}, {job['progress']}, {job['error']}:\n{log[-2000:]}")

    def end_workers(self) -> None:
        """All of the other hosts."""
        for worker in self._workers.values():
            end(worker)


def end(process: subprocess.Popen[bytes]) -> None:
    """As when its host loses its power: at once, with all below it."""
    import psutil

    with suppress(psutil.Error):
        for each in [
            *psutil.Process(process.pid).children(recursive=True),
            psutil.Process(process.pid),
        ]:
            with suppress(psutil.Error):
                each.kill()
    process.wait(30)


@contextmanager
def s3_server(folder: Path, address: str) -> Iterator[str]:
    """The store's URL, as other hosts reach it."""
    program, port = rclone_program(), free_port()
    assert program, S3_INSTRUCTION
    (folder / "bucket").mkdir()
    command = [program, "serve", "s3", str(folder / "bucket"), "--addr", f"{address}:{port}"]
    command += ["--auth-key", f"{S3_KEY},{S3_SECRET}", "--config", str(folder / "rclone.conf")]

    def answers() -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://{address}:{port}/", timeout=1).status_code > 0
        return False

    server = Server("", command, answers, folder / "rclone.log")
    server.start()
    try:
        secret = S3_SECRET.replace("/", "%2F").replace("@", "%40").replace(" ", "%20")
        yield f"s3://{S3_KEY}:{secret}@{address}:{port}/clip-browser?secure=0"
    finally:
        server.stop()


@contextmanager
def open_database(folder: Path, address: str) -> Iterator[str]:
    """The URL of a PostgreSQL that other hosts may use."""
    with postgres_server(folder, "-c", "listen_addresses=*") as server:
        with (folder / "postgres" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {NETWORK}.0/24 trust\n")
        os.kill(server.pid, signal.SIGHUP)
        yield server.url.replace("127.0.0.1", address)


@contextmanager
def running_service(network: Network) -> Iterator[tuple[dict[str, str], httpx.Client]]:
    """The host `main`: what other hosts are told, and an administrator's client."""
    address, port = network.address("main"), 8000
    with ExitStack() as opened:
        place = opened.enter_context(server_folder())
        redis = opened.enter_context(
            redis_server(place, "--bind", "0.0.0.0", "--protected-mode", "no")
        )
        reached = {
            "CLIP_BROWSER_DATABASE_URL": opened.enter_context(open_database(place, address)),
            "CLIP_BROWSER_REDIS_URL": redis.url.replace("127.0.0.1", address),
            "CLIP_BROWSER_STORE_URL": opened.enter_context(s3_server(place, address)),
        }
        migrate(reached["CLIP_BROWSER_DATABASE_URL"])
        own = {
            **PLAIN, **reached, "CLIP_BROWSER_HOST": address, "CLIP_BROWSER_PORT": str(port),
            "CLIP_BROWSER_SECRET_KEY": "k" * 32, "CLIP_BROWSER_ADMIN_PASSWORD": PASSWORD,
        }  # fmt: skip
        for words in (["api"], ["beat"], ["worker", "captions,cpu,maintenance"]):
            process = network.start("main", [PROGRAM, *words], own)
            opened.callback(end, process)
        http = opened.enter_context(
            httpx.Client(base_url=f"http://{address}:{port}/api/v1", timeout=60)
        )
        sign_in(http)
        yield reached, http


def sign_in(http: httpx.Client) -> None:
    """As administrator, once the API answers."""
    until = time.monotonic() + 120
    while True:
        try:
            answer = http.post("/auth/login", json={"username": "admin", "password": PASSWORD})
            http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['token']}"
            return
        except httpx.HTTPError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def main() -> int:
    """0 when all went well; else 1, and the folder with the logs is kept."""
    parser = argparse.ArgumentParser(prog="make hosts ARGS=...", description=__doc__)
    parser.add_argument(
        "--epochs",
        type=int,
        default=30,
        help="of each training; it must outlast its first checkpoint",
    )
    asked = parser.parse_args()
    missing = what_is_missing()
    if missing:
        print(f"Not tried: {missing}.")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="clip-browser-hosts-"))
    with Network(folder, ["a", "b"]) as network, running_service(network) as (reached, http):
        story = Story(network, reached, http, asked.epochs)
        try:
            story.play()
        except AssertionError as problem:
            story.tell_jobs()
            print(f"{problem}\n(logs: {folder})")
            return 1
        finally:
            story.end_workers()
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
