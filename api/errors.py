"""Every error leaves as `{code, message, remedy, details?}`, never as HTML and never as a traceback."""

from __future__ import annotations

import logging
from typing import Any, TypeVar

from flask import Flask, Response, jsonify, request
from gunicorn.http.errors import NoMoreData, ParseException
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import DataError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as NoSuchMethod

from api.json_body import too_large
from common.errors import (
    ClipBrowserError,
    DatabaseUnavailable,
    DiskFull,
    Internal,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    UnsupportedMedia,
)
from common.store.disk import is_disk_full

log = logging.getLogger(__name__)
MAX_FAULTS = 50  # told of one body
Given = TypeVar("Given", bound=BaseModel)


def answer(problem: ClipBrowserError) -> Response:
    """The response of an error; a caption conflict also has `current` at the top."""
    shape = problem.to_dict()
    if problem.code == "caption_conflict" and problem.details:
        shape["current"] = problem.details.get("current")
    response = jsonify(shape)
    response.status_code = problem.status
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if problem.details and "retry_after_s" in problem.details:
        response.headers["Retry-After"] = str(problem.details["retry_after_s"])
    return response


def register_errors(app: Flask) -> None:
    """Make every exception of a view one of ours."""
    app.register_error_handler(ClipBrowserError, answer)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(DataError, _unfit)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(DisconnectionError, _database_away)
    app.register_error_handler(PoolTimeout, _database_away)
    app.register_error_handler(ConnectionError, _broken_off)
    app.register_error_handler(NoMoreData, _broken_off)
    app.register_error_handler(ParseException, _no_body)
    app.register_error_handler(Exception, _unexpected)


def refuse_invalid(bad: ValidationError) -> None:
    """flask-openapi3's callback for what does not fit the schema. Raises the error to send."""
    raise invalid(bad)


def read_body(kind: type[Given]) -> Given:
    """The JSON body of this request, where the view takes other bodies too. Raises InvalidInput."""
    return read_texts(kind, request.get_json())


def read_texts(kind: type[Given], given: Any) -> Given:
    """What was sent besides files. Raises InvalidInput."""
    try:
        return kind.model_validate(given)
    except ValidationError as bad:
        raise invalid(bad) from bad


def invalid(bad: ValidationError, within: str = "") -> InvalidInput:
    """InvalidInput that names the first field at fault, its value and what is asked for.

    within: the name of the object the fields belong to, such as 'params'.
    """
    told = bad.errors(include_url=False, include_context=False)[:MAX_FAULTS]
    faults = [_fault(dict(error), within) for error in told]
    first = faults[0]
    return InvalidInput(
        f"{first['field']}: {first['reason']}"
        + (f", got {first['value']}" if first["value"] else ""),
        remedy=f"Correct {first['field']}; /openapi.json describes what is taken.",
        details={"fields": faults},
    )


def _fault(error: dict[str, Any], within: str) -> dict[str, str]:
    loc = [str(part) for part in error["loc"] if not str(part).startswith("function-")]
    field = ".".join(([within] if within else []) + loc) or "body"
    reason = str(error["msg"]).removeprefix("Value error, ")
    value = "" if error["type"] == "missing" else ascii(error["input"])
    if field == "body" and error["input"] is None:
        reason, value = "a JSON object is needed", ""
    if error["type"] == "extra_forbidden":
        reason = "there is no such field"
    return {"field": field, "reason": reason, "value": value[:120]}


def _refused(problem: HTTPException) -> Response:
    response = answer(_translated(problem))
    if isinstance(problem, NoSuchMethod) and problem.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(problem.valid_methods))  # RFC 9110, 15.5.6
    return response


def _translated(problem: HTTPException) -> ClipBrowserError:
    status = problem.code or 500
    if status == 404:
        return NotFound(f"There is nothing at {request.path[:200]}.", remedy="Check the address.")
    if status == 405:
        return MethodNotAllowed(f"{request.path[:200]} does not take {request.method}.")
    if status == 413:
        return too_large(request.max_content_length)
    if status == 415:
        return UnsupportedMedia(str(problem.description), remedy="Send JSON.")
    if status < 500:
        return InvalidInput(str(problem.description), remedy="Check the request.")
    return Internal(str(problem.description))


def _unfit(problem: DataError) -> Response:
    log.info("the database refused a value", exc_info=problem)
    return answer(
        InvalidInput(
            "A value does not fit: it is too long, too large or has a NUL character.",
            remedy="Check the values of the request.",
        )
    )


def _database_away(problem: OperationalError | DisconnectionError | PoolTimeout) -> Response:
    reason = (str(problem).splitlines() or [""])[0]
    if is_disk_full(problem):
        log.error("%s %s: the database's disk is full: %s", request.method, request.path, reason)
        return answer(DiskFull("The database has no space left to write."))
    log.warning("%s %s: no database: %s", request.method, request.path, reason)
    return answer(DatabaseUnavailable("The database does not answer."))


def _broken_off(problem: ConnectionError | NoMoreData) -> Response:
    """The line was cut while the request came in: nobody reads this, and nothing is wrong here."""
    log.info("%s %s broke off: %s", request.method, request.path, problem)
    return answer(InvalidInput("The request broke off before its end.", remedy="Send it again."))


def _no_body(problem: ParseException) -> Response:
    """The server reads chunks as the view asks for them, and found none where there should be one."""
    return answer(
        InvalidInput(
            f"The body is not sent as its header says: {type(problem).__name__}.",
            remedy="Send it in whole chunks, or with its length.",
        )
    )


def _unexpected(problem: Exception) -> Response:
    log.error("%s %s", request.method, request.path, exc_info=problem)
    if is_disk_full(problem):
        return answer(DiskFull("There is no space left on the server's disk."))
    return answer(Internal("Something went wrong on the server."))
