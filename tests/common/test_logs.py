"""Log lines: their ids, in other threads too, their two forms, and what none of them holds."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.log_secrets import Secrets, without_secrets
from common.logs import (
    AddIds,
    Event,
    begin_request,
    configure_logging,
    end_request,
    name_user,
    of_job,
    request_id,
    tell,
    with_ids,
)
from common.settings import load_settings
from tests.kept_logging import kept_logging

DOCS = Path(__file__).parents[2] / "docs" / "logs.md"
log = logging.getLogger("common.tests")


def ids() -> str:
    record = logging.LogRecord("x", logging.INFO, "", 0, "said", None, None)
    AddIds().filter(record)
    return str(record.__dict__["ids"])


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """What is written to standard error since the last call; logging is as it was afterwards."""
    with kept_logging():
        yield lambda: capsys.readouterr().err


def test_a_line_names_its_job_and_request_and_those_of_the_thread_that_began_another() -> None:
    told: list[str] = []
    assert ids() == ""
    begin_request("r1")
    with of_job("j1"):
        thread = threading.Thread(target=with_ids(lambda: told.append(ids())))
        stranger = threading.Thread(target=lambda: told.append(ids()))
        for each in (thread, stranger):
            each.start()
            each.join()
        assert ids() == " job=j1 request=r1"
        name_user("anna lind")
        assert ids() == ' job=j1 request=r1 user="anna lind"'
    assert told == [" job=j1 request=r1", ""]
    end_request()
    assert ids() == ""


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 65, "a\nb"])
def test_a_request_without_a_fit_id_gets_one(given: str | None) -> None:
    assert len(begin_request(given)) == 16
    assert request_id() != begin_request(given)
    end_request()


def test_a_line_of_json_is_one_object_whatever_is_said(written: Callable[[], str]) -> None:
    configure_logging("api", load_settings(log_format="json"))
    tell(log, Event.JOB_ENDED, 'two\nlines, "quoted"', job="j7", seconds=1.5, code=None)
    try:
        raise ZeroDivisionError("of ours")
    except ZeroDivisionError:
        log.exception("it went wrong")
    logging.getLogger("urllib3").info("a library says nothing below a warning")
    logging.getLogger("urllib3").warning("but a warning")
    named, traced, warned = map(json.loads, written().splitlines())
    assert named.pop("time").endswith("Z")
    assert named == {
        "level": "info", "part": "api", "event": "job_ended", "message": 'two\nlines, "quoted"',
        "logger": "common.tests", "job": "j7", "seconds": 1.5,
    }  # fmt: skip
    assert (traced["event"], traced["level"]) == ("note", "error")
    assert traced["traceback"].endswith("ZeroDivisionError: of ours")
    assert (warned["logger"], warned["level"]) == ("urllib3", "warning")


def test_nobody_can_forge_a_line_of_text(written: Callable[[], str]) -> None:
    configure_logging("api", load_settings(log_level="warning"))
    log.info("not told at this level")
    name = "eve\n2026-01-01T00:00:00.000Z INFO api signed_in"
    tell(log, Event.SIGN_IN_FAILED, f"{name} was refused", logging.WARNING, name=name)
    [line] = written().splitlines()
    assert " WARNING api sign_in_failed common.tests name=" in line
    assert "\\n2026-01-01" in line


def test_no_line_holds_a_secret_of_the_settings_or_of_an_address(
    written: Callable[[], str],
) -> None:
    secrets = {
        "secret_key": "sign-with-this-key", "admin_password": "first-start-word",
        "oidc_client_secret": "client-secret-word", "llm_api_key": "sk-of-the-llm",
        "database_url": "postgresql://clip:data%40word@db/clips",
        "redis_url": "redis://:broker-word@redis:6379/0",
        "store_url": "s3://key:store%2Fword@minio:9000/bucket?secure=0",
    }  # fmt: skip
    words = "sign-with-this-key first-start-word client-secret-word sk-of-the-llm broker-word"
    for form in ("text", "json"):
        settings = load_settings(log_format=form, **secrets)
        configure_logging("api", settings)
        log.warning("%s data@word data%%40word store/word", words)
        log.warning("%s %s %s", settings.database_url, settings.redis_url, settings.store_url)
        tell(log, Event.NOTE, "by fact", address="https://a:pass-word@b/?X-Amz-Signature=f00f00f00")
        log.warning("GET /signin?token=of-a-link&next=/ Authorization: Bearer abcdefgh1234")
    told = written()
    for word in [*words.split(), "data@word", "data%40word", "store/word", "store%2Fword"]:
        assert word not in told
    for word in ("pass-word", "f00f00f00", "of-a-link", "abcdefgh1234"):
        assert word not in told
    assert "minio:9000/bucket" in told
    assert without_secrets(secrets["store_url"]) == "s3://minio:9000/bucket"
    assert Secrets().hide("nothing to hide") == "nothing to hide"


def test_the_documented_events_are_those_that_there_are() -> None:
    listed = re.findall(r"^\| `([a-z_]+)` \|", DOCS.read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(Event)
