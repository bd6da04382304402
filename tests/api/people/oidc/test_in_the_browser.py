"""From the sign-in page to the provider's and back, in a real browser, with two processes of the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Page, expect

from common.settings import Settings, load_settings
from tests.api.conftest import PASSWORD, Service
from tests.api.people.oidc.conftest import CLIENT_ID, CLIENT_SECRET, running_provider
from tests.api.serving import running
from tests.servers import free_port
from tests.system.browser import open_browser


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Iterator[Settings]:
    """Of a service that is served, and knows a provider that knows it."""
    port = free_port()
    with running_provider(f"http://127.0.0.1:{port}") as issuer:
        yield load_settings(
            data_dir=tmp_path, redis_url=redis_url, secret_key="a secret of the tests", port=port,
            device="cpu", admin_password=PASSWORD, api_threads=32, api_processes=2,
            oidc_client_id=CLIENT_ID, oidc_client_secret=CLIENT_SECRET, oidc_issuer=issuer,
            oidc_name="Museum", oidc_scopes="openid profile email groups",
        )  # fmt: skip


def sign_in_at_provider(page: Page, login: str) -> None:
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_by_a_provider_and_by_a_second_factor(settings: Settings, tmp_path: Path) -> None:
    Service(settings, tmp_path / "none").engine.dispose()
    with running(settings), open_browser() as browser:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page.goto(f"{settings.address}/settings")
        page.get_by_role("link", name="Sign in with Museum").click()
        sign_in_at_provider(page, "ada")
        expect(page.get_by_text("Signed in as ada")).to_be_visible()
        assert page.url == f"{settings.address}/settings"
        expect(page.get_by_role("row", name="ada@museum.example")).to_be_visible()
        page.get_by_role("button", name="Sign out", exact=True).click()
        expect(page.get_by_role("link", name="sign out there, too")).to_be_visible()

        page.goto(f"{settings.address}/signin?next=%2Fsettings")
        sign_in_by_password(page)
        page.get_by_role("button", name="Set up").click()
        secret = page.locator("dialog code").inner_text()
        app = pyotp.TOTP(secret.replace(" ", ""))
        page.get_by_label("Code that the app shows now").fill(app.now())
        page.get_by_role("button", name="Switch on").click()
        recovery = page.locator("div.once code").inner_text().split()
        assert len(recovery) == 10
        page.get_by_role("button", name="Sign out", exact=True).click()
        sign_in_by_password(page)
        page.get_by_label("Code").fill(recovery[0])
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("9 recovery codes left")).to_be_visible()
    expect.set_options(timeout=5000)  # Playwright's own


def sign_in_by_password(page: Page) -> None:
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
