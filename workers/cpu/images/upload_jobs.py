"""The jobs that take images and captions in: uploads, caption files, the drawn sample."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from common.archives import ArchiveLimits
from common.captions.files import MAX_CAPTION_BYTES, read_caption_files, read_captions
from common.captions.heads import read_heads
from common.errors import InvalidInput
from common.settings import MIB
from common.trash.removal import remove_folders
from workers.cpu.captions.imports import GAVE_WAY, say_rows, write_captions
from workers.cpu.captions.saving import Save, save_captions
from workers.cpu.images.ingest import Arrived, Intake, require_dataset
from workers.cpu.images.verification import UploadedFile, count_upload, iterate_upload
from workers.runtime.job_context import JobContext

CHUNK_FILES = 32
CHUNK_BYTES = 32 * MIB


@dataclass
class _Found:
    """What an upload held. ids: {name: image id} of its images, but for names that came twice."""

    ids: dict[str, int] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)
    captions: list[tuple[str, bytes]] = field(default_factory=list)
    captions_bytes: int = 0

    def add(self, ids: dict[str, int]) -> None:
        """Note which images some more files are."""
        self.twice |= {name for name, found in ids.items() if self.ids.get(name, found) != found}
        self.ids.update(ids)
        for name in self.twice:
            self.ids.pop(name, None)


def ingest_uploads(ctx: JobContext) -> dict[str, Any]:
    """Take every image of the uploads in params; captions found beside them are imported after them.

    They fill images that have no caption yet: what people have typed since is not written over.
    A worker that is lost in the middle is followed by one that goes on at its last chunk.
    """
    uploads: list[dict[str, str]] = ctx.job.params["uploads"]
    result = ctx.result_before or _ingest(ctx, uploads)
    return _closed(ctx, uploads, result)


def _ingest(ctx: JobContext, uploads: list[dict[str, str]]) -> dict[str, Any]:
    limits = _limits(ctx)
    total = sum(_count(ctx, upload, limits) for upload in uploads)
    with Intake(ctx) as intake:
        ctx.report(done=intake.tally.done, total=total, unit="files", message="reading the images")
        found = _take_all(ctx, intake, _files(ctx, uploads, limits), total)
        result = intake.tally.result()
        if found.captions:
            parsed = read_caption_files(
                found.captions, partial(say_rows, ctx, "reading the captions")
            )
            result["captions"] = write_captions(
                ctx, intake.dataset_id, parsed, aliases=found.ids, fill_only=True
            )
        intake.tell()
    return result


def _closed(
    ctx: JobContext, uploads: list[dict[str, str]], result: dict[str, Any]
) -> dict[str, Any]:
    """The result, kept before the uploads it was made from are dropped.

    Raises LeaseLost when the job is another execution's by now: that one still needs the uploads.
    """
    with ctx.session() as session:
        ctx.keep_result(session, result)
    folders = {upload["key"].rsplit("/", 2)[0] for upload in uploads}
    # uploads/<token>/<number>/<name>, as the API stores them
    stored = sorted(folder for folder in folders if folder.startswith("uploads/"))
    remove_folders(ctx.session, ctx.store, stored, ctx.job.created_by)
    shutil.rmtree(ctx.work_dir, ignore_errors=True)
    return result


def _files(
    ctx: JobContext, uploads: list[dict[str, str]], limits: ArchiveLimits
) -> Iterator[UploadedFile]:
    """The files of all uploads in their order; what was fetched from a store elsewhere is dropped."""
    for upload in uploads:
        path = _fetched(ctx, upload["key"])
        yield from iterate_upload(path, upload["name"], limits)
        if path.is_relative_to(ctx.work_dir):
            path.unlink()


def _take_all(ctx: JobContext, intake: Intake, files: Iterable[UploadedFile], total: int) -> _Found:
    found = _Found()
    behind = intake.tally.done
    for number, chunk in _chunks(files):
        ctx.check_stop()
        images = [(file.name, file.data) for file in chunk if file.kind == "image"]
        for file in chunk:
            if file.kind == "rejected" and number > behind:
                intake.reject(file.name, file.reason)
        found.add(intake.take(images, number))
        _collect_captions(intake, chunk, found)
        ctx.report(done=number, total=max(number, total))
        if number > behind:
            ctx.give_way()
    return found


def _collect_captions(intake: Intake, chunk: list[UploadedFile], found: _Found) -> None:
    for file in chunk:
        if file.kind == "captions":
            found.captions_bytes += len(file.data)
            if found.captions_bytes > MAX_CAPTION_BYTES:
                limit = MAX_CAPTION_BYTES // MIB
                intake.reject(file.name, f"the caption files are over {limit} MiB in one upload")
            else:
                found.captions.append((file.name, file.data))


def _chunks(files: Iterable[UploadedFile]) -> Iterator[tuple[int, list[UploadedFile]]]:
    """(files so far, the next ones): the same portions each time, so that a chunk is whole or not."""
    chunk: list[UploadedFile] = []
    number = size_bytes = 0
    for file in files:
        number += 1
        chunk.append(file)
        size_bytes += len(file.data)
        if len(chunk) >= CHUNK_FILES or size_bytes >= CHUNK_BYTES:
            yield number, chunk
            chunk, size_bytes = [], 0
    if chunk:
        yield number, chunk


def draw_into_dataset(ctx: JobContext) -> dict[str, Any]:
    """Draw the sample's pictures, each with its caption. params: count, seed."""
    from workers.cpu.images.sample import DEFAULT_COUNT, SampleImage, draw_sample

    params = ctx.job.params
    count, seed = int(params.get("count", DEFAULT_COUNT)), int(params.get("seed", 0))
    ctx.report(done=0, total=count, unit="pictures", message="drawing")
    with Intake(ctx) as intake:
        chunk: list[SampleImage] = []
        for number, drawn in enumerate(draw_sample(count, seed), start=1):
            chunk.append(drawn)
            if len(chunk) == CHUNK_FILES or number == count:
                ctx.check_stop()
                files: list[Arrived] = [(image.filename, image.png) for image in chunk]
                ids = intake.take(files, number)
                _caption(ctx, {ids[image.filename]: image.caption for image in chunk})
                chunk = []
            ctx.report(done=number)
        intake.tell()
        return intake.tally.result()


