"""Makes the data directory of a service that was killed at work, for `tests/system/test_upgrade.py`.

    python -m tests.data.make_data_directory FOLDER

starts the service of this version, works with it over HTTP and the terminal's commands alone (so
that any version can be asked), kills all of it, and leaves in FOLDER an archive
`data-directory-<schema revision>.tar.xz` of what lay on the disk, `data/`, and of what the service
had said of it, `expected.json`. The models are tiny and mostly zeros, so that the archive is small.
"""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.stack import Stack, running_stack
from tests.data.small_things import draw, draw_images, write_model
from tests.system.service_facts import read_facts

QUICK = {"epochs": 1, "batch_size": 4, "lr": 1e-3}
LONG = {"epochs": 24, "batch_size": 4, "lr": 1e-3}
SOME_STEPS = 8  # of the 48 that LONG makes
LEFT_OUT = ("logs", ".lock")
Job = dict[str, Any]
Facts = dict[str, Any]


class Maker:
    """Fills a running service, step by step; `facts` is what the test will need to know."""

    def __init__(self, stack: Stack, scratch: Path) -> None:
        self.stack, self.scratch = stack, scratch
        self.facts: Facts = {}
        self.member = httpx.Client(base_url=f"{stack.url}/api/v1", timeout=60)

    def fill(self) -> None:
        """All that ends, then all that is under way when the service is killed."""
        self.let_somebody_in()
        self.make_datasets()
        self.caption()
        self.mark()
        self.learn()
        self.fail()
        self.leave_jobs()
        self.begin_upload()
        self.facts["before"] = read_facts(self.stack.http, {"shapes": "a red circle"})
        self.facts["queues"] = {
            name: self.stack.call("GET", f"/queues/{name}") for name in ("cpu", "gpu")
        }
        self.end_workers()
        self.leave_messages()

    def command(self, *words: str) -> Any:
        """A command of the terminal's, as JSON."""
        program = str(Path(sys.executable).parent / "clip-browser")
        done = subprocess.run(
            [program, *words, "--json", "--data-dir", str(self.stack.data_dir)],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def call(self, method: str, path: str, **body: Any) -> Any:
        """A request of the administrator's."""
        return self.stack.call(method, path, json=body or None)

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """A request of the member's."""
        answer = self.member.request(method, path, json=body or None)
        assert answer.status_code < 400, answer.text
        return answer.json()

    def let_somebody_in(self) -> None:
        """A member with a token, and tokens of the administrator's."""
        link = self.call("POST", "/users", name="Mira", role="member")["link"]
        session = self.ask("POST", "/auth/link", token=link.split("token=")[1])["token"]
        self.member.headers["Authorization"] = f"Bearer {session}"
        self.facts["member_token"] = self.ask("POST", "/tokens", name="a script")["token"]
        self.facts["admin_token"] = self.command("token", "create", "nightly")["token"]
        self.command("token", "create", "another")

    def make_datasets(self) -> None:
        """One that is taken through all steps, one whose steps wait."""
        folder = self.scratch / "shapes"
        draw_images(folder)
        self.command("import", str(folder), "--dataset", "Shapes")
        tools = self.scratch / "tools"
        draw_images(tools, count=5)
        self.command("import", str(tools), "--dataset", "Tools")
        self.command("import", str(tools), "--dataset", "Late")
        self.wait(lambda: self.call("GET", "/datasets/late")["counts"]["captioned"] == 5)

    def caption(self) -> None:
        """Other slots, histories, a caption that was taken away, an edit of many."""
        images = self.images("shapes")
        for number, image in enumerate(images[:6]):
            self.save(image, 1, f"{image['caption']} on paper")
            if number % 2:
                self.save(image, 2, f"drawing of {image['caption']}", self.member)
        again = self.images("shapes")
        self.save(again[0], 0, "a round red thing", self.member, base=again[0]["revision"])
        self.save(again[0], 0, "a red circle, large", base=again[0]["revision"] + 1)
        self.save(again[1], 1, None, base=1)
        self.save(again[3], 2, "a drawing, no more", base=1)
        self.save(again[4], 0, None, base=again[4]["revision"])
        edit = {"mode": "replace", "find": "yellow", "text": "golden"}
        self.facts["edit"] = self.done(self.call("POST", "/datasets/shapes/edits", **edit)["job"])
        assert self.facts["edit"]["result"]["changed"] > 3
        self.ask("POST", f"/images/{again[6]['id']}/claim")

    def save(
        self, image: Facts, slot: int, text: str | None, who: httpx.Client | None = None,
        base: int = 0,
    ) -> None:  # fmt: skip
        """One caption, written before this returns."""
        client = who or self.stack.http
        body = {"text": text, "slot": slot, "base_revision": base}
        body["client_id"] = f"made {image['id']} {slot} {base}"
        path = f"/images/{image['id']}/caption"
        answer = client.put(path, json=body, headers={"Prefer": "wait=30"})
        assert answer.status_code == 200, answer.text

    def mark(self) -> None:
        """A flag, reviews, tags, suggestions, the synonyms of all and of one dataset."""
        images = self.images("shapes")
        ids = [image["id"] for image in images]
        self.call("PUT", f"/images/{ids[5]}/flag", flagged=True, note="is this blue?")
        revisions = [image["revision"] for image in images[2:4]]
        marks = {"image_ids": ids[2:4], "revisions": revisions, "reviewed": True}
        self.ask("POST", "/datasets/shapes/marks", **marks)
        self.call("POST", "/datasets/shapes/marks", image_ids=ids[:8], tag="even")
        proposed = [
            {"image_id": ids[0], "text": "a ball", "source": "a script", "score": 0.7},
            {"image_id": ids[0], "text": "a plate", "source": "a script"},
            {"image_id": ids[1], "text": "a box", "source": "a script", "score": 0.1},
        ]
        self.call("POST", "/datasets/shapes/suggestions", items=proposed)
        self.call("POST", f"/images/{ids[0]}/suggestions/dismiss", text="a plate")
        for path, more in (
            ("/synonyms", {"bar": ["rod"]}),
            ("/datasets/shapes/synonyms", SYNONYMS),
        ):
            current = self.call("GET", path)
            merged = {**current["map"], **more}
            self.call("PUT", path, map=merged, base=current["version"])

    def learn(self) -> None:
        """Split, variants with decisions, a model brought in, a tuned one, its index and its map."""
        self.command("split", "--dataset", "Shapes", "--seed", "3", "--follow")
        self.command("augment", "--dataset", "Shapes", "--per-caption", "2", "--follow")
        variants = self.call("GET", "/datasets/shapes/variants")["items"]
        self.call("PATCH", f"/variants/{variants[0]['id']}", state="accepted")
        self.call("PATCH", f"/variants/{variants[1]['id']}", state="rejected")
        self.call("PATCH", f"/variants/{variants[2]['id']}", text="something a person wrote")
        folder = write_model(self.scratch / "tiny-vit", self.words())
        brought = self.command("model", "import", str(folder), "--name", "tiny", "--follow")
        self.base = brought["result"]["model_id"]
        tuned = self.done(self.train(self.stack.http, name="tuned", **QUICK))
        self.tuned = tuned["result"]["model_id"]
        self.call("PATCH", f"/models/{self.tuned}", note="the first of ours", tags=["good", "old"])
        self.command("index", "--dataset", "Shapes", "--model", self.tuned, "--follow")
        self.command("map", "--dataset", "Shapes", "--follow")
        self.call("PUT", "/datasets/shapes/model", model_id=self.tuned)

    def fail(self) -> None:
        """A job that fails with its reason, and one that waited for it."""
        self.call("POST", "/queues/cpu/pause", reason="")
        files = {"file": ("captions.csv", b"colour,size\nred,3\n")}
        sent = self.stack.call("POST", "/datasets/tools/captions", files=files)["job"]
        after = self.start(self.stack.http, "tools", "split", after_job_id=sent["id"])
        self.call("POST", "/queues/cpu/resume")
        ended = [self.stack.wait_for_job(job["id"]) for job in (sent, after)]
        assert [job["state"] for job in ended] == ["failed", "failed"], ended
        self.facts["failed"] = ended

    def leave_jobs(self) -> None:
        """A training stopped with its checkpoint, one that runs, and jobs that wait for their turn."""
        stopped = self.train(self.stack.http, name="stopped", **LONG)
        after = self.start(self.stack.http, "shapes", "index", after_job_id=stopped["id"])
        self.wait_for_steps(stopped["id"])
        self.call("POST", f"/jobs/{stopped['id']}/stop", mode="save")
        self.facts["stopped"] = self.stack.wait_for_job(stopped["id"])
        assert self.facts["stopped"]["state"] == "stopped", self.facts["stopped"]
        lost = self.train(self.member, name="lost", **LONG)
        self.wait_for_steps(lost["id"])
        checkpoints = self.stack.data_dir / "work" / lost["id"] / "checkpoints"
        self.wait(lambda: any(checkpoints.glob("*.pt")))
        self.freeze(lost["id"])
        self.call("POST", "/queues/gpu/pause", reason="the fan is loud")
        self.call("POST", "/queues/cpu/pause", reason="")
        waiting = self.leave_waiting()
        state = self.call("GET", f"/jobs/{lost['id']}")["state"]
        assert state == "running", f"the training that should be lost has {state}"
        self.facts |= {"lost": lost["id"], "after_stopped": after["id"], "waiting": waiting}

    def leave_waiting(self) -> dict[str, str]:
        """Jobs of all sorts that wait in both queues; {what: id}."""
        http = self.stack.http
        first = self.train(http, name="first", **QUICK)
        theirs = self.train(self.member, name="theirs", **QUICK)
        urgent = self.start(http, "shapes", "index", {"model": self.base}, priority=2)
        drawn = self.start(http, "shapes", "map", {"model": self.base}, after_job_id=urgent["id"])
        split = self.start(http, "tools", "split", {"val_fraction": 0.4})
        augment = self.start(http, "tools", "augment", after_job_id=split["id"])
        edit = {"mode": "append", "text": ", indeed"}
        edited = self.call("POST", "/datasets/tools/edits", **edit)["job"]
        image = self.scratch / "one more.png"
        draw("circle", "black").save(image)
        files = [("files", (image.name, image.read_bytes()))]
        sent = self.stack.call("POST", "/datasets/tools/images", files=files)["job"]
        unwanted = self.start(http, "tools", "split")
        self.call("POST", f"/jobs/{unwanted['id']}/stop")
        named = {
            "first": first, "theirs": theirs, "urgent": urgent, "map": drawn, "split": split,
            "augment": augment, "edit": edited, "ingest": sent,
        }  # fmt: skip
        return {name: job["id"] for name, job in named.items()}

    def begin_upload(self) -> None:
        """Half of an archive of images."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for colour in ("#888", "#ccc"):
                image = io.BytesIO()
                draw("square", colour).save(image, "PNG")
                archive.writestr(f"grey {colour[1:]}.png", image.getvalue())
        data = packed.getvalue()
        announced = {"name": "grey.zip", "size_bytes": len(data), "fingerprint": "the grey ones"}
        upload = self.call("POST", "/uploads", **announced)
        half = len(data) // 2
        sent = self.stack.http.put(
            f"/uploads/{upload['id']}", content=data[:half], headers={"Upload-Offset": "0"}
        )
        assert sent.json()["offset"] == half, sent.text
        self.facts["upload"] = {**announced, "offset": half, "content": data.hex()}

    def freeze(self, job_id: str) -> None:
        """Let a job's child process hang, until it is killed."""
        for process in psutil.Process(self.stack.process.pid).children(recursive=True):
            if job_id in " ".join(process.cmdline()):
                process.suspend()

    def end_workers(self) -> None:
        """Kill all workers at once, and start none again: messages stay in Redis from now on."""
        parent = psutil.Process(self.stack.process.pid)
        workers = [each for each in parent.children() if "fleet" in each.cmdline()]
        members = [each for worker in workers for each in worker.children(recursive=True)]
        for process in (parent, *workers, *members):
            process.suspend()
        for process in (*workers, *members):
            process.kill()
        for process in (
            *workers,
            *members,
        ):  # whose connections take messages until they have ended
            self.wait(lambda process=process: not _lives(process))

    def leave_messages(self) -> None:
        """What only a message in Redis knows: a caption on its way, and work to look for."""
        image = self.images("late")[0]
        body = {"text": "a caption that was on its way", "base_revision": image["revision"]}
        body["client_id"] = "made and not yet saved"
        assert self.call("PUT", f"/images/{image['id']}/caption", **body)["state"] == "queued"
        queues = {each["name"]: each["depth"] for each in self.call("GET", "/system")["queues"]}
        assert queues["captions"] == 1, queues
        self.facts["on_its_way"] = {"image_id": image["id"], **body}

    def images(self, dataset: str) -> list[Facts]:
        found: list[Facts] = self.call("GET", f"/datasets/{dataset}/images?limit=100")["items"]
        return found

    def words(self) -> list[str]:
        return [
            caption["text"]
            for dataset in ("shapes", "tools")
            for image in self.images(dataset)
            for caption in ({"text": image["caption"] or ""}, *image["captions"])
        ]

    def train(self, http: httpx.Client, **params: Any) -> Job:
        return self.start(http, "shapes", "train", {"pretrained": self.base, **params})

    def start(
        self, http: httpx.Client, dataset: str, kind: str, params: Facts | None = None, **more: Any
    ) -> Job:
        answer = http.post(
            f"/datasets/{dataset}/jobs", json={"kind": kind, "params": params or {}, **more}
        )
        assert answer.status_code == 202, answer.text
        job: Job = answer.json()
        return job

    def done(self, job: Job) -> Job:
        return self.stack.succeeded(job["id"], 300)

    def wait_for_steps(self, job_id: str) -> None:
        def has_come() -> bool:
            series = self.call("GET", f"/jobs/{job_id}/metrics")
            return len(series.get("train/loss", [])) >= SOME_STEPS

        self.wait(has_come)

    def wait(self, true: Callable[[], bool], timeout_s: float = 120) -> None:
        until = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < until, f"nothing came within {timeout_s} s"
            time.sleep(0.05)


SYNONYMS = {"circle": ["disc", "ring"], "square": ["box"], "green": []}


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def kill(stack: Stack) -> None:
    """End every process of the service, as a power cut would; first the one that starts others."""
    parent = psutil.Process(stack.process.pid)
    family = [parent, *parent.children(recursive=True)]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=20)


def pack(data_dir: Path, facts: Facts, archive: Path) -> None:
    """The data directory without logs, which nobody reads back, and the facts."""
    expected = data_dir.parent / "expected.json"
    expected.write_text(json.dumps(facts, indent=1, sort_keys=True), encoding="utf-8")
    with tarfile.open(archive, "w:xz", preset=9) as out:
        out.add(expected, expected.name, filter=_without_owner)
        for path in sorted(data_dir.iterdir()):
            if path.name not in LEFT_OUT:
                out.add(path, f"data/{path.name}", filter=_without_owner)


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def schema_revision(data_dir: Path) -> str:
    """The revision of the database's schema."""
    with sqlite3.connect(data_dir / "clip-browser.db") as database:
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def main() -> None:
    """See the module."""
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(scratch) / "data"
        with running_stack(data_dir, CLIP_BROWSER_CHECKPOINT_EVERY_S="0.2") as stack:
            maker = Maker(stack, Path(scratch))
            maker.fill()
            kill(stack)
        archive = f"data-directory-{schema_revision(data_dir)}.tar.xz"
        pack(data_dir, maker.facts, target / archive)


if __name__ == "__main__":
    main()
