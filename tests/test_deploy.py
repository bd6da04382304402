"""The deployment files agree with the code: settings, commands, queues, health checks."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from api.live.sockets import PING_EVERY_S
from cli.stack.commands import add_parsers
from common.messaging.broker import QUEUES
from common.settings import Settings, load_settings
from workers.runtime import presence
from workers.runtime.alive import PREFIX, find_workers, seconds_since_beat

ROOT = Path(__file__).parents[1]
OWN = (
    "api",
    "worker-captions",
    "worker-maintenance",
    "worker-cpu",
    "worker-search",
    "worker-gpu",
    "beat",
)
SERVICES = {
    "proxy",
    "redis",
    "minio",
    "postgres",
    "api",
    "worker-cpu",
    "worker-search",
    "worker-gpu",
    "beat",
}
SECRETS = ("SECRET_KEY", "ADMIN_PASSWORD")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def example_settings() -> dict[str, str]:
    """Every variable of .env.example with its value, commented or not."""
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE))


def seconds(period: str) -> float:
    found = re.fullmatch(r"(?:\$\{\w+:-)?(\d+)s\}?", period)
    assert found, period
    return float(found[1])


def test_every_setting_stands_in_the_example_and_every_example_is_a_setting() -> None:
    fields = {f"CLIP_BROWSER_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in example_settings() if name.startswith("CLIP_BROWSER_")} == fields


def test_the_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CLIP_BROWSER_"):
            monkeypatch.delenv(name)
    defaults = load_settings()
    for name, value in example_settings().items():
        if name.startswith("CLIP_BROWSER_"):
            monkeypatch.setenv(name, value)
    assert load_settings() == defaults


def test_every_service_of_the_contract_is_there(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) >= SERVICES


def test_compose_sets_only_settings_that_exist(compose: dict[str, Any]) -> None:
    fields = {f"CLIP_BROWSER_{name.upper()}" for name in Settings.model_fields}
    for name in OWN:
        environment = compose["services"][name]["environment"]
        own = {variable for variable in environment if variable.startswith("CLIP_BROWSER_")}
        assert own <= fields, name


def test_no_container_gets_more_secrets_than_it_needs(compose: dict[str, Any]) -> None:
    everywhere = {"DATABASE_URL", "REDIS_URL", "STORE_URL"}
    own = {
        "api": {"SECRET_KEY", "ADMIN_PASSWORD", "OIDC_CLIENT_SECRET"},
        "worker-gpu": {"LLM_API_KEY"},
    }
    for name, service in compose["services"].items():
        assert "env_file" not in service, name
        environment = service.get("environment", {})
        given = {variable.removeprefix("CLIP_BROWSER_") for variable in environment}
        secret = {setting for setting in given if re.search("KEY|PASSWORD|SECRET|_URL$", setting)}
        secret -= {"PUBLIC_URL", "TENSORBOARD_URL", "LLM_BASE_URL"}
        if name in OWN:
            assert secret == everywhere | own.get(name, set()), name
        elif name == "tensorboard":  # knows no sign-in: whoever gets in there finds nothing
            assert given == {"DATA_DIR"}


def test_every_other_setting_reaches_every_part(compose: dict[str, Any]) -> None:
    secrets = {"SECRET_KEY", "ADMIN_PASSWORD", "LLM_API_KEY"}
    fields = {f"CLIP_BROWSER_{name.upper()}" for name in Settings.model_fields}
    needed = fields - {f"CLIP_BROWSER_{name}" for name in secrets}
    signing_in = {name for name in needed if name.startswith("CLIP_BROWSER_OIDC_")}
    for name in OWN:
        wanted = needed if name == "api" else needed - signing_in
        assert wanted <= set(compose["services"][name]["environment"]), name


def test_every_variable_that_compose_asks_for_is_explained_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", text)) <= set(example_settings())


def test_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)(:\?)?", text))
    needed = {name for name, mark in asked if mark}
    assert {name for name, _ in asked} == needed
    assert needed == {
        *(f"CLIP_BROWSER_{name}" for name in SECRETS),
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "MINIO_ROOT_PASSWORD",
    }
    assert all(example_settings()[name] == "" for name in needed)


def test_every_command_is_one_of_the_command_line(compose: dict[str, Any]) -> None:
    parser = argparse.ArgumentParser()
    add_parsers(parser.add_subparsers(dest="command", required=True))
    for name in (*OWN, "tensorboard"):
        program, *words = compose["services"][name]["command"]
        assert program == "clip-browser"
        parser.parse_args(words)


def test_every_queue_has_workers_and_training_has_its_own(compose: dict[str, Any]) -> None:
    served = [
        service["command"][2].split(",")
        for service in compose["services"].values()
        if service.get("command", [])[:2] == ["clip-browser", "worker"]
    ]
    assert sorted(queue for queues in served for queue in queues) == sorted(QUEUES)
    assert ["gpu"] in served
    assert ["search"] in served


def test_every_service_restarts_is_watched_and_has_time_to_end(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"], name
        assert "stop_grace_period" in service, name


def test_a_training_has_time_to_write_its_checkpoint(compose: dict[str, Any]) -> None:
    for name in OWN:
        service = compose["services"][name]
        assert service["init"] is True
        assert seconds(service["stop_grace_period"]) >= load_settings().stop_grace_s + 30, name


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        tag = service["image"].rsplit(":", 1)[-1]
        assert "latest" not in tag, name
        assert re.search(r"\d", tag) or service.get("build"), name


def test_redis_keeps_what_it_holds(compose: dict[str, Any]) -> None:
    words = compose["services"]["redis"]["command"]
    assert words[words.index("--appendonly") + 1] == "yes"
    assert words[words.index("--maxmemory-policy") + 1] == "noeviction"


def test_state_lies_in_named_volumes(compose: dict[str, Any]) -> None:
    used = {volume.split(":")[0] for s in compose["services"].values() for volume in s["volumes"]}
    assert used == set(compose["volumes"])


def test_gpus_are_asked_for_in_the_override_only(compose: dict[str, Any]) -> None:
    assert not any("deploy" in service for service in compose["services"].values())
    override = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())
    assert set(override["services"]) == {"worker-gpu"}
    devices = override["services"]["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]


def test_nothing_but_the_proxy_before_the_api_listens_to_others(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert name == "proxy" or port.startswith("127.0.0.1:"), name
    published = "${CLIP_BROWSER_HOST:-127.0.0.1}:${CLIP_BROWSER_PORT:-8000}:8080"
    assert compose["services"]["proxy"]["ports"] == [published]
    assert "ports" not in compose["services"]["api"]


def test_the_proxy_takes_requests_in_whole_and_passes_sockets_on(compose: dict[str, Any]) -> None:
    text = compose["configs"]["proxy"]["content"]
    assert compose["services"]["proxy"]["configs"] == [
        {"source": "proxy", "target": "/etc/nginx/nginx.conf"}
    ]
    blocks = dict(re.findall(r"location (\S+) \{([^}]*)\}", text))
    assert "proxy_request_buffering on;" in text
    assert "proxy_request_buffering off;" not in text
    assert "proxy_buffering off;" in blocks["/socket.io/"]
    assert "proxy_set_header Upgrade $$http_upgrade;" in text
    assert all("proxy_pass http://api;" in blocks[each] for each in ("/", "/socket.io/"))
    timeouts = {name: seconds(value) for name, value in re.findall(r"(\w+_timeout) (\d+s);", text)}
    assert timeouts["client_header_timeout"] <= 20
    assert timeouts["client_body_timeout"] <= 60
    assert timeouts["proxy_read_timeout"] >= 2 * PING_EVERY_S
    assert "${CLIP_BROWSER_MAX_UPLOAD_MIB:-4096}m" in text
    assert load_settings().max_upload_mib == 4096
    uploads = next(
        block for path, block in re.findall(r"location ~ (\S+) \{([^}]*\}[^}]*)\}", text)
    )
    assert "auth_request /signed-in;" in uploads  # or strangers would fill its disk
    alone = re.sub(r"\$\$|\$\{\w+:-\w+\}", "", text)
    assert "$" not in alone  # compose would take it for a variable


def test_the_api_believes_the_proxy_and_nobody_from_outside(compose: dict[str, Any]) -> None:
    said = compose["services"]["api"]["environment"]["CLIP_BROWSER_TRUSTED_PROXIES"]
    default = re.fullmatch(r"\$\{CLIP_BROWSER_TRUSTED_PROXIES:-(.*)\}", said)
    assert default
    [network] = load_settings(trusted_proxies=default[1]).proxies
    assert ip_address("172.18.0.5") in network  # of Docker's own networks
    assert not any(ip_address(each) in network for each in ("127.0.0.1", "192.168.1.5", "10.1.2.3"))


def test_the_image_is_made_of_files_that_are_here_and_sent() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in ignored if line.startswith("!")}
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    for source in " ".join(copied).split():
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in sent, source


def test_the_image_installs_locked_packages_and_runs_as_an_ordinary_user() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert text.count("pip install") == text.count("--require-hashes") + 1  # itself comes last
    assert re.search(r"^USER clip-browser$", text, re.MULTILINE)


def test_docker_compose_reads_the_files(tmp_path: Path) -> None:
    """Where Docker's compose is installed; the tests above hold without it."""
    docker = shutil.which("docker")
    found = docker and subprocess.run(
        [docker, "compose", "version"], capture_output=True, check=False
    )
    if not docker or not found or found.returncode:
        return
    for name in ("docker-compose.yml", "docker-compose.gpu.yml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".env").write_text(
        "".join(
            f"{name}={value or 'x' * 24}\n"
            for name, value in example_settings().items()
            if not name.endswith("_URL")
        )
    )
    command = [docker, "compose", "-f", "docker-compose.yml", "-f", "docker-compose.gpu.yml"]
    done = subprocess.run(
        [*command, "config", "--format", "json"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["services"]) >= SERVICES


def check_health(redis_url: str, data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "CLIP_BROWSER_REDIS_URL": redis_url,
        "CLIP_BROWSER_DATA_DIR": str(data_dir),
    }
    return subprocess.run(
        [sys.executable, "-m", "workers.runtime.alive", *words],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_worker_is_well_while_it_announces_itself(redis_url: str, tmp_path: Path) -> None:
    assert PREFIX == presence.PREFIX
    host = socket.gethostname()
    with redis.Redis.from_url(redis_url) as client:
        client.delete(f"{PREFIX}cpu@{host}")
        client.set(f"{PREFIX}cpu@elsewhere", "{}", ex=16)
        sick = check_health(redis_url, tmp_path)
        client.set(f"{PREFIX}cpu@{host}", "{}", ex=60)
        well = check_health(redis_url, tmp_path)
        client.delete(f"{PREFIX}cpu@{host}", f"{PREFIX}cpu@elsewhere")
    assert (sick.returncode, well.returncode) == (1, 0)
    assert "takes messages" in sick.stderr
    assert well.stdout.strip() == f"cpu@{host}"
    assert find_workers(redis_url, host) == []


def test_a_worker_without_redis_is_not_well(tmp_path: Path) -> None:
    sick = check_health("redis://127.0.0.1:1/0", tmp_path)
    assert sick.returncode == 1
    assert "Redis does not answer" in sick.stderr
    assert "Traceback" not in sick.stderr


def test_the_clock_is_well_while_it_writes_its_schedule(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    assert seconds_since_beat(work) is None
    assert check_health("redis://127.0.0.1:1/0", tmp_path, "--beat").returncode == 1
    (work / "beat-schedule.db").touch()
    assert check_health("redis://127.0.0.1:1/0", tmp_path, "--beat").returncode == 0
    long_ago = time.time() - 3600
    os.utime(work / "beat-schedule.db", (long_ago, long_ago))
    assert check_health("redis://127.0.0.1:1/0", tmp_path, "--beat").returncode == 1
