"""`clip-browser user`: for whoever has the machine, but no password.

Works in the database that the settings name, whether the service runs or not, and needs no token: who may
write there may do anything. A service that runs hears of it at once, or without its Redis within seconds.
"""

from __future__ import annotations

import argparse
import getpass
import json
import logging
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from cli.people.database import find_person, open_database, read_settings
from cli.terminal import open_console, table
from common.db.tables import SecondFactor, Token, User
from common.errors import InvalidInput, NotFound
from common.messaging.events import Events
from common.people import accounts
from common.people.audit import note
from common.people.credentials import hash_password, make_sign_in_link
from common.people.second_factors import reset_second_factor
from common.settings import Settings

Parsers = Any  # argparse's subparsers action has no public type
ROLES = ("admin", "member")


class Told(NamedTuple):
    """What a command answers: as JSON, and for people. act, details: for the audit log, where something changed."""

    value: Any
    human: str | Table
    act: str = ""
    details: dict[str, Any] | None = None


class Place(NamedTuple):
    """Where a command works."""

    session: Session
    settings: Settings
    words: argparse.Namespace


Command = Callable[[Place], Told]


def add_parser(parsers: Parsers) -> None:
    """Add `user` and what can be done."""
    user = parsers.add_parser(
        "user", help="people, straight in the database of this machine: let in, link, password ...",
        description="Works in the database that the settings name (CLIP_BROWSER_DATABASE_URL, or the data folder), without a sign-in. "
        "A service that runs on it hears of it.",
        epilog="Locked out? 'clip-browser user link admin' prints a link that signs in once.",
    )  # fmt: skip
    actions = user.add_subparsers(dest="action", metavar="ACTION", required=True)

    def add(
        name: str, run: Command, text: str, more: str = "", *, named: bool = True
    ) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}. {more}", allow_abbrev=False
        )
        if named:
            made.add_argument("name", metavar="NAME", help="as 'clip-browser user list' has it")
        made.add_argument(
            "--data-dir", type=Path, metavar="DIR", help="folder of all data (default ./data)"
        )
        made.add_argument("--json", action="store_true", help="print JSON")
        made.set_defaults(run=lambda words: _run(run, words), asks=run is set_password)
        return made

    add("list", list_people, "list everybody", "Also who was disabled or removed.", named=False)
    role: dict[str, Any] = {"choices": ROLES, "metavar": "admin|member", "help": "in the service"}
    add("add", add_person, "let somebody in; prints a sign-in link",
        "The link works once, for a day.").add_argument("--role", default="member", **role)  # fmt: skip
    add("link", make_link, "print a new sign-in link; those before end",
        "It works once, for a day. Within an hour after coming by it a new password needs no old one.")  # fmt: skip
    add("password", set_password, "set a password; all sessions end",
        "It is asked for, or read from a pipe. API tokens stay.")  # fmt: skip
    add("rename", rename, "give another name, in all that was done",
        "Nobody else can take the old name.").add_argument(
        "new", metavar="NEW", help="the other name")  # fmt: skip
    add("role", change_role, "make an administrator or a member").add_argument("role", **role)
    add("disable", disable, "end all sessions, and let nobody in as this person",
        "API tokens rest until the account is enabled.")  # fmt: skip
    add("enable", enable, "let somebody in again who was disabled")
    add("remove", remove, "remove somebody for good",
        "Captions, datasets and jobs stay under the name, which nobody else can take.")  # fmt: skip
    add("second-factor", reset_factor, "take the second factor away from who has lost it",
        "The password alone lets in then; where a second factor is a duty, another one is set up first.")  # fmt: skip
    sessions = add("sessions", show_sessions, "list or end sessions and API tokens")
    ending = sessions.add_mutually_exclusive_group()
    ending.add_argument("--end", type=int, metavar="ID", help="end this one")
    ending.add_argument("--end-all", action="store_true", help="end all")


def list_people(place: Place) -> Told:
    """Everybody, also who was removed."""
    used = select(func.max(Token.used_at)).where(Token.user_id == User.id).scalar_subquery()
    confirmed = (
        select(SecondFactor.confirmed_at).where(SecondFactor.user_id == User.id).scalar_subquery()
    )
    found = [
        {
            "name": person.name, "role": person.role, "state": _state(person),
            "has_password": person.password_hash is not None,
            "has_second_factor": factor is not None,
            "last_used": None if last is None else last.isoformat(timespec="minutes"),
        }
        for person, last, factor in place.session.execute(
            select(User, used, confirmed).order_by(User.name)
        )
    ]  # fmt: skip
    columns = ["name", "role", "state", "has_password", "has_second_factor", "last_used"]
    rows = [[_cell(item[column]) for column in columns] for item in found]
    return Told(found, table([column.replace("_", " ") for column in columns], rows))


def add_person(place: Place) -> Told:
    """Let somebody in."""
    person = accounts.invite(place.session, place.words.name, place.words.role)
    link = make_sign_in_link(place.session, place.settings, person)
    return Told(
        {"name": person.name, "link": link}, link, "person.invite", {"role": place.words.role}
    )


