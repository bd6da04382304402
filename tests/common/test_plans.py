"""SQLite's plans: what asks for a few rows must not read all images of their dataset.

Without statistics, which it has only after an ANALYZE, SQLite takes an index by its shape alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from common.captions.claims import Claimer, NextImages, ThisImage, claim_next, claim_these
from common.captions.heads import heads_by_image
from common.db.engine import open_engine, session_factory
from common.images.duplicates import find_duplicates
from tests.migrated import migrate_new
from workers.cpu.captions.saving import Save, save_captions


def _claim(session: Session, count: int) -> None:
    tabs = [Claimer("ada", f"tab {number}", 5.0) for number in range(count)]
    claim_next(session, [NextImages("cats", tab, after=number) for number, tab in enumerate(tabs)])
    claim_these(session, [ThisImage(number, tab) for number, tab in enumerate(tabs)])


def _save(session: Session, count: int) -> None:
    saves = [Save(number, "a cat", 0, f"client {number}", "ada") for number in range(count)]
    save_captions(session, saves)
    heads_by_image(session, range(count))


def _look_for_files(session: Session, count: int) -> None:
    find_duplicates(session, "cats", (f"{number:064x}" for number in range(count)))


@pytest.mark.parametrize("ask", [_claim, _save, _look_for_files])
@pytest.mark.parametrize("count", [1, 2, 30])
def test_a_few_rows_are_found_without_reading_the_dataset(
    tmp_path: Path, ask: Callable[[Session, int], None], count: int
) -> None:
    url = f"sqlite:///{tmp_path / 'plan.db'}"
    migrate_new(url)
    engine = open_engine(url)
    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            plans.extend(row[3] for row in rows)

    event.listen(engine, "before_cursor_execute", explain)
    with session_factory(engine)() as session:
        ask(session, count)
    engine.dispose()
    assert plans
    assert not [plan for plan in plans if plan.startswith("SCAN") or "(dataset_id=?)" in plan]
