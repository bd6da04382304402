"""Each look at something that is really broken says so, and what to do."""

from __future__ import annotations

import http.server
import json
import os
import runpy
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from safetensors.numpy import save_file

from cli.doctor.clocks import judge_clock
from cli.doctor.database_looks import look_at_database, needed_connections
from cli.doctor.file_looks import look_at_files
from cli.doctor.findings import Finding
from cli.doctor.gpu import Driver, judge_driver, read_torch_cuda
from cli.doctor.host import look_at_disks
from cli.doctor.model_looks import look_at_language_model, look_at_weights
from cli.doctor.place import Place, open_place
from cli.doctor.redis_looks import look_at_redis
from cli.doctor.store_looks import look_at_store
from cli.doctor.versions import judge_schema, look_at_versions
from cli.doctor.worker_looks import look_at_workers
from cli.main import main
from common.db.engine import open_engine, session_factory
from common.db.revisions import SchemaState, known_revisions
from common.db.tables import Dataset, Image
from common.messaging.live_workers import PREFIX
from common.settings import as_environment, load_settings
from common.store import open_store
from tests.cli.conftest import Service
from tests.data.schema_fixtures import upgrade_to
from tests.migrated import migrate_new
from tests.server_programs import rclone_program
from tests.servers import Server, free_port, redis_server
from tests.small_disk import mounted

Look = Callable[[Place], Iterator[Finding]]


def see(
    look: Look, monkeypatch: pytest.MonkeyPatch, folder: Path, **settings: Any
) -> dict[str, Finding]:
    """What a look finds with these settings, by its check."""
    made = load_settings(**{"data_dir": folder, "redis_url": "redis://127.0.0.1:1/0", **settings})
    for name, value in as_environment(made).items():
        monkeypatch.setenv(name, value)
    with open_place(folder) as place:
        return {finding.check: finding for finding in look(place)}


