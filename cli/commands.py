"""What each subcommand does: ask the service, show the answer. Importing starts with `cli.main`."""

from __future__ import annotations

import argparse
import getpass
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from rich.live import Live
from rich.table import Table

from cli.credentials import Access, remember_login
from cli.jobs.params import Misuse, parse_params
from cli.jobs.progress import FINISHED, Job, bytes_bar, show_job, status_text
from cli.lookups import find_dataset
from cli.terminal import Terminal, table
from cli.training.plan import say_plan
from cli.training.sweeps import start_sweep
from common.errors import SecondFactorNeeded

WATCH_S = 1.0
LOG_POLL_S = 1.0


def run_job(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """split, augment, train ...: queue the job, with --follow watch it to its end."""
    params = parse_params(arguments.rest)
    dataset = find_dataset(terminal.client, arguments.dataset)
    if getattr(arguments, "sweep_lr", None) is not None:
        return start_sweep(terminal, dataset["id"], params, arguments)
    if arguments.command == "train" and arguments.after is None:
        say_plan(terminal, dataset["id"], params)
    body = {"kind": arguments.command, "params": params}
    if arguments.after is not None:
        body["after_job_id"] = arguments.after
    job = _job_of(terminal.client.post(f"/datasets/{dataset['id']}/jobs", body))
    return show_job(terminal, job, arguments.follow)


def _job_of(answer: dict[str, Any]) -> Job:
    job: Job = answer.get("job", answer)
    return job


def list_jobs(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Jobs, newest first; --watch keeps the list current until Ctrl-C."""
    wanted = {"state": arguments.state, "kind": arguments.kind, "limit": arguments.limit}
    if arguments.dataset is not None:
        wanted["dataset_id"] = find_dataset(terminal.client, arguments.dataset)["id"]

    def newest() -> list[Job]:
        found: list[Job] = terminal.client.get("/jobs", **wanted)["items"]
        return found

    if not arguments.watch or terminal.json or not terminal.out.is_terminal:
        found = newest()
        terminal.answer(found, _job_table(found))
        return 0
    with Live(console=terminal.out, auto_refresh=False) as live:
        while True:
            live.update(_job_table(newest()), refresh=True)
            time.sleep(WATCH_S)


def _job_table(found: list[Job]) -> Table:
    rows = [
        [job["id"], job["kind"], job["state"], job["dataset_id"], job["created_by"], _status(job)]
        for job in found
    ]
    return table(["job", "kind", "state", "dataset", "by", "status"], rows)


def _status(job: Job) -> str:
    if job["error"]:
        return str(job["error"]["message"])
    return "" if job["state"] in FINISHED else status_text(job)


def stop(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Ask jobs to stop; each saves what it has, or with --mode kill ends at once."""
    stopped = [
        _job_of(terminal.client.post(f"/jobs/{quote(job_id)}/stop", {"mode": arguments.mode}))
        for job_id in arguments.job
    ]
    lines = [f"Job {job['id']} ({job['kind']}): {job['state']}" for job in stopped]
    terminal.answer(stopped if len(stopped) > 1 else stopped[0], "\n".join(lines))
    return 0


def again(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """resume (from the checkpoint) or retry (from the start)."""
    answer = terminal.client.post(f"/jobs/{quote(arguments.job)}/{arguments.command}")
    return show_job(terminal, _job_of(answer), arguments.follow)


def show_log(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """A job's log; --follow goes on until the job has ended."""
    path, offset, text = f"/jobs/{quote(arguments.job)}", 0, ""
    while True:
        ended = terminal.client.get(path)["state"] in FINISHED  # first, so that no line is missed
        more, headers = terminal.client.text(f"{path}/log", offset=offset)
        text += more
        if more and not terminal.json:
            print(more, end="", flush=True)
        reached = int(headers.get("x-next-offset", offset + len(more)))
        if reached > offset:
            offset = reached
        elif ended or not arguments.follow:
            break
        else:
            time.sleep(LOG_POLL_S)
    terminal.answer({"job": arguments.job, "log": text})
    return 0


def list_datasets(terminal: Terminal, _: argparse.Namespace) -> int:
    """All datasets with their counts."""
    found = list(terminal.client.items("/datasets"))
    rows = [
        [item["id"], item["name"], item["counts"]["images"], item["counts"]["captioned"]]
        for item in found
    ]
    columns = ["id", "name", "images", "captioned"]
    terminal.answer(found, table(columns, rows, right=columns[2:]))
    return 0


def search(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Images that fit a text, an image of the dataset, or an image file."""
    given = [arguments.text, arguments.like, arguments.image]
    if sum(value is not None for value in given) != 1:
        raise Misuse(
            "search needs one thing to look for.",
            remedy='Give a text ("a red circle"), --like IMAGE_ID or --image FILE.',
        )
    dataset = find_dataset(terminal.client, arguments.dataset)
    path, wanted = f"/datasets/{dataset['id']}/search", {"model": arguments.model, "k": arguments.k}
    if arguments.image is not None:
        files = [(arguments.image.name, arguments.image)]
        answer = terminal.client.upload(path, "image", files, **wanted)
    else:
        answer = terminal.client.get(path, q=arguments.text, like=arguments.like, **wanted)
    rows = [
        [f"{hit['score']:.3f}", hit["image_id"], hit["filename"], hit["caption"]]
        for hit in answer["hits"]
    ]
    terminal.answer(answer, table(["score", "image", "file", "caption"], rows, right=["score"]))
    if not terminal.json:
        took = f"{len(rows)} of {answer['index']['images']:,} images, {answer['took_ms']:.0f} ms"
        terminal.say(f"{took}, model {answer['model']}")
    return 0


def export(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Write a dataset's archive; an existing file is replaced only when the new one is whole."""
    dataset = find_dataset(terminal.client, arguments.dataset)
    out: Path = arguments.out
    with bytes_bar(terminal, f"receiving {dataset['id']}", None) as advance:
        terminal.client.download(
            f"/datasets/{dataset['id']}/export.zip", out, advance,
            captions=arguments.captions, images=arguments.images,
        )  # fmt: skip
    size_bytes = out.stat().st_size
    facts = {"dataset": dataset["id"], "file": str(out), "size_bytes": size_bytes}
    terminal.answer(facts, f"{out}: {size_bytes / 1e6:,.1f} MB")
    return 0


def create_token(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Make an API token. On stdout stands the token alone, so that a script can keep it."""
    chosen = {"scope": arguments.scope, "days": arguments.days}
    given = {key: value for key, value in chosen.items() if value is not None}
    made = terminal.client.post("/tokens", {"name": arguments.name, **given})
    terminal.answer(made, made["token"])
    terminal.say("Keep it now: it is not shown again.")
    return 0


def list_tokens(terminal: Terminal, _: argparse.Namespace) -> int:
    """One's own tokens, without their secrets."""
    found = list(terminal.client.items("/tokens"))
    columns = ["id", "name", "scope", "created_at", "expires_at", "used_at"]
    rows = [[item[column] for column in columns] for item in found]
    titles = ["id", "name", "scope", "made", "ends", "last used"]
    terminal.answer(found, table(titles, rows))
    return 0


def revoke_token(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Make a token invalid."""
    terminal.client.delete(f"/tokens/{arguments.id}")
    terminal.answer({"revoked": arguments.id}, f"Token {arguments.id} is no longer valid.")
    return 0


def login(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Sign in by a printed link or by a password, and keep the token for later calls."""
    if arguments.link is not None:
        token = parse_qs(urlsplit(arguments.link).query).get("token", [arguments.link])[0]
        answer = terminal.client.post("/auth/link", {"token": token})
    else:
        password = getpass.getpass(f"Password of {arguments.user} at {terminal.client.url}: ")
        answer = _by_password(terminal, {"username": arguments.user, "password": password})
    kept = remember_login(Access(terminal.client.url, answer["token"]))
    name = answer["user"]["name"]
    terminal.answer(
        {"url": terminal.client.url, "user": answer["user"], "file": str(kept)},
        f"Signed in to {terminal.client.url} as {name}; kept in {kept}.",
    )
    if answer["needs_second_factor"]:
        terminal.say(
            f"{name} needs a second factor here, and has none yet. Set it up in a browser at {terminal.client.url} "
            "(who has no password comes by a new link); until then all other commands are refused."
        )
    return 0


def _by_password(terminal: Terminal, body: dict[str, str]) -> Any:
    """With a code, where one is asked for."""
    try:
        return terminal.client.post("/auth/login", body)
    except SecondFactorNeeded:
        code = getpass.getpass("Code of the authenticator app, or a recovery code: ")
        return terminal.client.post("/auth/login", {**body, "otp": code.strip()})


def apply_retention(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Remove what is kept no longer; --dry-run lists it only."""
    client = terminal.client
    found = client.get("/retention") if arguments.dry_run else client.post("/retention", {})
    columns = ["what", "name", "count", "bytes"]
    rows = [
        [item["what"], item["name"] or "in all", f"{item['count']:,}", f"{item['size_bytes']:,}"]
        for item in [*found["items"], *found["totals"]]
    ]
    terminal.answer(found, table(columns, rows, right=columns[2:]))
    return 0


def show_system(terminal: Terminal, _: argparse.Namespace) -> int:
    """Workers, queues and what they stand on."""
    facts = terminal.client.get("/system")
    if terminal.json:
        terminal.answer(facts)
        return 0
    terminal.out.print(f"CLIP Browser {facts['version']} on {facts['device']}, {facts['stack']}")
    rows = [
        [item["name"], item["depth"], item["running"], item["workers"]] for item in facts["queues"]
    ]
    columns = ["queue", "waiting", "running", "workers"]
    terminal.out.print(table(columns, rows, right=columns[1:]))
    rows = [
        [item["name"], item["host"], ", ".join(item["queues"]), item["state"], _active(item)]
        for item in facts["workers"]
    ]
    terminal.out.print(table(["worker", "host", "queues", "state", "works on"], rows))
    free = facts["disk"]["free_gb"]
    terminal.out.print(f"{free:.1f} GB free on the disk")
    return 0


def _active(worker: dict[str, Any]) -> str:
    """With its id, unless one does not see it."""
    active = worker.get("active") or []
    return ", ".join(f"{job['kind']} {job['job_id'] or ''}".strip() for job in active)