def make_link(place: Place) -> Told:
    """A new link."""
    person = find_person(place.session, place.words.name)
    link = accounts.renew_link(place.session, place.settings, person)
    return Told({"name": person.name, "link": link}, link, "person.link")


def set_password(place: Place) -> Told:
    """Another password, which was asked for before: nobody types while others wait for the database."""
    person = find_person(place.session, place.words.name)
    accounts.store_password(place.session, person, place.words.hashed)
    return _done(
        person, "password.change", f"{person.name} has a new password. All sessions have ended."
    )


def rename(place: Place) -> Told:
    """Another name."""
    person = find_person(place.session, place.words.name)
    if place.words.new == person.name:
        return Told({"name": person.name}, f"{person.name} is called so already.")
    before = accounts.rename(place.session, person, place.words.new)
    return _done(
        person, "person.change", f"{before} is now {person.name}.", before={"name": before}
    )


def change_role(place: Place) -> Told:
    """Another role in the service."""
    person = find_person(place.session, place.words.name)
    accounts.change_role(place.session, person, place.words.role)
    what = {"admin": "an administrator", "member": "a member"}[place.words.role]
    return _done(person, "person.change", f"{person.name} is {what} now.", role=place.words.role)


def disable(place: Place) -> Told:
    """Nobody comes in as this person."""
    person = find_person(place.session, place.words.name)
    accounts.disable(place.session, person)
    return _done(person, "person.change", f"{person.name} is disabled.", disabled=True)


def enable(place: Place) -> Told:
    """The opposite."""
    person = find_person(place.session, place.words.name)
    accounts.enable(place.session, person)
    return _done(person, "person.change", f"{person.name} is enabled.", disabled=False)


def remove(place: Place) -> Told:
    """For good."""
    person = find_person(place.session, place.words.name)
    accounts.remove(place.session, person)
    return _done(
        person, "person.remove", f"{person.name} is removed; nobody else can take the name."
    )


def reset_factor(place: Place) -> Told:
    """The password alone lets in again."""
    person = find_person(place.session, place.words.name)
    if not reset_second_factor(place.session, person.id):
        raise NotFound(
            f"{person.name} has no second factor.",
            remedy="There is nothing to reset: a password or a link is enough.",
        )
    return _done(person, "second-factor.reset", f"{person.name} has no second factor any more.")


def show_sessions(place: Place) -> Told:
    """Sessions and API tokens, or the end of some."""
    person, words = find_person(place.session, place.words.name), place.words
    mine = (Token.user_id == person.id, Token.kind.in_(("session", "api")))
    if words.end is not None or words.end_all:
        chosen = delete(Token).where(*mine).returning(Token.id)
        if words.end is not None:
            chosen = chosen.where(Token.id == words.end)
        ended = list(place.session.scalars(chosen))
        if not ended and words.end is not None:
            raise NotFound(
                f"{person.name} has no session or token {words.end}.",
                remedy=f"See clip-browser user sessions {shlex.quote(person.name)}.",
            )
        return _done(person, "token.delete", f"{len(ended)} ended.", ended=ended)
    columns = ["id", "kind", "name", "scope", "device", "address", "used_at", "expires_at"]
    found = place.session.scalars(select(Token).where(*mine).order_by(Token.id))
    rows = [{column: getattr(row, column) for column in columns} for row in found]
    cells = [[_cell(value) for value in row.values()] for row in rows]
    shown = table([column.replace("_", " ") for column in columns], cells)
    none = f"{person.name} has no session and no API token."
    return Told(json.loads(json.dumps(rows, default=str)), shown if rows else none)


def _done(person: User, act: str, said: str, **details: Any) -> Told:
    return Told({"name": person.name, "state": _state(person), **details}, said, act, details)


def _state(person: User) -> str:
    if person.removed_at is not None:
        return "removed"
    return "disabled" if person.disabled_at is not None else "enabled"


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat(timespec="minutes") if hasattr(value, "isoformat") else value


def _tell(settings: Settings) -> None:
    """A service that does not run has nothing to hear, and nobody has to read of it."""
    logging.getLogger(Events.__module__).addHandler(logging.NullHandler())
    events = Events(settings)
    events.people()
    events.close()


def _ask_password(name: str) -> str:
    """Typed twice; from a pipe its first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass(f"New password of {name}: ")
    if getpass.getpass("Once more: ") != password:
        raise InvalidInput("The two are not the same.", remedy="Try again.")
    return password


def _run(command: Command, words: argparse.Namespace) -> int:
    """In one transaction, with a line in the audit log; then the answer."""
    settings = read_settings(words.data_dir)
    if words.asks:
        with open_database(settings) as session:
            find_person(session, words.name)  # before somebody types
        password = accounts.require_password(_ask_password(words.name), words.name)
        words.hashed = hash_password(password)
    with open_database(settings) as session:
        told = command(Place(session, settings, words))
        if told.act:
            details = {**(told.details or {}), "name": words.name, "by": getpass.getuser()}
            note(session, "", told.act, via="terminal", details=details)
    if told.act:
        _tell(settings)
    if words.json:
        print(json.dumps(told.value, ensure_ascii=False, indent=2))
    else:
        open_console().print(told.human, soft_wrap=isinstance(told.human, str))
    return 0
