"""Where captions may be sent to."""

from __future__ import annotations

import pytest

from common.errors import LlmFailed
from common.settings import load_settings
from tests.workers.gpu.llm.chat_server import Reply, chat_server
from workers.gpu.llm.address import require_public
from workers.gpu.llm.language_model import open_language_model


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "10.1.2.3", "172.16.9.9", "192.168.0.7", "169.254.169.254", "0.0.0.0",
        "[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "100.64.0.1", "2130706433", "127.1",
    ],
)  # fmt: skip
def test_a_private_address_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(LlmFailed, match="no public address") as refused:
        require_public(f"http://{host}:8000/v1")
    assert "CLIP_BROWSER_LLM_PRIVATE_ADDRESSES=1" in refused.value.remedy


def test_a_public_address_and_a_name_that_only_a_proxy_knows_are_let_through() -> None:
    require_public("https://1.1.1.1/v1")
    require_public("https://llm.invalid/v1")


def test_an_endpoint_of_ones_own_is_asked_by_setting_alone() -> None:
    with chat_server() as server:
        mine = load_settings(llm_base_url=server.address)
        with pytest.raises(LlmFailed, match="no public address"):
            open_language_model("probe", mine, lambda done, total: None)
        allowed = mine.model_copy(update={"llm_private_addresses": True})
        open_language_model("probe", allowed, lambda done, total: None)


def test_a_redirect_is_not_followed() -> None:
    from tests.workers.gpu.llm.test_chat_endpoint import ask, problem_of

    with chat_server() as elsewhere, chat_server() as server:
        there = f"{elsewhere.address}/chat/completions"
        server.always = Reply(307, headers={"Location": there})
        [answer] = ask(server)
        assert "status 307" in problem_of(answer)
        assert elsewhere.times == []
