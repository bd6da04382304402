"""Before the first request: migrate, make sure there is an admin, make the sign-in link.

`python -m cli.stack.first_start` prints `{"link", "token", "note"}` as JSON for `clip-browser up`.
"""

from __future__ import annotations

import json

from sqlalchemy import delete
from sqlalchemy.orm import Session

from common.db.engine import migrate, open_engine, session_factory
from common.db.tables import Token, User
from common.logs import configure_logging
from common.people.credentials import (
    ensure_admin,
    explain_admin_password,
    issue_token,
    make_sign_in_link,
)
from common.processes import ending_with_a_sentence
from common.settings import load_settings

CLI_TOKEN = "the terminal on this machine"


def main() -> None:
    """See the module."""
    settings = load_settings()
    configure_logging("first start", settings)
    migrate(settings.database)
    sessions = session_factory(open_engine(settings.database))
    with sessions() as session:
        admin = ensure_admin(session, settings)
        facts = {
            "link": make_sign_in_link(session, settings, admin),
            "token": renew_cli_token(session, admin),
            "note": explain_admin_password(admin, settings),
        }
    print(json.dumps(facts))


def renew_cli_token(session: Session, admin: User) -> str:
    """The token that `clip-browser` uses on this machine; the one of the last start ends."""
    session.execute(delete(Token).where(Token.user_id == admin.id, Token.name == CLI_TOKEN))
    return issue_token(session, admin, "api", name=CLI_TOKEN)[1]


if __name__ == "__main__":
    with ending_with_a_sentence():
        main()
