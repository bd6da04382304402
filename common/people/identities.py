"""People by an OpenID provider: whose identity it is, their account at the first sign-in, their groups.

An identity is an issuer and a subject. Names and addresses of mail change and can be chosen at many
providers, so that nobody gets into an account because his are the same.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common.db.engine import hold
from common.db.tables import Identity, User, UserGroup, now
from common.errors import Conflict, InvalidInput, NotFound
from common.names import require_choosable
from common.people.accounts import change_role, invite
from common.people.credentials import require_enabled

MAX_NAME = 80
MAX_SHOWN = 200
MAX_GROUPS = 1000
MAX_GROUP_NAME = 200
TRIES = 99  # ada, ada-2 ... ada-99
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProvidedPerson:
    """Somebody as a provider tells of him.

    name: what he may be called here, if it is free. shown: what he is called there. is_admin: whether his
    groups make him an administrator; None: groups do not decide that.
    """

    issuer: str
    subject: str
    name: str
    shown: str
    groups: frozenset[str] = frozenset()
    is_admin: bool | None = None


def enter(session: Session, given: ProvidedPerson) -> User:
    """Whose identity it is, with the groups of this moment; a new account at the first time.

    Raises Unauthorized when the account is disabled or was removed.
    """
    hold(session, "identities")  # two tabs at once must not make two accounts
    known = _find(session, given)
    if known is None:
        user = _make_account(session, given.name)
        session.add(_identity(user, given))
    else:
        user = session.get_one(User, known.user_id)
        require_enabled(user)
        known.used_at, known.shown = now(), given.shown[:MAX_SHOWN]
    _refresh(session, user, given)
    return user


def link(session: Session, user_id: int, given: ProvidedPerson) -> None:
    """Let a person who has an account come by this identity as well. Raises Conflict when it is another's."""
    hold(session, "identities")
    known = _find(session, given)
    if known is not None and known.user_id != user_id:
        raise Conflict(
            f"'{given.shown}' is somebody else here already.",
            remedy="Sign in with it, or let that account unlink it first.",
        )
    user = session.get_one(User, user_id)
    if known is None:
        session.add(_identity(user, given))
    _refresh(session, user, given)


def unlink(session: Session, user_id: int, identity_id: int) -> str:
    """Forget an identity of a person; what it was called. Raises NotFound, Conflict on the last way in."""
    hold(session, "identities")
    found = session.get(Identity, identity_id)
    if found is None or found.user_id != user_id:
        raise NotFound(f"You have no identity {identity_id}.", remedy="Look at the list of them.")
    user = session.get_one(User, user_id)
    if user.password_hash is None and len(read_identities(session, user_id)) == 1:
        raise Conflict(
            "You have no password, and this is the only way in that is left.",
            remedy="Set a password first.",
        )
    session.delete(found)
    session.flush()
    if not read_identities(session, user_id):
        session.execute(delete(UserGroup).where(UserGroup.user_id == user_id))
    return found.shown


def read_identities(session: Session, user_id: int) -> list[Identity]:
    """Of a person, the oldest first."""
    return list(
        session.scalars(select(Identity).where(Identity.user_id == user_id).order_by(Identity.id))
    )


def _find(session: Session, given: ProvidedPerson) -> Identity | None:
    return session.scalar(
        select(Identity).where(Identity.issuer == given.issuer, Identity.subject == given.subject)
    )


def _identity(user: User, given: ProvidedPerson) -> Identity:
    return Identity(
        user_id=user.id, issuer=given.issuer, subject=given.subject, shown=given.shown[:MAX_SHOWN],
        created_at=now(), used_at=now(),
    )  # fmt: skip


def _make_account(session: Session, wanted: str) -> User:
    """A new member by a name that nobody has and that may be had."""
    for name in _names(wanted):
        try:
            with session.begin_nested():
                return invite(session, name, "member")
        except (Conflict, InvalidInput, IntegrityError):
            continue
    raise Conflict(
        f"There is no free name like '{wanted[:MAX_NAME]}'.", remedy="Ask an administrator."
    )


def _names(wanted: str) -> Iterator[str]:
    """ada, ada-2 ... ada-99; of what nobody may be called, even with a number, person ..."""
    base = "".join(letter for letter in " ".join(wanted.split()) if letter.isprintable())
    base = base[: MAX_NAME - 9] or "person"
    try:
        require_choosable(f"{base}-2")
    except InvalidInput:
        base = "person"
    yield base
    for number in range(2, TRIES + 1):
        yield f"{base}-{number}"
    yield f"{base}-{secrets.token_hex(4)}"


def _refresh(session: Session, user: User, given: ProvidedPerson) -> None:
    """The groups of this moment, and the role that they give. The last administrator stays one."""
    wanted = {True: "admin", False: "member", None: user.role}[given.is_admin]
    if wanted != user.role:
        try:
            change_role(session, user, wanted)
        except Conflict as last:
            log.warning("%s stays an administrator: %s", user.name, last.message)
    groups = sorted(name for name in given.groups if 0 < len(name) <= MAX_GROUP_NAME)
    if len(groups) > MAX_GROUPS:
        log.warning("%s is in %s groups; %s are kept", user.name, len(groups), MAX_GROUPS)
    session.execute(delete(UserGroup).where(UserGroup.user_id == user.id))
    session.add_all(UserGroup(user_id=user.id, group_name=name) for name in groups[:MAX_GROUPS])
    session.flush()
