"""Who somebody is: passwords, tokens, sessions and one-time sign-in links.

A password is stored as argon2id, a token as its SHA-256 (it is random, so nothing slower is needed).
Kinds of tokens: `api` (named, for scripts), `session` (a sign-in), `link` (works once).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import shlex
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from sqlalchemy import ColumnElement, case, delete, select, union_all, update
from sqlalchemy.orm import Session

from common.db.engine import SessionFactory, hold
from common.db.tables import FormerName, Token, User, now
from common.errors import Conflict, Unauthorized
from common.names import looks, name_key
from common.people.rights import Scope
from common.settings import Settings

ADMIN = "admin"
LINK_HOURS = 24
# RFC 9106, section 4, second recommended option: argon2id, 64 MiB, 3 passes, 4 lanes. A quarter of a
# second of processor time, 0.7 of what the scrypt before it took (N=2^15, r=8, p=3).
HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
SCRYPT = (
    "scrypt"  # how the passwords begin that were stored before argon2: `scrypt$N$r$p$salt$hash`
)
_SCRYPT_MEMORY_BYTES = 64 * 1024 * 1024
T = TypeVar("T")


class Beginning(NamedTuple):
    """How and where a session began: origin is `password`, `link` or `oidc`; address and device where the browser is."""

    origin: str = ""
    address: str = ""
    device: str = ""


NOWHERE = Beginning()


def hash_password(password: str) -> str:
    """argon2id of a password with a new salt, and its parameters, as `$argon2id$v=19$m=...`."""
    return HASHER.hash(_secret(password))


def verify_password(password: str, stored: str | None) -> bool:
    """Whether the password is the stored one. Takes the same time when there is none."""
    if stored is None:
        hash_password(password)
        return False
    if stored.startswith(SCRYPT):
        return _verify_scrypt(password, stored)
    try:
        return HASHER.verify(stored, _secret(password))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether a stored password was hashed otherwise than a new one would be."""
    return stored.startswith(SCRYPT) or HASHER.check_needs_rehash(stored)


def _verify_scrypt(password: str, stored: str) -> bool:
    _, n, r, p, salt, wanted = stored.split("$")
    made = hashlib.scrypt(
        _secret(password), salt=salt.encode(), n=int(n), r=int(r), p=int(p),
        maxmem=_SCRYPT_MEMORY_BYTES,
    )  # fmt: skip
    return hmac.compare_digest(made.hex(), wanted)