def _caption(ctx: JobContext, texts: dict[int, str]) -> None:
    """Give images their first caption, those that have none, in the name of who started the job."""
    with ctx.session() as session:
        heads = read_heads(session, list(texts))
        bare = [head.image_id for head in heads if head.is_first and not head.revision]
        saves = [
            Save(
                image_id, texts[image_id], 0, f"sample:{ctx.job.id}:{image_id}", ctx.job.created_by
            )
            for image_id in bare
        ]
        save_captions(session, saves)


def import_caption_file(ctx: JobContext) -> dict[str, Any]:
    """Take the captions of one uploaded file: a table, JSON lines, or a zip of such or .txt files."""
    upload: dict[str, str] = ctx.job.params["upload"]
    return _closed(ctx, [upload], ctx.result_before or _import(ctx, upload))


def _import(ctx: JobContext, upload: dict[str, str]) -> dict[str, Any]:
    ctx.report(message="reading the file")
    path = _fetched(ctx, upload["key"])
    if path.stat().st_size > MAX_CAPTION_BYTES:
        raise InvalidInput(
            f"the file is {path.stat().st_size / MIB:,.1f} MiB; the limit for captions is "
            f"{MAX_CAPTION_BYTES // MIB}",
            remedy="Import it in several parts.",
        )
    pulse = partial(_pulse, ctx)
    parsed = read_captions(path.read_bytes(), upload["name"], pulse)
    return write_captions(ctx, require_dataset(ctx), parsed, gives_way=True)


def _pulse(ctx: JobContext, rows: int) -> None:
    """While a file is read: once the job goes back to the queue, then it reads all of it anew."""
    say_rows(ctx, "reading the file", rows)
    if not ctx.job.checkpoint:
        ctx.give_way(GAVE_WAY)


def _limits(ctx: JobContext) -> ArchiveLimits:
    return ArchiveLimits(max_entry_bytes=ctx.settings.max_image_mib * MIB)


def _count(ctx: JobContext, upload: dict[str, str], limits: ArchiveLimits) -> int:
    """How many files an upload holds. Only what is called a zip is looked into."""
    if not upload["name"].lower().endswith(".zip"):
        return 1
    return count_upload(_fetched(ctx, upload["key"]), limits)


def _fetched(ctx: JobContext, key: str) -> Path:
    """A local file with what the store holds under this key."""
    here = ctx.store.local_path(key)
    if here is not None and here.exists():
        return here
    path = ctx.work_dir / key.replace("/", "_")
    if not path.exists():
        ctx.store.get_file(key, path)
    return path
