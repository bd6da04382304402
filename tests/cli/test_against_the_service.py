"""The commands of the terminal on a running service."""

from __future__ import annotations

import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.cli.conftest import PASSWORD, Call, Service
from tests.workers import search_data
from workers.cpu.images.sample import draw_sample
from workers.runtime.services import open_services

UNTRAINED = "clip-browser-small/untrained"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 60 sample pictures in two subfolders, their captions, and a broken one."""
    folder = tmp_path_factory.mktemp("pictures")
    lines = ["filepath\ttitle"]
    for number, sample in enumerate(draw_sample(count=60)):
        name = f"part{number % 2}/{sample.filename}"
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(sample.png)
        lines.append(f"{name}\t{sample.caption}")
    (folder / "broken.png").write_bytes(b"this is no picture")
    (folder / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def imported(service: Service, pictures: Path) -> str:
    """A dataset `Pictures` imported by the program itself, as a process of its own."""
    command = [sys.executable, "-m", "cli.main", "import", str(pictures), "--dataset", "Pictures"]
    command += ["--url", service.url, "--token", service.token]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "added: 60" in done.stdout
    assert "broken.png" in done.stdout
    assert "written: 60" in done.stdout
    return "pictures"


def test_a_second_import_sends_and_changes_nothing(
    imported: str, call: Call, pictures: Path
) -> None:
    answer = call(
        "import", str(pictures), "--dataset", "Pictures",
        "--captions", str(pictures / "index.csv"), "--json",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert answer.json["dataset"] == imported
    assert answer.json["images"]["added"] == 0
    assert answer.json["images"]["duplicates"] == 60
    assert answer.json["captions"]["unchanged"] == 60
    assert answer.json["captions"]["written"] == 0
    last = call("jobs", "--kind", "ingest", "--dataset", imported, "--limit", "1", "--json")
    assert [upload["name"] for upload in last.json[0]["params"]["uploads"]] == ["broken.png"]
    (listed,) = [item for item in call("datasets", "--json").json if item["id"] == imported]
    assert (listed["counts"]["images"], listed["counts"]["captioned"]) == (60, 60)


def test_a_job_is_followed_to_its_result_and_listed(imported: str, call: Call) -> None:
    answer = call("split", "--dataset", "Pictures", "--val-fraction", "0.25", "--follow", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["state"] == "succeeded"
    assert answer.json["params"]["val_fraction"] == 0.25
    job_id = answer.json["id"]
    assert job_id in call("jobs", "--dataset", imported).out
    human = call("augment", "--dataset", imported, "--per-caption", "1", "--follow")
    assert human.code == 0, human.err
    assert "has succeeded" in human.out


def test_a_job_that_cannot_be_says_why_and_what_to_do(call: Call, service: Service) -> None:
    search_data.add_dataset(open_services(service.settings), 1, "lonely")
    answer = call("train", "--dataset", "lonely", "--follow")
    assert answer.code == 1
    assert answer.out == ""
    assert "Split the captions" in answer.err
    answer = call("map", "--dataset", "lonely", "--follow", "--json")
    assert (answer.code, answer.out) == (1, "")


def test_a_job_that_fails_while_followed_ends_with_exit_code_1(
    call: Call, service: Service
) -> None:
    services = open_services(service.settings)
    search_data.add_dataset(services, 3, "hollow")
    search_data.point_at(services, "hollow", UNTRAINED, "indexes/hollow/gone", 3, 128)
    answer = call("map", "--dataset", "hollow", "--follow", "--json")
    assert answer.code == 1
    assert answer.json["state"] == "failed"
    assert "Error:" in answer.err


def test_a_wrong_parameter_is_named(call: Call, imported: str) -> None:
    answer = call("split", "--dataset", imported, "--val-fractoin", "0.2")
    assert answer.code == 1
    assert "val_fractoin" in answer.err


def test_jobs_are_stopped_and_tried_again(call: Call, imported: str) -> None:
    queued = call("index", "--dataset", imported, "--model", UNTRAINED, "--json").json
    assert queued["state"] == "queued"
    stopped = call("stop", queued["id"])
    assert stopped.code == 0, stopped.err
    assert "stopped" in stopped.out
    again = call("retry", queued["id"], "--json")
    assert again.json["state"] == "queued"
    assert call("stop", queued["id"], "--mode", "kill").code == 0
    twice = call("stop", queued["id"])
    assert twice.code == 1
    assert "already stopped" in twice.err


def test_a_log_is_shown_and_followed(call: Call, imported: str) -> None:
    (job,) = call("jobs", "--kind", "ingest", "--dataset", imported, "--json").json[-1:]
    answer = call("log", job["id"], "--follow")
    assert answer.code == 0
    assert "broken.png" in answer.out
    assert call("log", "nowhere").code == 1


def test_search_finds_images_by_text_by_likeness_and_by_file(
    call: Call, service: Service, pictures: Path
) -> None:
    services = open_services(service.settings)
    ids = search_data.add_dataset(services, 6, "found")
    assert call("search", "--dataset", "found", "a star").code == 1
    search_data.add_index(services, UNTRAINED, UNTRAINED, "found")
    answer = call(
        "search", "--dataset", "found", "--model", UNTRAINED, "a star", "-k", "3", "--json"
    )
    assert answer.code == 0, answer.err
    assert len(answer.json["hits"]) == 3
    assert answer.json["model"] == UNTRAINED
    like = call("search", "--dataset", "found", "--like", str(ids[0]), "--json")
    assert ids[0] not in [hit["image_id"] for hit in like.json["hits"]]
    image = str(next(pictures.glob("part0/*.png")))
    by_file = call("search", "--dataset", "found", "--image", image, "-k", "1", "--json")
    assert by_file.json["hits"][0]["score"] == pytest.approx(1, abs=1e-3)
    shown = call("search", "--dataset", "found", "a star")
    assert "shapes-0001.png" in shown.out
    assert call("search", "--dataset", "found").code == 2


def test_an_export_is_a_whole_zip(call: Call, imported: str, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    answer = call("export", "--dataset", "Pictures", str(out))
    assert answer.code == 0, answer.err
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert "index.csv" in archive.namelist()
    assert list(tmp_path.glob("*.part")) == []
    assert call("export", "--dataset", "Pictures", str(tmp_path / "no" / "out.zip")).code == 1


def test_a_token_is_made_used_listed_and_revoked(
    call: Call, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = call("token", "create", "ci")
    token = made.out.strip()
    assert "\n" not in token
    listed = call("token", "list", "--json").json
    (row,) = [item for item in listed if item["name"] == "ci"]
    assert call("datasets", "--token", token).code == 0
    assert call("token", "revoke", str(row["id"])).code == 0
    refused = call("datasets", "--token", token)
    assert refused.code == 1
    assert "clip-browser login" in refused.err


def test_a_login_by_password_is_kept_for_later_calls(
    call: Call, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLIP_BROWSER_TOKEN")
    assert call("datasets").code == 1
    monkeypatch.setattr("getpass.getpass", lambda _: PASSWORD)
    answer = call("login", "--user", "admin")
    assert answer.code == 0, answer.err
    assert PASSWORD not in answer.out + answer.err
    assert call("datasets").code == 0
    monkeypatch.setattr("getpass.getpass", lambda _: "wrong")
    assert call("login").code == 1


def test_the_sample_dataset_comes_with_one_command(call: Call) -> None:
    answer = call("import", "--sample", "--dataset", "Drawn", "--json")
    assert answer.code == 0, answer.err
    (made,) = [item for item in call("datasets", "--json").json if item["name"] == "Drawn"]
    assert made["id"] == answer.json["dataset"]
    assert made["counts"]["images"] >= 300
    assert made["counts"]["captioned"] == made["counts"]["images"]


def test_models_and_system_are_shown(call: Call) -> None:
    assert "clip-browser-small" in call("models").out
    assert "captions" in call("system").out
    assert call("system", "--json").json["version"]


def test_an_unknown_dataset_is_answered_with_those_there_are(call: Call, imported: str) -> None:
    answer = call("split", "--dataset", "Pictuers")
    assert answer.code == 1
    assert imported in answer.err


@pytest.mark.parametrize(
    "words",
    [["nonsense"], ["jobs", "--nonsense"], ["split"], ["import"], ["search", "--dataset", "x"]],
)
def test_a_misused_command_ends_with_exit_code_2(call: Call, words: list[str]) -> None:
    assert call(*words).code == 2


def test_no_service_at_the_address_is_one_clear_sentence(call: Call) -> None:
    answer = call("jobs", "--url", "http://127.0.0.1:9")
    assert answer.code == 1
    assert "clip-browser up" in answer.err
    assert "Traceback" not in answer.err


def test_the_program_starts_without_loading_the_service() -> None:
    began = time.monotonic()
    script = (
        "import sys\nfrom cli.main import main\n"
        "main(['search', '--dataset', 'x', 'y', '--url', 'http://127.0.0.1:9'])\n"
        "heavy = {'torch', 'flask', 'celery', 'sqlalchemy', 'pydantic', 'numpy', 'api', 'workers'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
    assert time.monotonic() - began < 5
