"""The check against the contract finds what is wrong with an answer."""

from typing import Any

import pytest
from flask import Flask, jsonify

from tests.contract import CONTRACT, ContractClient, template_of

pytestmark = pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not here")


def answer(path: str, body: Any, status: int = 200) -> None:
    """An application's answer as a test's client would get it."""
    app = Flask("contract")
    app.test_client_class = ContractClient
    app.add_url_rule(path, view_func=lambda: (jsonify(body), status))
    app.test_client().get(path)


def test_what_the_contract_says_passes() -> None:
    answer("/api/server/ping", {"res": "pong"})
    answer("/api/server/version", {"major": 3, "minor": 2, "patch": 2, "prerelease": None})


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/server/ping", {}, 200),
        ("/api/server/ping", {"res": 1}, 200),
        ("/api/server/ping", {"res": "pong"}, 201),
        ("/api/server/pong", {"res": "pong"}, 200),
        ("/api/users", [{"id": "1"}], 200),
        ("/api/server/ping", {"error": "no message"}, 500),
    ],
    ids=["missing field", "wrong type", "unknown status", "unknown path", "wrong item", "error without message"],
)
def test_what_it_does_not_say_fails(path: str, body: Any, status: int) -> None:
    with pytest.raises((AssertionError, KeyError)):
        answer(path, body, status)


def test_a_name_comes_before_a_parameter() -> None:
    assert template_of("GET", "/api/users/me") == "/users/me"
    assert template_of("GET", "/api/users/6c5e") == "/users/{id}"
    assert template_of("DELETE", "/api/users/me") is None
