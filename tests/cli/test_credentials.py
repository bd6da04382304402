"""Where the terminal finds address and token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.credentials import DEFAULT_URL, Access, find_access, remember_login


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No environment, no earlier login, no data folder."""
    for name in ("URL", "TOKEN", "DATA_DIR"):
        monkeypatch.delenv(f"CLIP_BROWSER_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def write_embedded(
    folder: Path, url: str = "http://127.0.0.1:9000", token: str = "embedded"
) -> None:
    folder.mkdir()
    (folder / "cli.json").write_text(json.dumps({"url": url, "token": token}))


def test_nothing_known_means_the_default_address_and_no_token() -> None:
    assert find_access(None, None, None) == Access(DEFAULT_URL, "")


def test_the_command_line_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIP_BROWSER_URL", "http://from-env:1/")
    monkeypatch.setenv("CLIP_BROWSER_TOKEN", "env")
    assert find_access(None, None, None) == Access("http://from-env:1", "env")
    assert find_access("host:2", "mine", None) == Access("http://host:2", "mine")


def test_the_running_stack_of_the_data_folder_is_found(tmp_path: Path) -> None:
    write_embedded(tmp_path / "data")
    assert find_access(None, None, None) == Access("http://127.0.0.1:9000", "embedded")
    write_embedded(tmp_path / "other", "http://127.0.0.1:9001", "second")
    assert find_access(None, None, tmp_path / "other").token == "second"


def test_a_token_is_never_sent_to_another_address(tmp_path: Path) -> None:
    write_embedded(tmp_path / "data")
    remember_login(Access("http://team", "kept"))
    assert find_access("http://stranger", None, None) == Access("http://stranger", "")
    assert find_access("http://team/", None, None) == Access("http://team", "kept")


def test_a_login_is_kept_for_its_owner_alone_and_the_newest_counts(tmp_path: Path) -> None:
    path = remember_login(Access("http://one", "a"))
    remember_login(Access("http://two", "b"))
    remember_login(Access("http://two", "c"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert find_access(None, None, None) == Access("http://two", "c")
    assert find_access("http://one", None, None).token == "a"


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"url": "x"}', "null", '"x"'])
def test_a_broken_file_is_as_if_it_was_not_there(tmp_path: Path, content: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cli.json").write_text(content)
    assert find_access(None, None, None) == Access(DEFAULT_URL, "")
