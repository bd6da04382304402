"""`clip-browser import`: a folder, a zip or the sample dataset, with captions."""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from cli.images.batches import (
    LARGE_BYTES,
    Upload,
    as_caption_file,
    batches,
    captions_beside,
    find_uploads,
    pack,
)
from cli.images.sending import persist, send_batch, send_large, without_known
from cli.jobs.params import Misuse
from cli.jobs.progress import Job, bytes_bar, follow, follow_all, require_success
from cli.lookups import find_dataset
from cli.terminal import Terminal, figures
from common.errors import NotFound

MAX_REJECTED = 1000


def import_images(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Upload images and captions, wait until they are taken in, say what was rejected and why."""
    if arguments.sample:
        return _import_sample(terminal, arguments.dataset)
    if arguments.source is None or arguments.dataset is None:
        raise Misuse(
            "import needs a folder or zip, and --dataset NAME.",
            remedy="For the drawn sample dataset: clip-browser import --sample",
        )
    uploads = find_uploads(arguments.source)
    if arguments.captions is not None and not arguments.captions.exists():
        raise NotFound(f"There is no caption file {arguments.captions}.", remedy="Check the path.")
    dataset = _find_or_make(terminal, arguments.dataset)
    job_ids, known = _upload(terminal, dataset, uploads)
    summary: dict[str, Any] = {"dataset": dataset["id"], "images": _followed(terminal, job_ids)}
    summary["images"]["duplicates"] += known
    if arguments.captions is not None:
        summary["captions"] = _import_captions(terminal, dataset["id"], arguments.captions)
    elif beside := captions_beside(arguments.source):
        summary["captions"] = _bring_along(terminal, dataset["id"], arguments.source, beside)
    terminal.answer(summary, _told(summary))
    _say_kept(terminal, arguments, summary)
    return 0


def _import_sample(terminal: Terminal, name: str | None) -> int:
    made = terminal.client.post("/datasets/sample", {"name": name} if name else {})
    job = follow(terminal, made["job"]["id"])
    require_success(job)
    summary = {"dataset": made["dataset"]["id"], "images": job["result"]}
    terminal.answer(summary, _told(summary))
    return 0


def _find_or_make(terminal: Terminal, name: str) -> dict[str, Any]:
    try:
        return find_dataset(terminal.client, name)
    except NotFound:
        made: dict[str, Any] = terminal.client.post("/datasets", {"name": name})
        return made


def _upload(
    terminal: Terminal, dataset: dict[str, Any], uploads: list[Upload]
) -> tuple[list[str], int]:
    """(the jobs that take the images in, how many images were there already and not sent)."""
    large = [upload for upload in uploads if upload.size_bytes > LARGE_BYTES]
    small = [upload for upload in uploads if upload.size_bytes <= LARGE_BYTES]
    look = _finish_earlier(terminal, dataset["id"]) or dataset["counts"]["images"] > 0
    job_ids: list[str] = []
    known = 0
    total = sum(upload.size_bytes for upload in uploads)
    with bytes_bar(terminal, f"sending {len(uploads):,} files", total) as advance:
        for batch in batches(small):
            new = batch
            if look:
                new = persist(
                    terminal, partial(without_known, terminal.client, dataset["id"], batch)
                )
                known += len(batch) - len(new)
                advance(_size(batch) - _size(new))
            if new:
                join = job_ids[-1] if job_ids else None
                job_ids.append(send_batch(terminal, dataset["id"], new, join, advance))
        job_ids += [send_large(terminal, dataset["id"], upload, advance) for upload in large]
    return list(dict.fromkeys(job_ids)), known


def _finish_earlier(terminal: Terminal, dataset_id: str) -> bool:
    """Wait until what this person uploaded before is taken in; whether there was anything."""
    me = terminal.client.get("/auth/me")["user"]["name"]
    active = terminal.client.get("/jobs", state="active", kind="ingest", dataset_id=dataset_id)
    mine = [job["id"] for job in reversed(active["items"]) if job["created_by"] == me]
    if mine:
        terminal.say("An earlier upload is still being taken in; waiting, to send nothing twice.")
        follow_all(terminal, mine)
    return bool(mine)


def _size(uploads: list[Upload]) -> int:
    return sum(upload.size_bytes for upload in uploads)


def _followed(terminal: Terminal, job_ids: list[str]) -> dict[str, Any]:
    """The summed results of the jobs, at their end. Raises the error of one that failed."""
    jobs = follow_all(terminal, job_ids)
    for job in jobs:
        require_success(job)
    return {"added": 0, "duplicates": 0, **_summed(jobs)}


def _bring_along(
    terminal: Terminal, dataset_id: str, source: Path, beside: list[Path]
) -> dict[str, Any]:
    """Send the captions that lie in the folder; they fill images without one."""
    with tempfile.TemporaryDirectory() as scratch:
        packed = pack(source, beside, Path(scratch))
        upload = Upload(packed.name, packed, packed.stat().st_size)
        job_id = send_batch(terminal, dataset_id, [upload], None, lambda *_: None)
    job = follow(terminal, job_id)
    require_success(job)
    captions: dict[str, Any] = job["result"]["captions"]
    return captions


def _say_kept(terminal: Terminal, arguments: argparse.Namespace, summary: dict[str, Any]) -> None:
    captions = summary.get("captions") or summary["images"].get("captions") or {}
    kept = captions.get("kept_count")
    if kept:
        terminal.say(
            f"{kept:,} images have other captions already and kept them. To write over those: "
            f"clip-browser import {arguments.source} --dataset '{arguments.dataset}' "
            f"--captions {arguments.source}"
        )


def _import_captions(terminal: Terminal, dataset_id: str, captions: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        file = as_caption_file(captions, Path(scratch))
        answer = terminal.client.upload(
            f"/datasets/{dataset_id}/captions", "file", [(file.name, file)]
        )
    job = follow(terminal, answer["job"]["id"])
    require_success(job)
    result: dict[str, Any] = job["result"]
    return result


def _summed(jobs: list[Job]) -> dict[str, Any]:
    """The results of several ingest jobs as one."""
    total: dict[str, Any] = {}
    rejected: list[Any] = []
    for job in jobs:
        for name, value in (job["result"] or {}).items():
            if isinstance(value, int):
                total[name] = total.get(name, 0) + value
            elif name == "rejected":
                rejected += value
            elif isinstance(value, dict):
                total[name] = _merged(total.get(name), value)
    return {**total, "rejected": rejected[:MAX_REJECTED]}


def _merged(first: dict[str, Any] | None, second: dict[str, Any]) -> dict[str, Any]:
    """Counts added up, lists joined, of two results of the same shape."""
    merged = dict(first or {})
    for name, value in second.items():
        known = merged.get(name)
        addable = isinstance(value, (int, list)) and isinstance(known, type(value))
        merged[name] = known + value if addable and known is not None else value
    return merged


def _told(summary: dict[str, Any]) -> str:
    lines = [f"Dataset {summary['dataset']}", figures(summary["images"])]
    if "captions" in summary:
        lines += ["Captions", figures(summary["captions"])]
    return "\n".join(lines)
