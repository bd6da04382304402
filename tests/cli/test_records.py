"""The trash and the audit log in the terminal, on a running service."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from tests.cli.conftest import Call, Service
from tests.workers import search_data
from workers.runtime.services import open_services


def _delete(service: Service, path: str) -> None:
    headers = {"Authorization": f"Bearer {service.token}"}
    assert httpx.delete(f"{service.url}/api/v1{path}", headers=headers).status_code == 204


def test_what_was_deleted_is_listed_brought_back_and_removed(call: Call, service: Service) -> None:
    search_data.add_dataset(open_services(service.settings), 2, "lost")
    _delete(service, "/datasets/lost")
    listed = call("trash", "list")
    assert "dataset:lost" in listed.out
    assert call("trash", "restore", "dataset:lost").out.strip() == "dataset:lost is back."
    assert "dataset:lost" not in call("trash", "list").out
    _delete(service, "/datasets/lost")
    assert call("trash", "empty").code == 2
    assert call("trash", "empty", "lost").code == 2
    assert call("trash", "empty", "dataset:lost").code == 0
    assert call("trash", "restore", "dataset:lost").code == 1


def test_the_log_is_shown_and_written_into_files(
    call: Call, service: Service, tmp_path: Path
) -> None:
    search_data.add_dataset(open_services(service.settings), 1, "noted")
    _delete(service, "/datasets/noted")
    shown = call("audit", "--act", "dataset.delete", "--json").json
    assert shown[0]["target"] == "dataset:noted"
    assert "dataset:noted" in call("audit", "--actor", "admin", "--limit", "1").out
    for name in ("log.csv", "log.jsonl"):
        assert call("audit", "--act", "dataset", "--out", str(tmp_path / name)).code == 0
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["target"] == "dataset:noted"
    assert '"dataset:noted"' in (tmp_path / "log.csv").read_text("utf-8-sig")
    assert call("audit", "--since", "yesterday").code == 1
