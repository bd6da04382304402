"""Whether what the service holds follows from what was typed. Pure: notes in, problems out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.system.chaos.history import Attempt, Claim, Head, Holdings, Revision
from tests.system.chaos.outbox import Version

INDEX_LAG_S = 2.0
NOTHING = Version(0, None)  # what the first revision of a caption stands on


def check(attempts: Sequence[Attempt], claims: Sequence[Claim], held: Holdings) -> list[str]:
    """All that is wrong, in words; empty when nothing was lost, doubled, skipped or overwritten."""
    return [
        *_unknown(attempts, held.revisions),
        *_outcomes(attempts, held.revisions),
        *_chains(held.revisions),
        *_predecessors(attempts, held.revisions),
        *_heads(held.revisions, held.heads),
        *_marks(held),
        *_index("the stored index.csv", held, held.stored),
        *_index("GET index.csv", held, held.served),
        *_lag(held.index_lag_s),
        *_overlaps(claims, held.revisions),
        *held.stuck,
    ]


def _unknown(attempts: Sequence[Attempt], revisions: Sequence[Revision]) -> Iterator[str]:
    typed = {attempt.client_id for attempt in attempts}
    for row in revisions:
        if row.client_id not in typed:
            yield f"{_place(row)} revision {row.revision} ({row.client_id}) was never typed"


def _outcomes(attempts: Sequence[Attempt], revisions: Sequence[Revision]) -> Iterator[str]:
    """Saved ones are there exactly once and as typed; given-up ones are not; none is still open."""
    written: dict[str, list[Revision]] = defaultdict(list)
    for row in revisions:
        written[row.client_id].append(row)
    for attempt in attempts:
        rows = written[attempt.client_id]
        name = f"{_place(attempt)} {attempt.text!r} of {attempt.author} ({attempt.client_id})"
        if attempt.outcome in ("open", "refused"):
            yield f"{name} is {attempt.outcome} at the end, and {len(rows)} times in the database"
        elif attempt.outcome in ("dropped", "replaced", "same") and rows:
            yield f"{name} was {attempt.outcome} after a conflict, yet is revision {rows[0].revision}"
        elif attempt.outcome == "saved" and len(rows) != 1:
            yield f"{name} was confirmed, and is {len(rows)} times in the database"
        elif attempt.outcome == "saved":
            yield from _differences(name, attempt, rows[0])


def _differences(name: str, attempt: Attempt, row: Revision) -> Iterator[str]:
    for field in ("image_id", "slot", "text", "author", "revision"):
        typed, found = getattr(attempt, field), getattr(row, field)
        if typed != found:
            yield f"{name} has another {field} in the database: {found!r} in place of {typed!r}"


def _chains(revisions: Sequence[Revision]) -> Iterator[str]:
    for place, rows in _by_place(revisions).items():
        numbers = [row.revision for row in rows]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"image {place[0]} slot {place[1]} has the revisions {numbers}"


def _predecessors(attempts: Sequence[Attempt], revisions: Sequence[Revision]) -> Iterator[str]:
    """Each revision stands on the one its author had seen, and no attempt on two."""
    bases = {attempt.client_id: attempt.bases for attempt in attempts}
    for attempt in attempts:
        if len(attempt.bases) > 1:
            yield f"{_place(attempt)} ({attempt.client_id}) was sent on top of {attempt.bases}"
    for rows in _by_place(revisions).values():
        before = NOTHING
        for row in rows:
            seen = bases.get(row.client_id, [before])
            if before not in seen:
                yield f"{_place(row)} revision {row.revision} stands on {before}, its author saw {seen}"
            before = Version(row.revision, row.text)


def _heads(revisions: Sequence[Revision], heads: Sequence[Head]) -> Iterator[str]:
    last = {place: rows[-1] for place, rows in _by_place(revisions).items()}
    found = {(head.image_id, head.slot): head for head in heads if head.revision}
    for place in sorted({*last, *found}):
        row, head = last.get(place), found.get(place)
        expected = row and (row.revision, row.text, row.author)
        there = head and (head.revision, head.text, head.author)
        if expected != there:
            yield f"the head of image {place[0]} slot {place[1]} is {there}, the last revision {expected}"


def _marks(held: Holdings) -> Iterator[str]:
    first = {head.image_id for head in held.heads if head.slot == 0 and head.text is not None}
    for image_id in sorted(first ^ held.captioned):
        marked = "captioned" if image_id in held.captioned else "uncaptioned"
        yield f"image {image_id} is marked as {marked}, which its first caption denies"


def _index(name: str, held: Holdings, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    heads = sorted(held.heads, key=lambda head: (head.image_id, head.slot))
    expected = Counter((held.paths[head.image_id], head.text) for head in heads if head.text)
    found = Counter(rows)
    for path, text in expected - found:
        yield f"{name} lacks {path} {text!r}"
    for path, text in found - expected:
        yield f"{name} has {path} {text!r}, which is no caption of it"


def _lag(seconds: float) -> Iterator[str]:
    if seconds > INDEX_LAG_S:
        yield f"index.csv was right {seconds:.1f} s after the last save; the limit is {INDEX_LAG_S} s"


def _overlaps(claims: Sequence[Claim], revisions: Sequence[Revision]) -> Iterator[str]:
    """No image is served while somebody else holds it. A caption of the image ends its claims."""
    saved: dict[int, list[float]] = defaultdict(list)
    for row in revisions:
        if row.slot == 0:
            saved[row.image_id].append(row.saved_s)
    by_image: dict[int, list[tuple[Claim, float]]] = defaultdict(list)
    for claim in sorted(claims, key=lambda claim: claim.since_s):
        for other, until_s in by_image[claim.image_id]:
            if other.holder != claim.holder and until_s > claim.since_s:
                yield (
                    f"image {claim.image_id} was served to {claim.holder} "
                    f"{until_s - claim.since_s:.2f} s before the claim of {other.holder} ended"
                )
        captioned = [moment for moment in saved[claim.image_id] if moment >= claim.asked_s]
        by_image[claim.image_id].append((claim, min([claim.until_s, *captioned])))


def _by_place(revisions: Sequence[Revision]) -> dict[tuple[int, int], list[Revision]]:
    grouped: dict[tuple[int, int], list[Revision]] = defaultdict(list)
    for row in sorted(revisions, key=lambda row: row.revision):
        grouped[row.image_id, row.slot].append(row)
    return grouped


def _place(what: Attempt | Revision) -> str:
    return f"image {what.image_id} slot {what.slot}"
