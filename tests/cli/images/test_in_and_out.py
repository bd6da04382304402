"""Datasets on their way in and out of a running service, over a network that breaks."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import socket
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cli.images import imports, sending
from cli.main import main
from tests.cli.conftest import Call, Service

CAPTIONS = {
    "a.png": ["a red circle", "a circle, red"],
    "b.jpg": ["NA"],
    "b.png": ["007", 'a "quoted" word', "#hash; semicolon, comma"],
    "sub/a.png": ["\u05e9\u05dc\u05d5\u05dd \u200f\u05e2\u05d5\u05dc\u05dd", "👩‍🎨 at work"],
    "sub/deep/c.png": ["x" * 2000],
    "zz.png": [],
}


def picture(seed: int, side: int = 32) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def fill(folder: Path, names: list[str], first_seed: int = 0) -> None:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(first_seed + number).save(path)


def get(service: Service, path: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {service.token}"}
    answer = httpx.get(f"{service.url}/api/v1{path}", headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


def captions_of(service: Service, dataset: str) -> dict[str, list[str]]:
    """{SHA-256 of an image: its captions}, as pandas reads index.csv."""
    data = get(service, f"/datasets/{dataset}/files/index.csv").content
    table = pd.read_csv(io.BytesIO(data), sep="\t")
    found: dict[str, list[str]] = {}
    for path, title in zip(table["filepath"], table["title"], strict=True):
        found.setdefault(path.split("/")[1], []).append(str(title).strip())
    return found


@pytest.fixture(scope="module")
def captioned(service: Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A dataset with several captions an image, two of the same name, one without."""
    folder = tmp_path_factory.mktemp("captioned")
    fill(folder, list(CAPTIONS))
    rows = [{"image": name, "captions": texts} for name, texts in CAPTIONS.items() if texts]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metadata.jsonl").write_text(lines, encoding="utf-8")
    words = ["import", str(folder), "--dataset", "Captioned", "--json"]
    words += ["--url", service.url, "--token", service.token]
    assert main(words) == 0
    return "captioned"


@pytest.mark.parametrize("form", ["csv", "txt", "jsonl", "all"])
def test_what_is_exported_and_imported_into_a_new_dataset_has_the_same_captions(
    service: Service, call: Call, captioned: str, tmp_path: Path, form: str
) -> None:
    expected = captions_of(service, captioned)
    assert sum(map(len, expected.values())) == sum(map(len, CAPTIONS.values()))
    out = tmp_path / "out.zip"
    assert call("export", "--dataset", captioned, str(out), "--captions", form).code == 0
    as_zip = call("import", str(out), "--dataset", f"zip {form}", "--json")
    assert as_zip.code == 0, as_zip.err
    assert as_zip.json["images"]["added"] == len(CAPTIONS)
    assert as_zip.json["images"]["captions"]["rejected"] == []
    assert captions_of(service, as_zip.json["dataset"]) == expected
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "folder")
    as_folder = call("import", str(tmp_path / "folder"), "--dataset", f"folder {form}", "--json")
    assert as_folder.code == 0, as_folder.err
    assert captions_of(service, as_folder.json["dataset"]) == expected
    back = call("import", str(out), "--dataset", captioned, "--json").json["images"]
    assert (back["added"], back["captions"]["written"], back["captions"]["kept"]) == (0, 0, [])
    assert captions_of(service, captioned) == expected