def _secret(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def token_hash(secret: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def issue_token(
    session: Session,
    user: User,
    kind: str,
    *,
    name: str = "",
    lives: timedelta | None = None,
    scope: Scope = "admin",
    begun: Beginning = NOWHERE,
) -> tuple[Token, str]:
    """A new token of a user: (row, secret). The secret is shown now and never again."""
    secret = _new_secret()
    expires_at = None if lives is None else now() + lives
    row = Token(
        user_id=user.id, kind=kind, name=name, scope=scope, token_hash=token_hash(secret),
        created_at=now(), expires_at=expires_at, **begun._asdict(),
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row, secret


def _new_secret() -> str:
    """Random, and no option of a command line, as what begins with a dash is: `--token SECRET` has to work."""
    while (secret := secrets.token_urlsafe(32)).startswith("-"):
        pass
    return secret


def user_of_token(session: Session, secret: str) -> tuple[User, Token] | None:
    """The user whose API token or session this is; None when it is unknown or has expired.

    Raises Unauthorized when that user is disabled.
    """
    row = session.execute(
        select(User, Token)
        .join(Token, Token.user_id == User.id)
        .where(Token.token_hash == token_hash(secret), Token.kind.in_(("api", "session")))
    ).first()
    if row is None or _expired(row[1].expires_at):
        return None
    require_enabled(row[0])
    return row[0], row[1]


def require_enabled(user: User) -> None:
    """Nothing, when the user may come in. Raises Unauthorized."""
    if user.disabled_at is not None or user.removed_at is not None:
        raise Unauthorized(
            f"The account of {user.name} is disabled.",
            remedy="Ask an administrator to enable it.",
            details={"reason": "disabled"},
        )


def require_link(session: Session, secret: str) -> None:
    """Nothing, when there is such a link and it is not used up. Changes nothing. Raises Unauthorized."""
    if session.scalar(select(Token.id).where(*_open_link(secret))) is None:
        raise _no_link()


def redeem_link(session: Session, secret: str) -> User:
    """The user a sign-in link was made for; the link is used up. Raises Unauthorized."""
    used = session.execute(
        update(Token).where(*_open_link(secret)).values(used_at=now()).returning(Token.user_id),
        execution_options={"synchronize_session": False},
    ).first()
    user = None if used is None else session.get(User, used.user_id)
    if user is None:
        raise _no_link()
    require_enabled(user)
    return user


def _open_link(secret: str) -> tuple[ColumnElement[bool], ...]:
    return (
        Token.token_hash == token_hash(secret),
        Token.kind == "link",
        Token.used_at.is_(None),
        Token.expires_at > now(),
    )


def _no_link() -> Unauthorized:
    return Unauthorized(
        "This sign-in link is unknown, was used before, or is too old.",
        remedy="Ask an administrator for a new link; `clip-browser up` prints one for theirs at each start.",
    )


def at_once(work: Callable[[], T]) -> T:
    """`work()`, here and now."""
    return work()


def check_password(
    readers: SessionFactory,
    sessions: SessionFactory,
    name: str,
    password: str,
    in_turn: Callable[[Callable[[], str | None]], str | None] = at_once,
) -> User:
    """The user of this name and password; an outdated hash of it is renewed.

    in_turn: calls what it is given, which hashes and so takes a quarter of a second of processor
    time and 64 MiB, when its turn has come. No connection to the database is held meanwhile.
    Raises Unauthorized without saying which was wrong; who is right and disabled is told so.
    """
    with readers() as session:
        user = session.scalar(select(User).where(User.name == name))
    stored = user.password_hash if user else None
    fresh = in_turn(lambda: _fresh_hash(password, stored))
    if fresh is None or user is None or stored is None:
        raise Unauthorized("The user name or the password is wrong.", remedy="Check both.")
    require_enabled(user)
    if fresh != stored:
        _renew(sessions, user.id, stored, fresh)
    return user


def _fresh_hash(password: str, stored: str | None) -> str | None:
    """What is to be stored of the password: the same, or a newer hash; None when it is wrong."""
    if not verify_password(password, stored) or stored is None:
        return None
    return hash_password(password) if is_outdated(stored) else stored


def _renew(sessions: SessionFactory, user_id: int, stored: str, renewed: str) -> None:
    """Exchange a password's hash, unless the password was changed meanwhile."""
    with sessions() as session:
        session.execute(
            update(User)
            .where(User.id == user_id, User.password_hash == stored)
            .values(password_hash=renewed),
            execution_options={"synchronize_session": False},
        )


def make_user(session: Session, name: str, role: str, password: str = "") -> User:
    """A new user, who signs in by link until there is a password. Raises Conflict on a taken name.

    What people may be called at all is for `common.people.accounts`.
    """
    require_free(session, name)
    user = User(
        name=name, name_key=name_key(name), role=role,
        password_hash=hash_password(password) if password else None,
    )  # fmt: skip
    session.add(user)
    session.flush()
    return user


def require_free(session: Session, name: str, user_id: int | None = None) -> None:
    """That no name which anybody has or had looks like this one. Raises Conflict.

    user_id: whose own names do not count. In the session's transaction nobody else chooses a name.
    """
    hold(session, "names of people")
    names = union_all(select(User.id, User.name), select(FormerName.user_id, FormerName.name))
    wanted = looks(name)
    for owner, other in session.execute(names):
        if owner != user_id and wanted & looks(other):
            same = f"There is a user '{other}' already."
            raise Conflict(
                same if name == other else f"'{name}' looks like '{other}', whose name is taken.",
                remedy="Choose another name.",
            )


def ensure_admin(session: Session, settings: Settings) -> User:
    """An administrator who may come in: `admin` if that is one, else whoever is one longest.

    The user `admin` is made at the first start, with CLIP_BROWSER_ADMIN_PASSWORD if that is set.
    """
    user = session.scalar(
        select(User)
        .where(User.role == "admin", User.disabled_at.is_(None), User.removed_at.is_(None))
        .order_by(case((User.name == ADMIN, 0), else_=1), User.id)
        .limit(1)
    )
    if user is None:
        return make_user(session, ADMIN, "admin", settings.admin_password)
    if user.name == ADMIN and user.password_hash is None and settings.admin_password:
        user.password_hash = hash_password(settings.admin_password)
    return user


def explain_admin_password(admin: User, settings: Settings) -> str | None:
    """What to tell whoever starts the service with another CLIP_BROWSER_ADMIN_PASSWORD than is stored; else None."""
    given = settings.admin_password
    if not given or admin.password_hash is None or verify_password(given, admin.password_hash):
        return None
    return (
        f"CLIP_BROWSER_ADMIN_PASSWORD is not the password of {admin.name}: it counts at the first start only. "
        f"To change the password: clip-browser user password {shlex.quote(admin.name)}"
    )


def make_sign_in_link(session: Session, settings: Settings, user: User) -> str:
    """An address that signs this user in once, within a day."""
    _, secret = issue_token(session, user, "link", lives=timedelta(hours=LINK_HOURS))
    session.execute(
        delete(Token).where(Token.kind.in_(("link", "session")), Token.expires_at < now()),
        execution_options={"synchronize_session": False},
    )
    return f"{settings.address}/signin?token={secret}"


def _expired(moment: datetime | None) -> bool:
    return moment is not None and moment <= now()
