"""The whole way at the terminal with default settings on the sample dataset, and what comes out of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bench.stack import Stack
from tests.sample_pictures import matches
from workers.cpu.images.sample import draw_sample, query_text
from workers.cpu.images.sample_drawing import SHAPES

pytestmark = pytest.mark.timed

PROGRAM = str(Path(sys.executable).parent / "clip-browser")
NAME, SLUG = "Sample at the terminal", "sample-at-the-terminal"
WAY_LIMIT_S = 300


class Terminal:
    """Runs `clip-browser` against the stack, as a user on the same machine."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        known = json.loads((stack.data_dir / "cli.json").read_text())
        self._environment = {
            **os.environ, "CLIP_BROWSER_URL": stack.url, "CLIP_BROWSER_TOKEN": known["token"],
        }  # fmt: skip
        self._folder = folder

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [PROGRAM, *words], capture_output=True, text=True, env=self._environment,
            timeout=WAY_LIMIT_S, cwd=self._folder,
        )  # fmt: skip
        assert ended.returncode == code, f"{words}: {ended.stdout}\n{ended.stderr}"
        assert "Traceback" not in ended.stderr
        return ended

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json").stdout)


@pytest.fixture(scope="module")
def terminal(stack: Stack, tmp_path_factory: Any) -> Terminal:
    return Terminal(stack, tmp_path_factory.mktemp("terminal"))


@pytest.fixture(scope="module")
def way(stack: Stack, terminal: Terminal) -> dict[str, Any]:
    """The way, once: {took_s, trained (the job), model}."""
    began = time.monotonic()
    terminal.run("import", "--sample", "--dataset", NAME)
    for kind in ("split", "augment", "train"):
        terminal.run(kind, "--dataset", NAME, "--follow")
    trained = next(
        job for job in stack.call("GET", "/jobs?kind=train&state=succeeded")["items"]
        if job["dataset_id"] == SLUG
    )  # fmt: skip
    model = trained["result"]["model_id"]
    terminal.run("index", "--dataset", NAME, "--model", model, "--follow")
    terminal.run("search", "--dataset", NAME, "--model", model, "a red circle")
    return {"took_s": time.monotonic() - began, "trained": trained, "model": model}


def test_the_way_with_default_settings_takes_less_than_five_minutes(way: dict[str, Any]) -> None:
    print(f"the way took {way['took_s']:.0f} s")
    assert way["took_s"] < WAY_LIMIT_S


def test_training_more_than_doubles_recall_at_ten(way: dict[str, Any]) -> None:
    result = way["trained"]["result"]
    before, after = result["recall_before"]["t2i_r10"], result["recall_after"]["t2i_r10"]
    print(f"text-to-image recall@10 {before:.3f} -> {after:.3f}")
    assert after >= 0.9
    assert before < 0.45


def test_queries_find_right_images_far_more_often_than_the_untrained_model(
    way: dict[str, Any], stack: Stack, terminal: Terminal
) -> None:
    """Share of right images among the first five, over queries for one shape of one colour.

    No training caption is such a query. With the seeds 0 to 3 it was 0.35 to 0.57 over twelve queries:
    the limit is below what a seed, or another order of additions, may change.
    """
    drawn = {image.filename: image for image in draw_sample()}
    untrained = "clip-browser-small/untrained"
    terminal.run("index", "--dataset", NAME, "--model", untrained, "--follow")
    wanted = [(shape, colour) for shape in SHAPES for colour in ("red", "blue", "green")]

    def hits(model: str, words: str) -> Any:
        asked = {"q": words, "model": model, "k": 5}
        return stack.call("GET", f"/datasets/{SLUG}/search", params=asked)["hits"]

    def precision(model: str) -> float:
        right = shown = 0
        for shape, colour in wanted:
            for hit in hits(model, query_text(shape, colour)):
                shown += 1
                right += matches(drawn[hit["filename"]], shape, colour)
        return right / shown

    tuned, chance = precision(way["model"]), precision(untrained)
    print(f"precision@5 {chance:.2f} untrained -> {tuned:.2f} tuned")
    assert tuned >= 0.3
    assert tuned > 5 * chance
    told = terminal.json(
        "search", "--dataset", NAME, "--model", way["model"], "a red circle", "-k", "5"
    )
    assert told["hits"] == hits(way["model"], "a red circle")


def test_a_folder_with_captions_goes_in_and_comes_out(terminal: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "plants"
    (folder / "more").mkdir(parents=True)
    rows = []
    for number, image in enumerate(draw_sample(6, seed=9)):
        name = image.filename if number else f"more/{image.filename}"
        (folder / name).write_bytes(image.png)
        rows.append(f"{name},{image.caption}")
    (tmp_path / "captions.csv").write_text("image,caption\n" + "\n".join(rows))
    captions = str(tmp_path / "captions.csv")
    terminal.run("import", str(folder), "--dataset", "Plants", "--captions", captions)
    terminal.run("export", "--dataset", "Plants", str(tmp_path / "out.zip"))
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        table = archive.read("index.csv").decode().splitlines()
        assert len(table) == 7
        for line in table[1:]:
            path, caption = line.split("\t")
            assert any(row.endswith(f",{caption}") for row in rows)
            assert archive.read(path)[:4] == b"\x89PNG"


def test_errors_say_what_to_do_next_and_end_with_code_one(terminal: Terminal) -> None:
    said = terminal.run("search", "--dataset", "nowhere", "a dog", code=1).stderr
    assert "nowhere" in said
    said = terminal.run("train", "--dataset", "Plants", "--follow", code=1).stderr
    assert "Split the captions" in said
    said = terminal.run("train", "--dataset", NAME, "--epochs", "many", code=1).stderr
    assert "epochs" in said


def test_catalogue_weights_that_are_not_here_fail_at_once_with_the_place_for_them(
    way: dict[str, Any], terminal: Terminal
) -> None:
    began = time.monotonic()
    words = [
        "train",
        "--dataset",
        NAME,
        "--model",
        "ViT-B-32",
        "--pretrained",
        "openai",
        "--follow",
    ]
    ended = terminal.run(*words, code=1)
    assert "weights" in ended.stderr + ended.stdout
    assert time.monotonic() - began < 45


def test_tokens_are_made_listed_and_revoked(stack: Stack, terminal: Terminal) -> None:
    made = terminal.json("token", "create", "notebook")
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert stack.http.get("/auth/me", headers=headers).status_code == 200
    terminal.run("token", "revoke", str(made["id"]))
    assert stack.http.get("/auth/me", headers=headers).status_code == 401


def test_split_augment_train_and_index_can_be_queued_at_once(
    way: dict[str, Any], stack: Stack, terminal: Terminal
) -> None:
    before = ""
    for kind, more in (("split", []), ("augment", []), ("train", ["--epochs", "1"]), ("index", [])):
        after = ["--after", before] if before else []
        before = terminal.json(kind, "--dataset", NAME, *more, *after)["id"]
    last = stack.succeeded(before, timeout_s=120)
    assert last["result"]["model_id"] != way["model"]