def test_of_a_service_that_runs_only_what_is_missing_is_wrong(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in as_environment(service.settings).items():
        monkeypatch.setenv(name, value)
    code = main(["doctor", "--json", "--data-dir", str(service.settings.data_dir)])
    said = json.loads(capsys.readouterr().out)
    by_check = {one["check"]: one for one in said["findings"]}
    of_this_machine = ("disk", "memory", "shared", "GPU")
    wrong = {
        name for name, one in by_check.items()
        if one["state"] == "fail" and not name.startswith(of_this_machine)
    }  # fmt: skip
    assert wrong == {"workers: maintenance"}
    assert "clip-browser worker maintenance" in by_check["workers: maintenance"]["remedy"]
    assert (code, said["state"]) == (1, "fail")
    assert by_check["store"]["state"] == "ok"
    assert by_check["version: schema"]["found"].startswith(known_revisions()[-1])
    assert "cpu" in by_check["workers: cpu"]["found"]
    assert not list((service.settings.data_dir / "doctor").glob("*"))


def test_everything_stands_in_a_table_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLIP_BROWSER_REDIS_URL", "redis://127.0.0.1:1/0")
    assert main(["doctor", "--data-dir", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "there is no database" in said
    assert "-> Start the service once" in said
    assert "wrong" in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "check", "state", "found"),
    [
        (["--maxmemory-policy", "allkeys-lru"], "redis: memory", "fail", "allkeys-lru"),
        (["--maxmemory", "1kb"], "redis: memory", "fail", "of 1,024 bytes"),
        (["--replicaof", "127.0.0.1", "1"], "redis", "fail", "is a slave"),
        ([], "redis: persistence", "warn", "no append-only file"),
        (["--appendonly", "yes"], "redis: persistence", "ok", "append-only"),
    ],
)
def test_a_redis_that_is_set_up_wrongly_is_told(
    options: list[str], check: str, state: str, found: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with redis_server(tmp_path, *options) as server:
        seen = see(look_at_redis, monkeypatch, tmp_path, redis_url=server.url)[check]
    assert (seen.state, found in seen.found) == (state, True), seen
    assert bool(seen.remedy) == (state != "ok")


def test_a_redis_that_refuses_the_password_is_not_taken_for_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis_server(tmp_path) as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("requirepass", "secret")
        url = server.url.replace("//", "//:another@")
        seen = see(look_at_redis, monkeypatch, tmp_path, redis_url=url)
    assert (seen["redis"].state, seen["redis"].found) == ("fail", "it refuses the password")


def test_a_worker_that_lives_and_takes_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {"name": "cpu@here", "queues": ["cpu"], "state": "stuck", "last_loop_at": "12:00"}
    with redis_server(tmp_path) as server:
        with redis.Redis.from_url(server.url) as client:
            client.set(f"{PREFIX}cpu@here", json.dumps(record))
        seen = see(look_at_workers, monkeypatch, tmp_path, redis_url=server.url)
    assert (seen["workers: cpu@here"].state, seen["workers: cpu"].state) == ("fail", "fail")
    assert "took nothing since 12:00" in seen["workers: cpu@here"].found


def test_a_disk_that_is_nearly_full_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path / "small", "64m") as folder:
        seen = see(look_at_disks, monkeypatch, folder)["disk: data"]
    assert seen.state == "fail"
    assert "64 MiB free" in seen.found
    assert "Free some" in seen.remedy


def test_a_store_that_is_away_is_told_and_files_are_not_guessed_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"s3://key:secret@127.0.0.1:{free_port()}/clips?secure=0"
    seen = see(look_at_store, monkeypatch, tmp_path, store_url=url)["store"]
    assert seen.state == "fail"
    assert "does not answer" in seen.found
    assert seen.remedy
    make_dataset(tmp_path)
    assert see(look_at_files, monkeypatch, tmp_path, store_url=url)["files"].state == "warn"


@pytest.mark.parametrize("key", ["", "key,secret"], ids=["open to all", "with a key"])
def test_a_bucket_that_strangers_can_read_is_told(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = rclone_program()
    assert program
    (tmp_path / "bucket").mkdir()
    port = free_port()
    command = [program, "serve", "s3", str(tmp_path / "bucket"), "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", key] if key else []
    url = f"s3://key:secret@127.0.0.1:{port}/clips?secure=0"
    server = Server(url, command, lambda: answers(port), tmp_path / "log")
    server.start()
    try:
        seen = see(look_at_store, monkeypatch, tmp_path, store_url=url)
    finally:
        server.stop()
    assert seen["store"].state == "ok", seen
    assert seen["store: policy"].state == ("ok" if key else "fail")


def answers(port: int) -> bool:
    from tests.servers import _http_status

    return _http_status(f"http://127.0.0.1:{port}/") > 0


def make_dataset(folder: Path) -> str:
    """A database with an image, whose files are not there yet; its key."""
    url = f"sqlite:///{folder}/clip-browser.db"
    migrate_new(url)
    engine = open_engine(url)
    with session_factory(engine)() as session:
        session.add(Dataset(id="pets", name="Pets", created_by="ada", defaults={}))
        session.flush()
        image = Image(
            dataset_id="pets", sha256="a" * 64, ext="png", filename="a.png", width=1, height=1,
            size_bytes=1, phash="0" * 16,
        )  # fmt: skip
        session.add(image)
        session.flush()
        key = image.key
    engine.dispose()
    return key


def test_rows_without_file_and_files_without_row_are_counted_with_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_dataset(tmp_path)
    store = open_store(f"file://{tmp_path}")
    stray = f"datasets/pets/images/{'b' * 64}.png"
    for name in (key, stray):
        store.put_bytes(name, b"x")
    seen = see(look_at_files, monkeypatch, tmp_path)
    assert seen["files: missing"].state == "fail"
    assert seen["files: missing"].found.startswith("1 files ")
    assert f"datasets/pets/thumbs/{'a' * 64}" in seen["files: missing"].found
    assert seen["files: orphans"].state == "ok", "what is a minute old may get its row yet"

    os.utime(tmp_path / stray, (0, 0))
    seen = see(look_at_files, monkeypatch, tmp_path)
    assert seen["files: orphans"].state == "warn"
    assert stray in seen["files: orphans"].found


@pytest.mark.skipif(shutil.which("faketime") is None, reason="libfaketime is not installed")
def test_a_clock_that_is_wrong_is_told(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        settings = load_settings(data_dir=tmp_path, redis_url=server.url)
        ran = subprocess.run(
            ["faketime", "-f", "+90s", sys.executable, "-m", "cli.main", "doctor", "--json"],
            env=as_environment(settings), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    (clock,) = [one for one in json.loads(ran.stdout)["findings"] if one["check"] == "clock: redis"]
    assert clock["state"] == "fail"
    assert clock["found"].startswith(("89.", "90."))
    assert "behind" in clock["found"]


def test_a_slow_answer_is_no_wrong_clock() -> None:
    assert judge_clock("clock", ahead_s=3.0, asked_s=0.1).state == "warn"
    assert judge_clock("clock", ahead_s=3.0, asked_s=5.0).state == "ok"
    assert judge_clock("clock", ahead_s=-600.0, asked_s=0.1).state == "fail"


@pytest.mark.parametrize(
    ("driver", "torch_cuda", "device", "state", "said"),
    [
        (None, "13.0", "auto", "ok", "none here"),
        (None, "13.0", "cuda", "fail", "there is no GPU"),
        (Driver("580.65", (13, 0), ("H200",)), "13.0", "auto", "ok", "H200"),
        (Driver("550.54", (12, 4), ("A100",)), "13.0", "auto", "fail", "580.65.06 or newer"),
        (Driver("525.60", (12, 0), ("A100",)), "12.8", "auto", "ok", "A100"),
        (Driver("580.65", (13, 0), ("H200",)), "", "auto", "warn", "without CUDA"),
        (Driver("580.65", (13, 0), ("H200",)), None, "auto", "ok", "no torch"),
    ],
)
def test_a_driver_that_is_older_than_torch_needs_is_told(
    driver: Driver | None, torch_cuda: str | None, device: str, state: str, said: str
) -> None:
    seen = judge_driver(driver, torch_cuda, device)
    assert seen.state == state
    assert said in f"{seen.found} {seen.remedy}"


def test_the_cuda_of_torch_is_read_without_torch() -> None:
    found = find_spec("torch")
    assert found is not None
    assert found.origin is not None
    known = runpy.run_path(str(Path(found.origin).with_name("version.py")))["cuda"]
    assert read_torch_cuda() == (known or "")


def test_weights_that_are_cut_off_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "weights" / "ViT-B-32"
    folder.mkdir(parents=True)
    whole = folder / "openai.safetensors"
    save_file({"a": np.zeros((64, 64), np.float32)}, whole)
    with zipfile.ZipFile(folder / "laion.pt", "w") as archive:
        archive.writestr("data.pkl", b"x" * 2000)
    assert see(look_at_weights, monkeypatch, tmp_path)["weights"].found.startswith("2 placed")
    for path in (whole, folder / "laion.pt"):
        path.write_bytes(path.read_bytes()[:-500])
    seen = see(look_at_weights, monkeypatch, tmp_path)
    assert {name: one.state for name, one in seen.items()} == {
        "weights: ViT-B-32/openai": "fail",
        "weights: ViT-B-32/laion": "fail",
    }
    assert "its header speaks of" in seen["weights: ViT-B-32/openai"].found


def test_an_endpoint_that_refuses_or_is_away_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401 if "right" not in self.headers["Authorization"] else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    found = [
        see(look_at_language_model, monkeypatch, tmp_path, llm_base_url=url, llm_api_key=key)
        for key in ("wrong", "right")
    ]
    server.shutdown()
    server.server_close()
    thread.join()
    found.append(see(look_at_language_model, monkeypatch, tmp_path, llm_base_url=url))
    states = [one["language model"].state for one in found]
    assert states == ["fail", "ok", "fail"]
    assert found[0]["language model"].found.endswith("refuses the key")


def test_a_schema_that_waits_for_its_upgrade_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade_to(f"sqlite:///{tmp_path}/clip-browser.db", "0014")
    seen = see(look_at_versions, monkeypatch, tmp_path)["version: schema"]
    assert seen.state == "fail"
    assert "clip-browser migrate" in seen.remedy
    newer = judge_schema(SchemaState("0999", "9.0.0"))
    assert newer.state == "fail"
    assert "Install CLIP Browser 9.0.0" in newer.remedy


def test_a_damaged_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_dataset(tmp_path)
    path = tmp_path / "clip-browser.db"
    assert see(look_at_database, monkeypatch, tmp_path)["database"].state == "ok"
    content = path.read_bytes()
    path.write_bytes(
        content[: len(content) // 2] + b"\xff" * 8192 + content[len(content) // 2 + 8192 :]
    )
    assert see(look_at_database, monkeypatch, tmp_path)["database"].state == "fail"


def test_connections_of_postgresql_are_held_against_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    seen = see(look_at_database, monkeypatch, tmp_path, database_url=postgres_url, api_processes=2)
    assert {name: one.state for name, one in seen.items()} == {
        "database": "ok",
        "database: connections": "ok",
    }
    many = see(look_at_database, monkeypatch, tmp_path, database_url=postgres_url, api_processes=64)
    assert many["database: connections"].state == "fail"
    assert str(needed_connections(64)) in many["database: connections"].found
