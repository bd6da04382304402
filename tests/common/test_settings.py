from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from common.errors import InvalidInput
from common.settings import SECRETS, Settings, as_environment, load_settings, require_secret_key


def test_settings_come_from_the_environment_and_overrides_win(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLIP_BROWSER_PORT", "8123")
    monkeypatch.setenv("CLIP_BROWSER_DEVICE", "cpu")
    assert load_settings().port == 8123
    assert load_settings(port=9000).port == 9000
    assert load_settings().device == "cpu"


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "0"), ("PORT", "many"), ("DEVICE", "tpu"), ("LEASE_S", "0"), ("STACK", "half")],
)
def test_a_bad_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CLIP_BROWSER_{name}", value)
    with pytest.raises(InvalidInput) as caught:
        load_settings()
    assert f"CLIP_BROWSER_{name}" in caught.value.message
    assert value in caught.value.message
    assert ".env.example" in caught.value.remedy


@pytest.mark.parametrize("name", ["PUBLIC_URL", "LLM_BASE_URL", "TENSORBOARD_URL"])
@pytest.mark.parametrize(
    "value",
    [
        "clips.example.org", "clips.example.org:8000", "//clips.example.org", "javascript:alert(1)",
        "ftp://clips.example.org", "https://", "https://ada:secret@clips.example.org",
        "https://clips.example.org/?a=b", "https://clips.example.org/\nx", "http://[::1",
    ],
)  # fmt: skip
def test_an_address_that_is_no_whole_one_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=f"CLIP_BROWSER_{name}"):
        load_settings(**{name.lower(): value})
    for good in ("", "https://clips.example.org", "http://10.0.0.1:8000/v1", "http://[::1]:80"):
        load_settings(**{name.lower(): good})


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        load_settings().port = 1  # type: ignore[misc]


def test_a_missing_or_short_secret_is_refused() -> None:
    for secret in ("", "short"):
        with pytest.raises(InvalidInput, match="CLIP_BROWSER_SECRET_KEY"):
            require_secret_key(load_settings(secret_key=secret))
    require_secret_key(load_settings(secret_key="x" * 16))


def test_a_child_process_gets_the_same_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(data_dir=tmp_path, port=8765, lease_s=7.5, cookie_secure=True)
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_a_secret_may_stand_in_a_file_and_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        (tmp_path / name).write_text(f"of-{name}-in-a-file\n")
        monkeypatch.setenv(f"CLIP_BROWSER_{name.upper()}_FILE", str(tmp_path / name))
    settings = load_settings()
    assert all(getattr(settings, name) == f"of-{name}-in-a-file" for name in SECRETS)
    passed_on = as_environment(settings)
    assert not any("in-a-file" in value for value in passed_on.values())
    other = as_environment(load_settings(redis_url="redis://elsewhere:1/0"))
    assert other["CLIP_BROWSER_REDIS_URL"] == "redis://elsewhere:1/0"
    assert "CLIP_BROWSER_REDIS_URL_FILE" not in other


def test_an_empty_secret_file_is_a_secret_that_is_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").touch()
    monkeypatch.setenv("CLIP_BROWSER_LLM_API_KEY_FILE", str(tmp_path / "key"))
    assert load_settings().llm_api_key == ""


def test_a_secret_that_is_given_twice_or_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIP_BROWSER_SECRET_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(InvalidInput, match=r"CLIP_BROWSER_SECRET_KEY_FILE is .*cannot be read"):
        load_settings()
    (tmp_path / "key").write_text("x" * 24)
    monkeypatch.setenv("CLIP_BROWSER_SECRET_KEY", "y" * 24)
    with pytest.raises(InvalidInput, match="both set"):
        load_settings()


def test_every_setting_that_holds_a_secret_can_stand_in_a_file() -> None:
    plain = {"public_url", "store_public_url", "tensorboard_url", "llm_base_url"}
    secret = {
        name
        for name in Settings.model_fields
        if re.search("key|password|secret|^backup_to|_url$", name)
    }
    assert secret - plain == set(SECRETS)


def test_empty_urls_mean_the_data_directory(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    assert settings.database == f"sqlite:///{tmp_path}/clip-browser.db"
    assert settings.store == f"file://{tmp_path}"
    assert load_settings(host="0.0.0.0", port=81).address == "http://127.0.0.1:81"
    assert load_settings(public_url="https://clips.example/").address == "https://clips.example"


def test_every_setting_says_what_it_is() -> None:
    missing = [name for name, field in Settings.model_fields.items() if not field.description]
    assert missing == []


PROVIDER = {"oidc_issuer": "https://sso.example.org", "oidc_client_id": "clip-browser"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"oidc_issuer": "", "oidc_only": True}, "nobody could sign in"),
        ({"oidc_issuer": "http://sso.example.org"}, "https://"),
        ({"oidc_client_id": ""}, "client_id is missing"),
        ({"oidc_scopes": "profile email"}, "must have openid"),
        ({"oidc_issuer": "https://accounts.google.com"}, "everybody can have an account there"),
    ],
)
def test_a_provider_that_cannot_work_or_lets_in_the_world_is_refused_at_the_start(
    wrong: dict[str, object], said: str
) -> None:
    assert load_settings(**PROVIDER).oidc_issuer
    with pytest.raises(InvalidInput, match=said) as caught:
        load_settings(**{**PROVIDER, "oidc_client_secret": "the secret", **wrong})
    assert "the secret" not in caught.value.message
