"""What goes into the audit log by itself: these routes, once they have done what they were asked for."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy.exc import SQLAlchemyError

from api.people.rights import DATASET, IMAGE, JOB, MODEL, PERSON
from api.services import app_services
from common.people.audit import note

log = logging.getLogger(__name__)
ACTS = {
    "POST /api/v1/auth/login": "session.begin",
    "POST /api/v1/auth/link": "session.begin",
    "POST /api/v1/auth/logout": "session.end",
    "POST /api/v1/tokens": "token.make",
    "DELETE /api/v1/tokens/<int:token_id>": "token.delete",
    "PUT /api/v1/auth/password": "password.change",
    "DELETE /api/v1/sessions": "session.end",
    "DELETE /api/v1/sessions/<int:token_id>": "session.end",
    "POST /api/v1/users": "person.invite",
    "DELETE /api/v1/auth/identities/<int:identity_id>": "identity.unlink",
    "POST /api/v1/auth/second-factor/confirm": "second-factor.begin",
    "POST /api/v1/auth/second-factor/recovery-codes": "second-factor.renew",
    "POST /api/v1/auth/second-factor/off": "second-factor.end",
    f"DELETE {PERSON}/second-factor": "second-factor.reset",
    f"PATCH {PERSON}": "person.change",
    f"DELETE {PERSON}": "person.remove",
    f"POST {PERSON}/link": "person.link",
    f"DELETE {PERSON}/tokens": "token.delete",
    f"DELETE {PERSON}/tokens/<int:token_id>": "token.delete",
    "POST /api/v1/datasets": "dataset.make",
    "POST /api/v1/datasets/sample": "dataset.make",
    f"PATCH {DATASET}": "dataset.rename",
    f"DELETE {DATASET}": "dataset.delete",
    f"GET {DATASET}/export.zip": "dataset.export",
    f"GET {DATASET}/files/<name>": "dataset.export",
    f"PUT {DATASET}/members/<path:name>": "role.give",
    f"DELETE {DATASET}/members/<path:name>": "role.take",
    f"POST {DATASET}/leave": "role.take",
    f"PUT {DATASET}/groups/<path:name>": "role.give",
    f"DELETE {DATASET}/groups/<path:name>": "role.take",
    f"PUT {DATASET}/everyone": "role.everyone",
    f"POST {DATASET}/images/delete": "images.delete",
    f"DELETE {IMAGE}": "images.delete",
    f"POST {DATASET}/captions": "captions.import",
    f"POST {DATASET}/edits": "captions.edit",
    f"POST {JOB}/undo": "captions.undo",
    f"POST {JOB}/stop": "job.stop",
    f"POST {JOB}/resume": "job.resume",
    f"POST {JOB}/retry": "job.retry",
    f"PATCH {JOB}": "job.move",
    f"POST {DATASET}/jobs": "job.start",
    f"POST {DATASET}/sweep": "job.start",
    f"POST {JOB}/clone": "job.start",
    f"POST {MODEL}/blend": "job.start",
    f"PATCH {MODEL}": "model.change",
    f"DELETE {MODEL}": "model.delete",
    f"GET {MODEL}/download": "model.export",
    "POST /api/v1/models": "model.import",
    "POST /api/v1/queues/<name>/pause": "queue.pause",
    "POST /api/v1/queues/<name>/resume": "queue.resume",
    "PUT /api/v1/synonyms": "synonyms.change",
    "POST /api/v1/retention": "retention.run",
}
# Refused sign-ins by password are few: there is a limit. Those by link are not, and say nothing about anybody.
REFUSED = {"POST /api/v1/auth/login": "session.refuse"}


def note_acts(app: Flask) -> None:
    """Write the log after each request of such a route."""
    app.after_request(_note)


def note_details(**details: Any) -> None:
    """More about this request than its address says: what was chosen, and what was before."""
    g.audit_details = {**g.get("audit_details", {}), **details}


def note_actor(name: str) -> None:
    """Who it is that signs in, or tries to, with this request."""
    g.audit_actor = name


def note_act(act: str | None) -> None:
    """What this request did, where its route and its status do not tell; None: nothing to speak of."""
    g.audit_act = act


def _note(response: Response) -> Response:
    rule = request.url_rule
    route = f"{request.method} {rule.rule}" if rule is not None else ""
    act: str | None
    if "audit_act" in g:
        act = g.audit_act
    elif response.status_code < 400:
        act = ACTS.get(route)
    else:
        act = REFUSED.get(route) if response.status_code == 401 else None
    if act is not None:
        _write(act, request.view_args or {}, g.get("access"))
    return response


def _write(act: str, named: dict[str, Any], who: Any) -> None:
    kind, key = next(iter(named.items()), ("", ""))
    via = "session" if "token" not in g else g.token.kind
    try:
        with app_services().sessions() as session:
            note(
                session,
                who.name if who else g.get("audit_actor", ""),
                act,
                f"{kind.removesuffix('_id')}:{key}" if kind else "",
                dataset_id=g.get("dataset_id"),
                via=via,
                address=request.remote_addr or "",
                details=g.get("audit_details"),
            )
    except SQLAlchemyError:  # what was done is done
        log.exception("%s was not noted in the audit log", act)
