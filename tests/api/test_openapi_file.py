"""The document that the dashboard's types are made from."""

from __future__ import annotations

import json

from api.openapi_file import document_text
from tests.api.conftest import Service


def test_the_file_holds_what_a_server_gives_in_an_order_of_its_own(service: Service) -> None:
    served = service.app.test_client().get("/openapi.json").json
    text = document_text()
    assert json.loads(text) == served
    assert text == json.dumps(served, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
