"""A real browser for tests of pages: what a page complains of or asks for fails the test."""

from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")


@contextmanager
def running():
    """Chromium without a window; tests are skipped where it cannot be."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'chainrule[test]'")
    if not CHROMIUM.exists():
        pytest.skip(f"needs a browser at {CHROMIUM}: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def opened(browser, path: Path, *, scheme: str = "light", **context):
    """A page of a file; afterwards it must have complained of nothing and asked for nothing but itself."""
    trouble: list[str] = []
    place = browser.new_context(
        **{"viewport": {"width": 1480, "height": 860}, "color_scheme": scheme, "accept_downloads": True, **context}
    )
    page = place.new_page()
    page.on("console", lambda said: trouble.append(said.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda asked: trouble.append(asked.url))
    page.goto(path.as_uri())
    yield page
    place.close()
    local = (path.as_uri(), "data:", "blob:")
    assert [line for line in trouble if not line.startswith(local)] == []
