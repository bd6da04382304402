"""Secrets of tokens as people use them."""

from __future__ import annotations

from pathlib import Path

from common.db.engine import open_engine, session_factory
from common.people.credentials import issue_token, make_user
from tests.migrated import migrate_new

MANY = 700  # of random ones nearly surely several would begin with a dash


def test_no_token_is_taken_for_an_option_where_it_follows_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'people.db'}"
    migrate_new(url)
    engine = open_engine(url)
    with session_factory(engine)() as session:
        ada = make_user(session, "ada", "member")
        secrets = [issue_token(session, ada, "api")[1] for _ in range(MANY)]
    engine.dispose()
    assert [secret for secret in secrets if secret.startswith("-")] == []
    assert len(set(secrets)) == MANY
