"""Images on their way into a dataset: verified side by side, stored once, recorded chunk by chunk.

Of a small JPEG's 9 ms of processor time 6 go into decoding, thumbnail and hashes, 2 into writing two
files; a transaction each would cost 3 more. So files are verified and stored by several threads
(Pillow, hashlib and the disk let others run meanwhile), and a chunk of them is one transaction.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common.datasets.changes import touch_images
from common.db.tables import Dataset, Image, ImageSource
from common.errors import InvalidInput, NotFound
from common.images.duplicates import find_duplicates
from common.images.files import hold_files
from common.settings import MIB
from workers.cpu.images.verification import VerifiedImage, verify_image
from workers.runtime.job_context import JobContext

SHOWN = 100  # names and reasons that a job's result lists at most; the counts are whole
MAX_THREADS = 4  # each holds one decoded picture, up to some hundred MB
TELL_EVERY_S = 1.0

Arrived = tuple[str, bytes]  # (name, content)


@dataclass
class Tally:
    """What has happened so far; the checkpoint of an ingest. done: files looked at."""

    done: int = 0
    added: int = 0
    duplicates: int = 0
    rejected: list[dict[str, str]] = field(default_factory=list)
    rejected_count: int = 0

    def reject(self, name: str, reason: str) -> None:
        """Count a file that was not taken, and why."""
        self.rejected_count += 1
        if len(self.rejected) < SHOWN:
            self.rejected = [*self.rejected, {"name": name, "reason": reason}]

    def result(self) -> dict[str, Any]:
        """What the job's result says of the images."""
        return {name: value for name, value in asdict(self).items() if name != "done"}


