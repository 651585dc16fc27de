"""Fixtures of the pages."""

import pytest
from flask.testing import FlaskClient

from tests.pages import sign_in
from tests.systems import Person


@pytest.fixture
def at_home(browser: FlaskClient, admin: Person) -> FlaskClient:
    """The admin's browser, signed in."""
    sign_in(browser)
    return browser
