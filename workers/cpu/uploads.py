"""Images and captions on their way into a dataset: verified one by one, stored once, told at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from common.archives import ArchiveLimits
from common.csvfiles import ParsedCaptions, RejectedRow, read_caption_files, read_captions
from common.errors import ClipBrowserError, InvalidInput, NotFound
from common.schema import Dataset, Image
from common.settings import MIB
from workers.cpu.caption_import import ImportPlan, NamedImage, plan_import
from workers.cpu.captions import Save, save_caption, touch_dataset
from workers.cpu.ingest import (
    UploadedFile,
    VerifiedImage,
    count_upload,
    iterate_upload,
    verify_image,
)
from workers.runner import JobContext

SHOWN = 100  # names and reasons that a job's result lists at most; the counts are whole
TELL_EVERY_S = 1.0


class Intake:
    """Adds images to one dataset; told dashboards follow once a second."""

    def __init__(self, ctx: JobContext) -> None:
        self.ctx = ctx
        self.dataset_id = _dataset_id(ctx)
        self.added = 0
        self.duplicates = 0
        self.rejected: list[dict[str, str]] = []
        self._told = 0.0

    def take(self, name: str, data: bytes) -> int | None:
        """Verify and store one image; its id, or None when it was rejected."""
        settings = self.ctx.settings
        try:
            verified = verify_image(
                data,
                max_pixels=settings.max_image_megapixels * 1_000_000,
                max_bytes=settings.max_image_mib * MIB,
            )
        except InvalidInput as problem:
            self.reject(name, problem.message)
            return None
        image_id = self._add(name, verified)
        if time.monotonic() - self._told > TELL_EVERY_S:
            self.tell()
        return image_id

    def reject(self, name: str, reason: str) -> None:
        """Note a file that was not taken, and why."""
        self.rejected.append({"name": name, "reason": reason})
        self.ctx.log(f"rejected {name}: {reason}")

    def tell(self) -> None:
        """The dataset has changed: note it, tell the dashboards."""
        with self.ctx.session() as session:
            touch_dataset(session, self.dataset_id)
        self.ctx.services.events.dataset(self.dataset_id)
        self._told = time.monotonic()

    def result(self) -> dict[str, Any]:
        """What the job's result says of the images."""
        return {
            "added": self.added,
            "duplicates": self.duplicates,
            "rejected": self.rejected[:SHOWN],
            "rejected_count": len(self.rejected),
        }

    def _add(self, name: str, verified: VerifiedImage) -> int:
        known = self._known(verified.sha256)
        if known is not None:
            self.duplicates += 1
            return known
        row = Image(
            dataset_id=self.dataset_id, sha256=verified.sha256, ext=verified.ext, filename=name,
            width=verified.width, height=verified.height, size_bytes=verified.size_bytes,
            phash=verified.phash,
        )  # fmt: skip
        self.ctx.store.put_bytes(row.key, verified.data, verified.mime)
        self.ctx.store.put_bytes(row.thumb_key, verified.thumb_webp, "image/webp")
        try:
            with self.ctx.session() as session:
                session.add(row)
                session.flush()
        except IntegrityError:  # another upload brought it meanwhile, or the dataset is gone
            known = self._known(verified.sha256)
            if known is None:
                raise _gone(self.dataset_id) from None
            self.duplicates += 1
            return known
        self.added += 1
        return row.id

    def _known(self, sha256: str) -> int | None:
        with self.ctx.reader() as session:
            return session.scalar(
                select(Image.id).where(Image.dataset_id == self.dataset_id, Image.sha256 == sha256)
            )


def ingest_uploads(ctx: JobContext) -> dict[str, Any]:
    """Take every image of the uploads in params; captions found in a zip are imported after them."""
    intake = Intake(ctx)
    uploads: list[dict[str, str]] = ctx.job.params["uploads"]
    limits = _limits(ctx)
    paths = [(_fetched(ctx, upload["key"]), upload["name"]) for upload in uploads]
    total = sum(count_upload(path, limits) for path, _ in paths)
    ctx.report(done=0, total=total, unit="files", message="reading the images")
    captions = [
        (found.name, found.data)
        for number, found in enumerate(_files(paths, limits), start=1)
        if _take_file(ctx, intake, found, number, total)
    ]
    result = intake.result()
    if captions:
        parsed = read_caption_files(captions)
        result["captions"] = write_captions(ctx, intake.dataset_id, parsed)
    intake.tell()
    for upload in uploads:
        ctx.store.delete(upload["key"])
    return result


def _files(paths: list[tuple[Path, str]], limits: ArchiveLimits) -> Iterator[UploadedFile]:
    for path, name in paths:
        yield from iterate_upload(path, name, limits)


