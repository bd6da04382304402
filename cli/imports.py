"""`clip-browser import`: a folder, a zip or the sample dataset, with captions."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from cli.lookups import find_dataset
from cli.params import Misuse
from cli.progress import Job, bytes_bar, follow, follow_all, require_success
from cli.terminal import Terminal, figures
from cli.uploads import Upload, as_caption_file, batches, captions_beside, find_uploads
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
    jobs = follow_all(terminal, _upload(terminal, dataset["id"], uploads))
    for job in jobs:
        require_success(job)
    summary: dict[str, Any] = {"dataset": dataset["id"], "images": _summed(jobs)}
    if arguments.captions is not None:
        summary["captions"] = _import_captions(terminal, dataset["id"], arguments.captions)
    else:
        _offer_captions(terminal, arguments, uploads)
    terminal.answer(summary, _told(summary))
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


def _upload(terminal: Terminal, dataset_id: str, uploads: list[Upload]) -> list[str]:
    """Send the images in portions; the ids of the jobs that take them in."""
    job_ids = []
    total = sum(upload.size_bytes for upload in uploads)
    with bytes_bar(terminal, f"sending {len(uploads):,} files", total) as advance:
        for batch in batches(uploads):
            answer = terminal.client.upload(
                f"/datasets/{dataset_id}/images",
                "files",
                [(upload.name, upload.path) for upload in batch],
                advance,
            )
            job_ids.append(answer["job"]["id"])
    return job_ids


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


def _offer_captions(
    terminal: Terminal, arguments: argparse.Namespace, uploads: list[Upload]
) -> None:
    beside = captions_beside(arguments.source, uploads)
    if beside is not None:
        what = "a caption file" if beside.is_file() else "captions in .txt files"
        terminal.say(
            f"There is {what} too. To import it: clip-browser import {arguments.source} "
            f"--dataset '{arguments.dataset}' --captions {beside}"
        )


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
