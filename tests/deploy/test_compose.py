"""The compose files agree with the code: settings, commands, queues, the proxy."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.live.sockets import PING_EVERY_S
from cli.stack.commands import add_parsers
from common.messaging.broker import QUEUES
from common.settings import Settings, load_settings
from tests.deploy.files import OWN, ROOT, SERVICES, example_settings, make_env
from tests.servers import SEAWEEDFS_OPTIONS, SEAWEEDFS_SETTINGS


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
        own = {
            each.removesuffix("_FILE") for each in environment if each.startswith("CLIP_BROWSER_")
        }
        assert own <= fields, name


def test_every_other_setting_reaches_every_part(compose: dict[str, Any]) -> None:
    secrets = {"SECRET_KEY", "ADMIN_PASSWORD", "LLM_API_KEY", "OIDC_CLIENT_SECRET", "BACKUP_TO"}
    fields = {f"CLIP_BROWSER_{name.upper()}" for name in Settings.model_fields}
    needed = fields - {f"CLIP_BROWSER_{name}" for name in secrets}
    signing_in = {name for name in needed if name.startswith("CLIP_BROWSER_OIDC_")}
    for name in OWN:
        wanted = needed if name == "api" else needed - signing_in
        given = {each.removesuffix("_FILE") for each in compose["services"][name]["environment"]}
        assert wanted <= given, name


def test_every_variable_that_compose_asks_for_is_explained_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", text)) <= set(example_settings())


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


def test_who_looks_for_a_container_that_is_away_knows_within_5_s(compose: dict[str, Any]) -> None:
    for name in OWN:
        options = dict(each.split(":") for each in compose["services"][name]["dns_opt"])
        # each client of Redis looks twice, for a Redis that has just come back
        assert 2 * int(options["timeout"]) * int(options["attempts"]) < 5, name


def test_redis_keeps_what_it_holds(compose: dict[str, Any]) -> None:
    *_, script = compose["services"]["redis"]["command"]
    assert "--appendonly yes" in script
    assert "--maxmemory-policy noeviction" in script


def test_the_store_is_started_as_the_tests_start_it(compose: dict[str, Any]) -> None:
    words = " ".join(compose["services"]["store"]["command"]).replace(";", " ").split()
    settings = [f"{name}={value}" for name, value in SEAWEEDFS_SETTINGS.items()]
    assert set(words) >= {*SEAWEEDFS_OPTIONS, *settings}


def test_state_lies_in_named_volumes(compose: dict[str, Any]) -> None:
    used = {
        volume.split(":")[0]
        for s in compose["services"].values()
        for volume in s.get("volumes", [])
    }
    assert used == {*compose["volumes"], "./deploy/proxy.conf"}


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
    text = (ROOT / "deploy" / "proxy.conf").read_text()
    assert "./deploy/proxy.conf:/etc/nginx/proxy.conf:ro" in compose["services"]["proxy"]["volumes"]
    blocks = dict(re.findall(r"location (\S+) \{([^}]*)\}", text))
    assert "proxy_request_buffering on;" in text
    assert "proxy_request_buffering off;" not in text
    assert "proxy_buffering off;" in blocks["/socket.io/"]
    assert "proxy_set_header Upgrade $http_upgrade;" in text
    assert all("proxy_pass http://api;" in blocks[each] for each in ("/", "/socket.io/"))
    timeouts = {name: seconds(value) for name, value in re.findall(r"(\w+_timeout) (\d+s);", text)}
    assert timeouts["client_header_timeout"] <= 20
    assert timeouts["client_body_timeout"] <= 60
    assert timeouts["proxy_read_timeout"] >= 2 * PING_EVERY_S
    assert "${CLIP_BROWSER_MAX_UPLOAD_MIB}m" in text
    given = compose["services"]["proxy"]["environment"]["CLIP_BROWSER_MAX_UPLOAD_MIB"]
    assert given == "${CLIP_BROWSER_MAX_UPLOAD_MIB:-4096}"
    assert load_settings().max_upload_mib == 4096
    uploads = next(
        block for path, block in re.findall(r"location ~ (\S+) \{([^}]*\}[^}]*)\}", text)
    )
    assert "auth_request /signed-in;" in uploads  # or strangers would fill its disk
    # Who cannot be asked for is away by name, also where it could not be asked who sends an upload
    assert re.findall(r"error_page ([\d ]+) =503 @away;", text) == ["500 502 504", "502 504"]
    assert "error_page 413 @too_large;" in uploads  # none of the server's is inherited


def test_the_api_believes_the_proxy_and_nobody_from_outside(compose: dict[str, Any]) -> None:
    said = compose["services"]["api"]["environment"]["CLIP_BROWSER_TRUSTED_PROXIES"]
    default = re.fullmatch(r"\$\{CLIP_BROWSER_TRUSTED_PROXIES:-(.*)\}", said)
    assert default
    [network] = load_settings(trusted_proxies=default[1]).proxies
    assert ip_address("172.18.0.5") in network  # of Docker's own networks
    assert not any(ip_address(each) in network for each in ("127.0.0.1", "192.168.1.5", "10.1.2.3"))


def test_containers_are_bounded_and_write_to_volumes_alone(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["mem_limit"], name
        assert service["logging"]["options"]["max-size"], name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name


def test_docker_compose_reads_the_files(tmp_path: Path) -> None:
    """Where Docker's compose is installed; the tests above hold without it."""
    docker = shutil.which("docker")
    found = docker and subprocess.run(
        [docker, "compose", "version"], capture_output=True, check=False
    )
    if not docker or not found or found.returncode:
        return
    for path in ROOT.glob("docker-compose*.yml"):
        shutil.copy(path, tmp_path)
    make_env(tmp_path)
    assert read_compose(docker, tmp_path, "gpu") >= SERVICES
    assert read_compose(docker, tmp_path, "share") >= SERVICES
    make_env(tmp_path, "--external", "postgresql://a:b@db/c", "-", "-")
    assert SERVICES - read_compose(docker, tmp_path) == {"postgres"}
    make_env(tmp_path, "--worker", "postgresql://a:b@db/c", "redis://r:1/0", "s3://k:s@store/b")
    workers = {"worker-cpu", "worker-search", "worker-gpu"}
    assert read_compose(docker, tmp_path, "worker", "gpu") == workers


def read_compose(docker: str, folder: Path, *more: str) -> set[str]:
    files = ["docker-compose.yml", *(f"docker-compose.{each}.yml" for each in more)]
    done = subprocess.run(
        [docker, "compose", *(w for f in files for w in ("-f", f)), "config", "--format", "json"],
        env={**os.environ, "SHARE_ADDRESS": "10.0.0.1"},
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout)["services"])
