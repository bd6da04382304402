"""What compose asks a container to see whether it is well, run here as it stands there."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from workers.runtime.alive import sign, sign_file


def check_health(test: list[str], **environment: str) -> int:
    """What compose's check of a container answers, run here: each `$$` of the file is one `$`."""
    kind, *words = (word.replace("$$", "$") for word in test)
    command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
    return subprocess.run(
        command, env={"PATH": os.environ["PATH"], **environment}, timeout=30, check=False
    ).returncode


@pytest.mark.parametrize("service", ["worker-cpu", "worker-gpu", "beat"])
def test_a_worker_is_well_while_it_signs_from_the_loop_that_takes_messages(
    compose: dict[str, Any], tmp_path: Path, service: str
) -> None:
    test = [each.replace("/data", str(tmp_path)) for each in healthcheck(compose, service)]
    assert check_health(test, HOSTNAME="here") == 1
    sign(tmp_path / "work", "cpu@elsewhere")
    assert check_health(test, HOSTNAME="here") == 1
    sign(tmp_path / "work", "cpu@here")
    assert check_health(test, HOSTNAME="here") == 0
    long_ago = time.time() - 3600
    os.utime(sign_file(tmp_path / "work", "cpu@here"), (long_ago, long_ago))
    assert check_health(test, HOSTNAME="here") == 1


def test_the_api_is_well_while_it_says_that_it_is_ready(compose: dict[str, Any]) -> None:
    answers = iter([b"HTTP/1.1 200 OK", b"HTTP/1.1 503 SERVICE UNAVAILABLE"])
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        test = [each.replace("/8000", f"/{port}") for each in healthcheck(compose, "api")]

        def answer() -> None:
            for line in answers:
                connection, _ = server.accept()
                assert connection.recv(100).startswith(b"GET /readyz HTTP/1.0\r\n")
                connection.sendall(line + b"\r\n\r\n")
                connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        assert check_health(test) == 0
        assert check_health(test) == 1
        thread.join(10)
    assert check_health(test) == 1


def test_no_health_check_starts_python(compose: dict[str, Any]) -> None:
    for name in compose["services"]:
        assert "python" not in " ".join(healthcheck(compose, name)), name


def healthcheck(compose: dict[str, Any], service: str) -> list[str]:
    test: list[str] = compose["services"][service]["healthcheck"]["test"]
    return test
