"""A second factor: what requests and answers hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from api.answer import Answer, Moment, Page
from api.request import Body, no_nul


class Code(Body):
    """A code of the app, or a recovery code."""

    code: Annotated[str, Field(min_length=1, max_length=40), AfterValidator(no_nul)]


class SecondFactorState(Answer):
    """Whether the caller's sign-in by password asks for a code, and how many recovery codes are left."""

    is_on: bool
    recovery_codes: int


class NewSecondFactor(Answer):
    """A secret for the app: to type, and as a QR code of `address` (a row of 0 and 1 for each line of squares).

    It counts once a code of it is confirmed.
    """

    secret: str
    address: str
    qr: list[str]


class RecoveryCodes(Answer):
    """Each works once in place of a code of the app. They are shown this once."""

    codes: list[str]


class FactorOf(Answer):
    """Somebody who has a second factor. user_id: the person's."""

    user_id: int
    name: str
    confirmed_at: Moment


class FactorList(Page):
    """Everybody who has one."""

    items: list[FactorOf]