def test_an_export_can_leave_out_what_has_no_caption(
    call: Call, captioned: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.zip"
    words = ["export", "--dataset", captioned, str(out), "--captions", "txt"]
    assert call(*words).code == 0
    everything = zipfile.ZipFile(out).namelist()
    assert call(*words, "--images", "captioned").code == 0
    names = zipfile.ZipFile(out).namelist()
    assert set(everything) - set(names) == {"images/zz.png"}
    texts = [name for name in names if name.endswith(".txt")]
    images = [name.rpartition(".")[0] for name in names if not name.endswith(".txt")]
    assert sorted(name.removesuffix(".txt") for name in texts) == sorted(images)
    assert zipfile.ZipFile(out).read("images/a.txt") == b"a red circle\na circle, red\n"
    assert call(*words[:-1], "xml").code == 2


def test_the_exported_metadata_are_those_of_an_imagefolder(
    call: Call, captioned: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.zip"
    assert call("export", "--dataset", captioned, str(out), "--captions", "jsonl").code == 0
    archive = zipfile.ZipFile(out)
    rows = [json.loads(line) for line in archive.read("metadata.jsonl").splitlines()]
    assert {row["file_name"] for row in rows} < set(archive.namelist())
    assert all(row["text"] == row["captions"][0] for row in rows)
    assert "index.csv" not in archive.namelist()


def test_a_folder_whose_upload_broke_off_is_continued_with_what_is_missing(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "whole", [f"{number:03}.png" for number in range(40)], first_seed=1000)
    shutil.copytree(tmp_path / "whole", tmp_path / "part")
    for number in range(25, 40):
        (tmp_path / "part" / f"{number:03}.png").unlink()
    monkeypatch.setattr("cli.images.batches.BATCH_FILES", 10)
    first = call("import", str(tmp_path / "part"), "--dataset", "Continued", "--json")
    assert first.json["images"]["added"] == 25
    before = {job["id"] for job in call("jobs", "--dataset", "continued", "--json").json}
    second = call("import", str(tmp_path / "whole"), "--dataset", "Continued", "--json")
    assert (second.json["images"]["added"], second.json["images"]["duplicates"]) == (15, 25)
    after = call("jobs", "--dataset", "continued", "--json").json
    sent = [len(job["params"]["uploads"]) for job in after if job["id"] not in before]
    assert sum(sent) == 15


class BreakingNetwork:
    """Passes connections on to a service, and cuts each of the first ones after some bytes."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._target = ("127.0.0.1", port)
        self._cuts = cuts
        self.passed_bytes = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            threading.Thread(target=self._pass, args=(far, near, None), daemon=True).start()
            threading.Thread(target=self._pass, args=(near, far, near), daemon=True).start()

    def _pass(
        self, source: socket.socket, target: socket.socket, client: socket.socket | None
    ) -> None:
        left = self._cuts.pop(0) if client is not None and self._cuts else None
        with contextlib.suppress(OSError):
            while data := source.recv(16_384):
                if client is not None:
                    self.passed_bytes += len(data)
                if left is not None and len(data) >= left:
                    target.sendall(data[:left])
                    break
                target.sendall(data)
                left = None if left is None else left - len(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def network(service: Service) -> Iterator[BreakingNetwork]:
    made = BreakingNetwork(service.settings.port, cuts=[30_000, 120_000, 120_000])
    yield made
    made.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses and small portions."""
    monkeypatch.setattr(sending, "PAUSES_S", (0.05,) * 5)
    monkeypatch.setattr(sending, "PORTION_BYTES", 50_000)
    monkeypatch.setattr(imports, "LARGE_BYTES", 100_000)


@pytest.mark.usefixtures("quick")
def test_a_large_zip_arrives_whole_over_a_network_that_breaks(
    call: Call, network: BreakingNetwork, tmp_path: Path
) -> None:
    fill(tmp_path / "set", [f"{number}.png" for number in range(100)], first_seed=2000)
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in (tmp_path / "set").iterdir():
            out.write(path, path.name)
    size_bytes = archive.stat().st_size
    assert size_bytes > 300_000
    answer = call(
        "import", str(archive), "--dataset", "Broken line", "--url", network.url, "--json"
    )
    assert answer.code == 0, answer.err
    assert answer.json["images"]["added"] == 100
    assert "Trying again" in answer.err
    assert network.passed_bytes < 2 * size_bytes  # of what broke off only the last portion was lost


@pytest.mark.usefixtures("quick")
def test_a_zip_that_was_given_up_goes_on_where_it_was(
    call: Call, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "set", [f"{number}.png" for number in range(60)], first_seed=3000)
    archive = tmp_path / "later.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in (tmp_path / "set").iterdir():
            out.write(path, path.name)
    size_bytes = archive.stat().st_size
    words = ["import", str(archive), "--dataset", "Later", "--json"]
    with monkeypatch.context() as short:
        short.setattr(sending, "PAUSES_S", ())
        broken = BreakingNetwork(service.settings.port, cuts=[size_bytes // 2])
        given_up = call(*words, "--url", broken.url)
        broken.close()
    assert given_up.code == 1
    assert "what has arrived is not sent twice" in given_up.err
    again = BreakingNetwork(service.settings.port, cuts=[])
    answer = call(*words, "--url", again.url)
    again.close()
    assert answer.code == 0, answer.err
    assert answer.json["images"]["added"] == 60
    assert again.passed_bytes < 0.75 * size_bytes


@pytest.mark.usefixtures("quick")
def test_a_batch_that_broke_off_is_sent_again(
    call: Call, network: BreakingNetwork, tmp_path: Path
) -> None:
    fill(tmp_path / "set", [f"{number}.png" for number in range(60)], first_seed=4000)
    answer = call("import", str(tmp_path / "set"), "--dataset", "Batches", "--url", network.url,
                  "--json")  # fmt: skip
    assert answer.code == 0, answer.err
    assert answer.json["images"]["added"] == 60
    assert "Trying again" in answer.err


def test_captions_that_differ_are_kept_and_the_way_to_write_over_them_is_told(
    call: Call, tmp_path: Path
) -> None:
    fill(tmp_path, ["a.png", "b.png"], first_seed=5000)
    (tmp_path / "a.txt").write_text("first")
    assert call("import", str(tmp_path), "--dataset", "Kept", "--json").code == 0
    (tmp_path / "a.txt").write_text("second")
    (tmp_path / "b.txt").write_text("new")
    kept = call("import", str(tmp_path), "--dataset", "Kept", "--json")
    assert kept.json["captions"]["kept"] == ["a.png"]
    assert kept.json["captions"]["written"] == 1
    assert f"--captions {tmp_path}" in kept.err
    over = call("import", str(tmp_path), "--dataset", "Kept", "--captions", str(tmp_path), "--json")
    assert (over.json["captions"]["written"], over.json["captions"]["unchanged"]) == (1, 1)