def _take_file(
    ctx: JobContext, intake: Intake, found: UploadedFile, number: int, total: int
) -> bool:
    """Take one file; True when it is a caption file, to be read after all images."""
    ctx.check_stop()
    if found.kind == "rejected":
        intake.reject(found.name, found.reason)
    elif found.kind == "image":
        intake.take(found.name, found.data)
    ctx.report(done=number, total=max(number, total))
    return found.kind == "captions"


def draw_into_dataset(ctx: JobContext) -> dict[str, Any]:
    """Draw the sample's pictures, each with its caption. params: count, seed."""
    from workers.cpu.sample import DEFAULT_COUNT, draw_sample

    intake = Intake(ctx)
    count, seed = (
        int(ctx.job.params.get("count", DEFAULT_COUNT)),
        int(ctx.job.params.get("seed", 0)),
    )
    for number, drawn in enumerate(draw_sample(count, seed), start=1):
        ctx.check_stop()
        image_id = intake.take(drawn.filename, drawn.png)
        if image_id is not None:
            _caption(ctx, image_id, drawn.caption, f"sample:{ctx.job.id}:{number}")
        ctx.report(done=number, total=count, unit="pictures", message="drawing")
    intake.tell()
    return intake.result()


def import_caption_file(ctx: JobContext) -> dict[str, Any]:
    """Take the captions of one uploaded file: CSV, JSON lines, or a zip of .txt files."""
    upload: dict[str, str] = ctx.job.params["upload"]
    ctx.report(message="reading the file")
    parsed = read_captions(_fetched(ctx, upload["key"]).read_bytes(), upload["name"])
    result = write_captions(ctx, _dataset_id(ctx), parsed)
    ctx.store.delete(upload["key"])
    return result


def write_captions(ctx: JobContext, dataset_id: str, parsed: ParsedCaptions) -> dict[str, Any]:
    """Write imported captions as revisions of the images they match; what happened to each row.

    A caption that somebody saved while the import ran is left as it is and listed as rejected.
    """
    with ctx.reader() as session:
        rows = session.execute(
            select(Image.id, Image.filename, Image.caption, Image.revision).where(
                Image.dataset_id == dataset_id
            )
        ).all()
    revisions = {row.id: row.revision for row in rows}
    plan = plan_import(parsed.rows, [NamedImage(row.id, row.filename, row.caption) for row in rows])
    rejected = [*parsed.rejected, *plan.rejected]
    written = 0
    for number, (image_id, text) in enumerate(plan.changes, start=1):
        ctx.check_stop()
        try:
            client_id = f"import:{ctx.job.id}:{image_id}"
            _caption(ctx, image_id, text, client_id, revisions[image_id])
            written += 1
        except ClipBrowserError as problem:
            rejected.append(RejectedRow(0, problem.message, str(image_id)))
        ctx.report(done=number, total=len(plan.changes), unit="captions", message="saving captions")
    ctx.services.events.dataset(dataset_id)
    return _import_result(plan, rejected, written)


def _import_result(plan: ImportPlan, rejected: list[RejectedRow], written: int) -> dict[str, Any]:
    shown = [{"line": row.line, "reason": row.reason, "name": row.name} for row in rejected[:SHOWN]]
    return {
        "matched": written + plan.unchanged,
        "written": written,
        "unchanged": plan.unchanged,
        "unmatched": plan.unmatched[:SHOWN],
        "unmatched_count": len(plan.unmatched),
        "rejected": shown,
        "rejected_count": len(rejected),
    }


def _caption(
    ctx: JobContext, image_id: int, text: str, client_id: str, base_revision: int = 0
) -> None:
    """Write one caption for the person who started the job; again is the same as once."""
    save = Save(image_id, text, base_revision, client_id, ctx.job.created_by)
    with ctx.session() as session:
        image = session.get(Image, image_id)
        if image is not None and image.caption == text:
            return
        save_caption(session, save)


def _limits(ctx: JobContext) -> ArchiveLimits:
    return ArchiveLimits(max_entry_bytes=ctx.settings.max_image_mib * MIB)


def _dataset_id(ctx: JobContext) -> str:
    """The job's dataset. Raises NotFound when it was deleted meanwhile."""
    with ctx.reader() as session:
        found = session.get(Dataset, ctx.job.dataset_id)
    if found is None:
        raise _gone(str(ctx.job.dataset_id))
    return found.id


def _gone(dataset_id: str) -> NotFound:
    return NotFound(f"The dataset {dataset_id} was deleted.", remedy="Upload to another dataset.")


def _fetched(ctx: JobContext, key: str) -> Path:
    """A local file with what the store holds under this key."""
    here = ctx.store.local_path(key)
    if here is not None and here.exists():
        return here
    path = ctx.work_dir / key.replace("/", "_")
    ctx.store.get_file(key, path)
    return path
