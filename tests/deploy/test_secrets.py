"""Secrets are files: each container gets its own, and `make env` writes them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from common.settings import SECRETS
from tests.deploy.files import OWN, ROOT, make_env


def test_each_container_gets_its_own_secrets_and_as_files(compose: dict[str, Any]) -> None:
    everywhere = {"database_url", "redis_url", "store_url"}
    own = {
        "api": {*everywhere, "secret_key", "admin_password", "oidc_client_secret"},
        "worker-search": {*everywhere, "hf_token"},
        "worker-gpu": {*everywhere, "hf_token", "llm_api_key"},
        "worker-maintenance": {*everywhere, "backup_to"},
        "postgres": {"postgres_password"},
        "redis": {"redis_password"},
        "tensorboard": set(),  # knows no sign-in: whoever gets in there finds nothing
        "proxy": set(),
        "flower": {"redis_url", "flower_login"},
    }
    for name, service in compose["services"].items():
        assert "env_file" not in service, name
        environment = service.get("environment", {})
        given = set(service.get("secrets", []))
        if name in OWN or name in own:
            assert given == own.get(name, everywhere), name
        for variable, value in environment.items():
            setting = variable.removeprefix("CLIP_BROWSER_").lower()
            assert setting not in SECRETS, (name, variable)
            assert not re.search("PASSWORD|SECRET|TOKEN$", variable) or "_FILE" in variable, (
                variable
            )
            if str(value).startswith("/run/secrets/"):
                assert Path(value).name in given, (name, variable)
    assert compose["services"]["tensorboard"]["environment"] == {"CLIP_BROWSER_DATA_DIR": "/data"}


def test_every_secret_is_a_file_that_make_env_writes(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    make_env(tmp_path)
    for name, secret in compose["secrets"].items():
        assert secret == {"file": "${SECRETS:-./secrets}/" + name}
        assert (tmp_path / "secrets" / name).is_file(), name


def test_make_env_writes_what_only_its_user_reads_and_keeps_it(tmp_path: Path) -> None:
    make_env(tmp_path)
    secrets = tmp_path / "secrets"
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert secrets.stat().st_mode & 0o777 == 0o700
    # containers run as other users: who comes through the folder may read
    assert {each.stat().st_mode & 0o777 for each in secrets.iterdir()} == {0o644}
    made = {each.name: each.read_text() for each in secrets.iterdir()}
    random = [made[name] for name in made if re.search("password$|^secret_key|^store_secret", name)]
    assert len(random) == len(set(random)) == 5
    assert all(re.fullmatch("[0-9a-f]{48}", value) for value in random)
    assert made["postgres_password"] in made["database_url"]
    assert made["redis_password"] in made["redis_url"]
    assert made["store_secret"] in made["store_url"]
    make_env(tmp_path)
    assert made == {each.name: each.read_text() for each in secrets.iterdir()}
    assert "COMPOSE_PROFILES=postgres,redis,store" in (tmp_path / ".env").read_text().splitlines()


def test_make_env_moves_the_secrets_of_an_older_file(tmp_path: Path) -> None:
    old = {
        "CLIP_BROWSER_SECRET_KEY": "k" * 24,
        "CLIP_BROWSER_ADMIN_PASSWORD": "admins",
        "POSTGRES_PASSWORD": "of-postgres",
        "REDIS_PASSWORD": "of-redis",
        "CLIP_BROWSER_STORE_URL": "s3://key:of-store@s3.example.org/bucket",
        "CLIP_BROWSER_PORT": "8123",
        "COMPOSE_PROFILES": "tensorboard",
    }
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in old.items()))
    make_env(tmp_path)
    secrets = {each.name: each.read_text() for each in (tmp_path / "secrets").iterdir()}
    assert secrets["secret_key"] == "k" * 24
    assert secrets["admin_password"] == "admins"
    assert secrets["database_url"].startswith("postgresql://clip_browser:of-postgres@postgres:")
    assert secrets["redis_url"] == "redis://:of-redis@redis:6379/0"
    assert secrets["store_url"] == old["CLIP_BROWSER_STORE_URL"]
    left = (tmp_path / ".env").read_text()
    assert left == "CLIP_BROWSER_PORT=8123\nCOMPOSE_PROFILES=postgres,redis,tensorboard\n"


def test_who_has_pictures_in_minio_keeps_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "MINIO_ROOT_PASSWORD=of-minio\nCOMPOSE_FILE=docker-compose.yml:docker-compose.gpu.yml\n"
    )
    make_env(tmp_path)
    make_env(tmp_path)
    kept = "COMPOSE_FILE=docker-compose.yml:docker-compose.gpu.yml:docker-compose.minio.yml"
    assert [
        line for line in (tmp_path / ".env").read_text().splitlines() if "COMPOSE_FILE" in line
    ] == [kept]
    secrets = {each.name: each.read_text() for each in (tmp_path / "secrets").iterdir()}
    assert secrets["store_secret"] == "of-minio"
    assert secrets["store_url"] == "s3://clip-browser:of-minio@store:8333/clip-browser?secure=0"


def test_the_address_of_minio_becomes_that_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    url = "s3://clip-browser:of-minio@{}/clip-browser?secure=0"
    (tmp_path / "secrets" / "store_url").write_text(url.format("minio:9000"))
    (tmp_path / "secrets" / "store_secret").write_text("of-minio")
    make_env(tmp_path)
    assert (tmp_path / "secrets" / "store_url").read_text() == url.format("store:8333")
    assert "docker-compose.yml:docker-compose.minio.yml" in (tmp_path / ".env").read_text()


def test_services_of_ones_own_need_no_password_of_a_bundled_one(tmp_path: Path) -> None:
    elsewhere = ("postgresql://a:b@db.example.org/c", "-", "s3://key:secret@s3.example.org/bucket")
    make_env(tmp_path, "--external", *elsewhere)
    assert (tmp_path / "secrets" / "database_url").read_text() == elsewhere[0]
    assert "COMPOSE_PROFILES=redis" in (tmp_path / ".env").read_text().splitlines()
    assert not (tmp_path / "secrets" / "postgres_password").exists()
    assert not (tmp_path / "secrets" / "store_secret").exists()


def test_a_host_of_workers_alone_needs_three_addresses(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    elsewhere = ("postgresql://a:b@db:5432/c", "redis://:d@redis:6379/0", "s3://k:s@store/bucket")
    make_env(tmp_path, "--worker", *elsewhere)
    override = yaml.safe_load((ROOT / "docker-compose.worker.yml").read_text())["services"]
    assert all(service == {"profiles": ["elsewhere"]} for service in override.values())
    left = [
        service
        for name, service in compose["services"].items()
        if name not in override and "profiles" not in service
    ]
    assert {service["command"][2] for service in left} == {"cpu", "search", "gpu"}
    for service in left:
        assert all(not each["required"] for each in service["depends_on"].values())
        assert all((tmp_path / "secrets" / name).is_file() for name in service["secrets"])
    assert not (tmp_path / "secrets" / "secret_key").exists()


def test_git_leaves_out_what_holds_secrets() -> None:
    for name in (".env", ".env.old", "secrets/secret_key"):
        ignored = subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False)
        assert ignored.returncode == 0, name
