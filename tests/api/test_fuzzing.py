"""What schemathesis makes up is answered as the document says: the short form; `make fuzz` is the long one."""

from __future__ import annotations

import pytest

from tests.api.conftest import Service
from tests.api.fuzzing import ROLES, STRANGER, VIEWER, fuzz

SHORT = {
    "admin": (8, ("fuzzing", "stateful")),
    "member": (4, ("fuzzing",)),
    VIEWER: (3, ("fuzzing",)),
    STRANGER: (3, ("fuzzing",)),
}


@pytest.mark.parametrize("role", ROLES)
def test_nothing_that_is_made_up_gets_an_answer_that_is_not_described(
    service: Service, role: str
) -> None:
    max_time_s, phases = SHORT[role]
    found = fuzz(service, role, max_time_s=max_time_s, examples=1, phases=phases)
    print(found)
    assert not found.errors, found
    assert not found.failures, found
    assert not [status for status in found.statuses if status >= 500], found
    assert len(found.operations) > 10, found
    if role == STRANGER:
        assert set(found.statuses) <= {200, 400, 401, 404, 405}, found
    else:  # it was signed in all the time
        assert found.statuses[200] + found.statuses[201] >= 5, found
