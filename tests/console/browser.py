# SPDX-License-Identifier: Apache-2.0
"""The system's Chromium, driven as a person would; where it is missing, tests that need it are skipped by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser until the block ends."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM))
        yield browser
        browser.close()


class Visit:
    """A page of one person, and everything that it complained of."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._dialog)
        page.on("request", self._asked)

    def go(self, path: str) -> Page:
        """Go to a path of the console."""
        self.page.goto(self.url + path)
        return self.page

    def _heard(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(self.url + "/"):
            self.elsewhere.append(request.url)


@contextmanager
def visiting(browser: Browser, url: str, who: str, **options: Any) -> Iterator[Visit]:
    """A browser session of ``who``."""
    context = browser.new_context(**options)
    context.set_default_timeout(60_000)
    try:
        visit = Visit(context.new_page(), url)
        if who:
            visit.go(f"/as/{who}")
        yield visit
    finally:
        context.close()
