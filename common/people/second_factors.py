"""A second factor for sign-ins by password: codes that an app makes of a secret (RFC 6238), and recovery codes.

The secret is encrypted (AES-256-GCM) with a key made of CLIP_BROWSER_SECRET_KEY, and bound to its person. A
code works once: the step of the newest that was taken is kept. After MAX_WRONG wrong ones in a row only a
recovery code gets in, since six digits can be guessed by who has the password and the time.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from common.db.engine import SessionFactory
from common.db.tables import RecoveryCode, SecondFactor, User, now
from common.errors import Conflict, SecondFactorNeeded, Unauthorized

ISSUER = "CLIP Browser"  # what the app shows
STEP_S = 30
STEPS_OFF = 1  # a clock may be a step ahead or behind
MAX_WRONG = 100
RECOVERY_CODES = 10
RECOVERY_BYTES = 10  # 80 bits, 16 letters and digits
NONCE_BYTES = 12


class NewFactor(NamedTuple):
    """What the app needs. secret: in base32, to type. address: otpauth://, to scan."""

    secret: str
    address: str


class SecondFactors:
    """The second factors of this service. Thread-safe, without a state. clock: seconds since 1970."""

    def __init__(
        self,
        readers: SessionFactory,
        sessions: SessionFactory,
        secret_key: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._readers, self._sessions, self._clock = readers, sessions, clock
        self._cipher = AESGCM(_derived_key(secret_key))

    def begin(self, session: Session, user: User) -> NewFactor:
        """A new secret for a person, which counts once it is confirmed. Raises Conflict when one is on."""
        found = session.get(SecondFactor, user.id)
        if found is not None and found.confirmed_at is not None:
            raise Conflict(
                "You have a second factor already.", remedy="Switch it off to begin with another."
            )
        secret = pyotp.random_base32()
        sealed = self._seal(user.id, secret)
        if found is None:
            session.add(SecondFactor(user_id=user.id, secret=sealed, created_at=now()))
        else:
            found.secret, found.created_at = sealed, now()
        return NewFactor(
            secret, pyotp.TOTP(secret).provisioning_uri(name=user.name, issuer_name=ISSUER)
        )

    def confirm(self, user_id: int, code: str) -> list[str]:
        """Switch on what was begun, as the app's code shows that it has the secret; new recovery codes."""
        with self._readers() as session:
            found = session.get(SecondFactor, user_id)
        if found is None or found.confirmed_at is not None:
            raise Conflict("No second factor was begun.", remedy="Begin with 'Set up'.")
        self._take_code(found, code)
        with self._sessions() as session:
            session.execute(
                update(SecondFactor)
                .where(SecondFactor.user_id == user_id)
                .values(confirmed_at=now())
            )
            return _renew_recovery(session, user_id)

    def require(self, user_id: int, code: str) -> None:
        """Nothing, when the person has no second factor or this is a code of it.

        Raises SecondFactorNeeded without one, and Unauthorized when it is wrong or was used before.
        """
        with self._readers() as session:
            found = session.get(SecondFactor, user_id)
        if found is None or found.confirmed_at is None:
            return
        if not code.strip():
            raise SecondFactorNeeded(
                "A code of your authenticator app is needed, too.",
                remedy="Send it as 'otp' with the password; a recovery code does as well.",
                details={"field": "otp"},
            )
        if not self._take_recovery(user_id, code):
            self._take_code(found, code)

    def renew_recovery(self, user_id: int, code: str) -> list[str]:
        """New recovery codes in place of all earlier ones. Raises as `require` does, and Conflict."""
        self._require_on(user_id, code)
        with self._sessions() as session:
            return _renew_recovery(session, user_id)

    def switch_off(self, user_id: int, code: str) -> None:
        """As its person wants it. Raises as `require` does, and Conflict when it is not on."""
        self._require_on(user_id, code)
        with self._sessions() as session:
            reset_second_factor(session, user_id)

    def _require_on(self, user_id: int, code: str) -> None:
        with self._readers() as session:
            if not is_on(session, user_id):
                raise Conflict("You have no second factor.", remedy="Set one up first.")
        self.require(user_id, code)

    def _take_code(self, found: SecondFactor, code: str) -> None:
        """Use up a code of the app, in one UPDATE, so that of two at once one gets in."""
        if found.wrong_codes >= MAX_WRONG:
            raise Unauthorized(
                f"There were {MAX_WRONG} wrong codes, so that codes of the app are not taken any more.",
                remedy="Use a recovery code, or let an administrator reset your second factor.",
            )
        step = self._step_of(self._open(found), code)
        with self._sessions() as session:
            taken = (
                step is not None
                and session.execute(
                    update(SecondFactor)
                    .where(SecondFactor.user_id == found.user_id, SecondFactor.last_step < step)
                    .values(last_step=step, wrong_codes=0)
                    .returning(SecondFactor.user_id),
                    execution_options={"synchronize_session": False},
                ).first()
            )
            if not taken:
                session.execute(
                    update(SecondFactor)
                    .where(SecondFactor.user_id == found.user_id)
                    .values(wrong_codes=SecondFactor.wrong_codes + 1)
                )
        if not taken:
            raise Unauthorized(
                "The code is wrong, too old, or was used before.",
                remedy="Wait for the next one; the clock of the app's device must be right.",
            )

    def _step_of(self, secret: str, code: str) -> int | None:
        """The step that a code is of; None when it is of none that is near."""
        current = int(self._clock() // STEP_S)
        code = "".join(code.split())
        for step in range(current - STEPS_OFF, current + STEPS_OFF + 1):
            if secrets.compare_digest(_bytes(pyotp.HOTP(secret).at(step)), _bytes(code)):
                return step
        return None

    def _take_recovery(self, user_id: int, code: str) -> bool:
        with self._readers() as session:  # a look first: what nobody made changes nothing
            if session.get(RecoveryCode, (user_id, _recovery_hash(code))) is None:
                return False
        with self._sessions() as session:
            gone = session.execute(
                delete(RecoveryCode)
                .where(
                    RecoveryCode.user_id == user_id, RecoveryCode.code_hash == _recovery_hash(code)
                )
                .returning(RecoveryCode.user_id),
                execution_options={"synchronize_session": False},
            ).first()
            if gone is not None:
                session.execute(
                    update(SecondFactor)
                    .where(SecondFactor.user_id == user_id)
                    .values(wrong_codes=0)
                )
        return gone is not None

    def _seal(self, user_id: int, secret: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), str(user_id).encode())
        return base64.b64encode(nonce + sealed).decode()

    def _open(self, found: SecondFactor) -> str:
        sealed = base64.b64decode(found.secret)
        try:
            return self._cipher.decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], str(found.user_id).encode()
            ).decode()
        except InvalidTag:
            raise Unauthorized(
                "The second factor was set up with another CLIP_BROWSER_SECRET_KEY.",
                remedy="Use a recovery code, or let an administrator reset your second factor.",
            ) from None


def is_on(session: Session, user_id: int) -> bool:
    """Whether a person's sign-in by password asks for a code."""
    found = session.get(SecondFactor, user_id)
    return found is not None and found.confirmed_at is not None


def count_recovery_codes(session: Session, user_id: int) -> int:
    """How many are left."""
    counted = select(func.count()).where(RecoveryCode.user_id == user_id)
    return session.scalar(counted) or 0


def reset_second_factor(session: Session, user_id: int) -> bool:
    """Take a person's second factor and recovery codes away; whether there was one that counted."""
    was_on = is_on(session, user_id)
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id))
    return was_on


def _renew_recovery(session: Session, user_id: int) -> list[str]:
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.add_all(RecoveryCode(user_id=user_id, code_hash=_recovery_hash(code)) for code in codes)
    return codes


def _recovery_code() -> str:
    """Such as `k3jd-9qhx-...`: in base32, which has no letters that look alike."""
    letters = base64.b32encode(os.urandom(RECOVERY_BYTES)).decode().lower()
    return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def _recovery_hash(code: str) -> str:
    letters = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(_bytes(letters)).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _derived_key(secret_key: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"clip-browser second factor").derive(
        secret_key.encode()
    )
