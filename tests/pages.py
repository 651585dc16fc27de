"""Pages for tests: their elements, their forms and who is signed in."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.systems import PASSWORD


class Elements(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))

    def of(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.all if name == tag)


def token_on(answer: TestResponse) -> str:
    """The form token of a page."""
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', answer.text)
    assert found is not None, answer.text
    return found[1]


def submit(browser: FlaskClient, page: str, action: str, **fields: str | list[str]) -> TestResponse:
    """Posts a form with the token of the page that it stands on."""
    return browser.post(action, data={"form_token": token_on(browser.get(page)), **fields})


def sign_in(browser: FlaskClient, email: str = "admin@example.com") -> None:
    answer = submit(browser, "/auth/login", "/auth/login", email=email, password=PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/")
