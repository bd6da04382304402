"""One's own second factor, and the administrators' way to reset that of somebody who has lost it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import segno
from sqlalchemy import select

from api.answer import Problem
from api.capability import make_blueprint
from api.people.audited import note_details
from api.people.identity import user
from api.people.schemas import PersonPath
from api.people.second_factor.schemas import (
    Code,
    FactorList,
    FactorOf,
    NewSecondFactor,
    RecoveryCodes,
    SecondFactorState,
)
from api.people.sign_in.ways import require_session
from api.services import app_services
from common.db.tables import SecondFactor, User
from common.errors import InvalidInput, NotFound, Unauthorized
from common.people.second_factors import count_recovery_codes, is_on, reset_second_factor

second_factor = make_blueprint("second_factor", __name__, "people")
OWN = "/auth/second-factor"


@second_factor.get(OWN, responses={200: SecondFactorState})
def read_state() -> SecondFactorState:
    """Whether one has a second factor."""
    with app_services().readers() as session:
        return SecondFactorState(
            is_on=is_on(session, user().id),
            recovery_codes=count_recovery_codes(session, user().id),
        )


@second_factor.post(OWN, responses={200: NewSecondFactor, 403: Problem, 409: Problem})
def begin() -> NewSecondFactor:
    """A new secret; nothing changes until a code of it is confirmed."""
    require_session()
    with app_services().sessions() as session:
        made = app_services().second_factors.begin(session, user())
    rows = segno.make(made.address, micro=False).matrix
    return NewSecondFactor(
        secret=made.secret,
        address=made.address,
        qr=["".join(str(square) for square in row) for row in rows],
    )


@second_factor.post(f"{OWN}/confirm", responses={200: RecoveryCodes, 403: Problem, 409: Problem})
def confirm(body: Code) -> RecoveryCodes:
    """Switch it on: from now on the sign-in by password asks for a code."""
    require_session()
    with _as_input():
        return RecoveryCodes(codes=app_services().second_factors.confirm(user().id, body.code))


@second_factor.post(
    f"{OWN}/recovery-codes", responses={200: RecoveryCodes, 403: Problem, 409: Problem}
)
def renew(body: Code) -> RecoveryCodes:
    """New recovery codes; those before are void."""
    require_session()
    with _as_input():
        return RecoveryCodes(
            codes=app_services().second_factors.renew_recovery(user().id, body.code)
        )


@second_factor.post(f"{OWN}/off", responses={204: None, 403: Problem, 409: Problem})
def switch_off(body: Code) -> tuple[str, int]:
    """Sign in by password alone again."""
    require_session()
    with _as_input():
        app_services().second_factors.switch_off(user().id, body.code)
    app_services().second_factor_demand.forget(user().id)
    return "", 204


@second_factor.get("/second-factors", responses={200: FactorList, 403: Problem})
def list_second_factors() -> FactorList:
    """Who has one (administrators only)."""
    with app_services().readers() as session:
        found = session.execute(
            select(User.id, User.name, SecondFactor.confirmed_at)
            .join(SecondFactor, SecondFactor.user_id == User.id)
            .where(SecondFactor.confirmed_at.is_not(None))
            .order_by(User.name)
        )
        return FactorList(
            items=[
                FactorOf(user_id=key, name=name, confirmed_at=at) for key, name, at in found if at
            ]
        )


@second_factor.delete(
    "/users/<int:user_id>/second-factor", responses={204: None, 403: Problem, 404: Problem}
)
def reset(path: PersonPath) -> tuple[str, int]:
    """Take it away from somebody who has lost it (administrators only)."""
    with app_services().sessions() as session:
        found = session.get(User, path.user_id)
        if found is None or not reset_second_factor(session, found.id):
            raise NotFound(
                f"User {path.user_id} has no second factor.",
                remedy="Look at the list of those who have.",
            )
        note_details(name=found.name)
    app_services().second_factor_demand.forget(path.user_id)
    return "", 204


@contextmanager
def _as_input() -> Iterator[None]:
    """A wrong code of somebody who has signed in is a wrong input, and no end of the session."""
    try:
        yield
    except Unauthorized as wrong:
        raise InvalidInput(wrong.message, remedy=wrong.remedy) from wrong