class Intake:
    """Adds images to one dataset; told dashboards follow once a second. Use it in a `with`.

    `tally` is kept as the job's checkpoint in the transaction that adds the images: after a crash
    the first `tally.done` files of the upload are behind it, no more and no fewer.
    """

    def __init__(self, ctx: JobContext) -> None:
        self.ctx = ctx
        self.dataset_id = require_dataset(ctx)
        self.tally = Tally(**(ctx.job.checkpoint or {}))
        self._pool = ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1))
        self._told = 0.0

    def __enter__(self) -> Intake:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def take(self, files: Sequence[Arrived], done: int) -> dict[str, int]:
        """Verify and store a chunk of images: {name: image id} of those that were taken.

        done: how many files of the upload are behind it then; a chunk that was behind an earlier
        attempt already is only recognised. Raises NotFound when the dataset was deleted.
        """
        if done <= self.tally.done:
            return self.recognise(files)
        hashes = list(self._pool.map(_hash, [data for _, data in files]))
        while True:
            known = self._known(hashes)
            verified = self._verify_all(files, hashes, known)
            try:
                return self._record([name for name, _ in files], hashes, known, verified, done)
            except IntegrityError:  # another upload brought one meanwhile, or the dataset is gone
                require_dataset(self.ctx)
                self.ctx.check_stop()

    def recognise(self, files: Sequence[Arrived]) -> dict[str, int]:
        """{name: image id} of files that the dataset has, without taking any."""
        hashes = list(self._pool.map(_hash, [data for _, data in files]))
        return _by_name([name for name, _ in files], hashes, self._known(hashes))

    def reject(self, name: str, reason: str) -> None:
        """Note a file that is no image for a reason that is known already."""
        self.tally.reject(name, reason)
        self.ctx.log(f"rejected {name}: {reason}")

    def tell(self) -> None:
        """The dataset has changed: note it, tell the dashboards."""
        with self.ctx.session() as session:
            touch_images(session, self.dataset_id)
        self.ctx.services.events.dataset(self.dataset_id)
        self._told = time.monotonic()

    def _known(self, hashes: Sequence[str]) -> dict[str, int]:
        with self.ctx.reader() as session:
            return find_duplicates(session, self.dataset_id, hashes)

    def _verify_all(
        self, files: Sequence[Arrived], hashes: Sequence[str], known: Mapping[str, int]
    ) -> dict[str, VerifiedImage | InvalidInput]:
        """Of each new file, by its hash: the image, which is stored then, or why it is none."""
        new = {
            sha256: data
            for sha256, (_, data) in zip(hashes, files, strict=True)
            if sha256 not in known
        }
        return dict(zip(new, self._pool.map(self._verify, new.values()), strict=True))

    def _verify(self, data: bytes) -> VerifiedImage | InvalidInput:
        settings = self.ctx.settings
        try:
            image = verify_image(
                data,
                max_pixels=settings.max_image_megapixels * 1_000_000,
                max_bytes=settings.max_image_mib * MIB,
                keep_metadata=settings.keep_image_metadata,
            )
        except InvalidInput as problem:
            return problem
        self._store(image)
        return image

    def _record(
        self,
        names: Sequence[str],
        hashes: Sequence[str],
        known: Mapping[str, int],
        verified: Mapping[str, VerifiedImage | InvalidInput],
        done: int,
    ) -> dict[str, int]:
        """Rows, hashes of changed files and the checkpoint, in one transaction."""
        refused = [
            (name, problem.message)
            for name, sha256 in zip(names, hashes, strict=True)
            if isinstance(problem := verified.get(sha256), InvalidInput)
        ]
        with self.ctx.session() as session:
            hold_files(session, self.dataset_id)
            first = dict(zip(reversed(hashes), reversed(names), strict=True))
            new_ids, added = self._insert(session, first, verified)
            taken = _by_name(names, hashes, {**known, **new_ids})
            tally = replace(self.tally, done=done, added=self.tally.added + added)
            tally.duplicates += len(names) - len(refused) - added
            for name, reason in refused:
                tally.reject(name, reason)
            self.ctx.keep_checkpoint(session, asdict(tally))
        self.ctx.reach(done)
        self.tally = tally
        for name, reason in refused:
            self.ctx.log(f"rejected {name}: {reason}")
        if time.monotonic() - self._told > TELL_EVERY_S:
            self.tell()
        return taken

    def _insert(
        self,
        session: Session,
        names: Mapping[str, str],
        verified: Mapping[str, VerifiedImage | InvalidInput],
    ) -> tuple[dict[str, int], int]:
        """({hash of a file as it came: image id}, how many images are new). names: by that hash.

        Two files may have become the same image, or one that is there.
        """
        images = {sha: image for sha, image in verified.items() if isinstance(image, VerifiedImage)}
        there = find_duplicates(
            session, self.dataset_id, [image.sha256 for image in images.values()]
        )
        rows: dict[str, Image] = {}
        for source, image in images.items():
            if image.sha256 not in there and image.sha256 not in rows:
                rows[image.sha256] = self._row(names[source], image)
        session.add_all(rows.values())
        session.flush()
        list(self._pool.map(self._restore, images.values()))
        ids = {**there, **{sha256: row.id for sha256, row in rows.items()}}
        session.add_all(
            ImageSource(sha256=source, image_id=ids[image.sha256])
            for source, image in images.items()
            if source != image.sha256
        )
        return {source: ids[image.sha256] for source, image in images.items()}, len(rows)

    def _restore(self, image: VerifiedImage) -> None:
        """Store an image again if the files of a deleted one with the same content were removed meanwhile."""
        row = self._row("", image)
        if not self.ctx.store.exists(row.key) or not self.ctx.store.exists(row.thumb_key):
            self._store(image)

    def _store(self, image: VerifiedImage) -> None:
        row = self._row("", image)
        self.ctx.store.put_bytes(row.key, image.data, image.mime)
        self.ctx.store.put_bytes(row.thumb_key, image.thumb_webp, "image/webp")

    def _row(self, name: str, image: VerifiedImage) -> Image:
        return Image(
            dataset_id=self.dataset_id, sha256=image.sha256, ext=image.ext, filename=name,
            width=image.width, height=image.height, size_bytes=image.size_bytes, phash=image.phash,
        )  # fmt: skip


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _by_name(names: Sequence[str], hashes: Sequence[str], ids: Mapping[str, int]) -> dict[str, int]:
    pairs = zip(names, hashes, strict=True)
    return {name: ids[sha256] for name, sha256 in pairs if sha256 in ids}


def require_dataset(ctx: JobContext) -> str:
    """The id of the job's dataset. Raises NotFound when it was deleted meanwhile."""
    dataset_id = str(ctx.job.dataset_id)
    with ctx.reader() as session:
        dataset = session.get(Dataset, dataset_id)
        if dataset is None or dataset.deleted_at is not None:
            raise NotFound(
                f"The dataset {dataset_id} was deleted.", remedy="Upload to another dataset."
            )
    return dataset_id
