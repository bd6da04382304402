"""`clip-browser up`: refuses clearly, keeps its secrets, starts again what is killed."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from bench.stack import PASSWORD, Stack, free_port, running_stack
from tests.system.shapes import make_shapes
from tests.workers.conftest import wait_until

UP = [str(Path(sys.executable).parent / "clip-browser"), "up"]


def refused(*options: str) -> str:
    """What `up` says when it does not start; its exit code must be 1."""
    ended = subprocess.run([*UP, *options], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_part_that_is_killed_comes_back_and_jobs_go_on(tmp_path: Path) -> None:
    with running_stack(tmp_path / "data") as stack:
        for is_wanted in (is_redis, is_cpu_worker, is_api):
            parts = psutil.Process(stack.process.pid).children(recursive=True)
            victim = next(part for part in parts if is_wanted(part))
            victim.kill()
            time.sleep(2.0)
        wait_until(lambda: answers(stack), 60, "the API's return", every_s=0.5)
        dataset = make_shapes(stack, "after the crash", 30)
        counts = stack.call("GET", f"/datasets/{dataset}")["counts"]
        assert (counts["images"], counts["captioned"]) == (30, 30)


def is_redis(process: psutil.Process) -> bool:
    return process.name().startswith(("redis", "valkey"))


def is_api(process: psutil.Process) -> bool:
    return "api.serve" in process.cmdline()


def is_cpu_worker(process: psutil.Process) -> bool:
    """The main process of the worker: a child of the fleet with a pool process of its own."""
    return (
        "fleet" in process.cmdline() and "cpu=cpu" in process.cmdline() and holds_cpu_log(process)
    )


def holds_cpu_log(process: psutil.Process) -> bool:
    return any(file.path.endswith("worker-cpu.log") for file in process.open_files())


def answers(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_second_instance_on_the_same_data_is_refused(stack: Stack) -> None:
    said = refused("--data-dir", str(stack.data_dir), "--port", str(free_port()))
    assert f"(process {stack.process.pid}) already uses" in said
    assert "--data-dir" in said


def test_a_taken_port_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused("--data-dir", str(tmp_path / "data"), "--port", str(port))
    assert f"Port {port}" in said
    assert "--port" in said


def test_a_data_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_text("")
    assert "cannot be written" in refused("--data-dir", str(file / "data"))


@pytest.mark.parametrize("options", [["--port", "70000"], ["--gpu-workers", "-1"]])
def test_settings_out_of_range_are_refused(tmp_path: Path, options: list[str]) -> None:
    said = refused("--data-dir", str(tmp_path / "data"), *options)
    assert options[1] in said


def test_secrets_on_disk_are_for_their_owner_alone(stack: Stack) -> None:
    for name in (".secret-key", ".redis-password", "cli.json", "redis/server.conf"):
        mode = stat.S_IMODE((stack.data_dir / name).stat().st_mode)
        assert mode == 0o600, name


def test_the_printed_link_signs_in_once(stack: Stack) -> None:
    token = stack.link.split("token=")[1]
    first = httpx.post(f"{stack.url}/api/v1/auth/link", json={"token": token})
    assert first.json()["user"]["name"] == "admin"
    again = httpx.post(f"{stack.url}/api/v1/auth/link", json={"token": token})
    assert again.status_code == 401
    assert again.json()["remedy"]
    wrong = {"username": "admin", "password": PASSWORD + "!"}
    assert httpx.post(f"{stack.url}/api/v1/auth/login", json=wrong).status_code == 401


def test_without_any_program_on_path_the_bundled_server_is_used(tmp_path: Path) -> None:
    with running_stack(tmp_path / "data", PATH=str(tmp_path)) as stack:
        assert any("valkey-server is ready" in line for line in stack.printed), stack.printed
        assert stack.call("GET", "/system")["redis"]["ok"]
