"""Answers checked against the API contract, where the contract lies beside the project."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from werkzeug.test import TestResponse

CONTRACT = Path(__file__).parent.parent.parent / "shared" / "immich-openapi-3.2.2.json"
_URI = "urn:contract"


class ContractClient(FlaskClient):
    """A test client that checks every JSON answer under /api."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        # Read to the end and closed, as a server does it; otherwise files would stay open.
        kwargs.setdefault("buffered", True)
        response = super().open(*args, **kwargs)
        request = response.request
        if request.path.startswith("/api/") and CONTRACT.exists():
            assert_matches_contract(response, request.method, request.path)
        return response


def assert_matches_contract(response: TestResponse, method: str, path: str) -> None:
    """Fails where the answer to `method` on `path` is none that the contract knows.

    Errors have a message; redirects, 304 and 206 carry nothing of the contract.
    """
    status = response.status_code
    if status >= 400:
        assert isinstance(response.get_json()["message"], str)
        return
    if status >= 300 or status == 206 or method in ("HEAD", "OPTIONS"):
        return
    template = template_of(method, path)
    assert template is not None, f"{method} {path} is not in the contract"
    answers = _document()["paths"][template][method.lower()]["responses"]
    assert str(status) in answers, f"{method} {template} answers {status}, the contract {sorted(answers)}"
    if "application/json" not in answers[str(status)].get("content", {}):
        return
    problems = sorted(
        f"{method} {template}: {error.json_path}: {error.message}"
        for error in _validator(template, method.lower(), status).iter_errors(response.get_json())
    )
    assert not problems, "\n".join(problems)


def template_of(method: str, path: str) -> str | None:
    """The contract's path that this one is an instance of; one with fewer parameters comes first."""
    local = path.removeprefix("/api")
    found = [
        template for template, pattern in _patterns().items()
        if pattern.fullmatch(local) and method.lower() in _document()["paths"][template]
    ]
    return min(found, key=lambda template: template.count("{"), default=None)


@cache
def _document() -> dict[str, Any]:
    if not CONTRACT.exists():
        pytest.skip("the contract is not here")
    return cast(dict[str, Any], _with_nulls(json.loads(CONTRACT.read_text())))


def _with_nulls(node: Any) -> Any:
    """OpenAPI 3.0's `nullable`, which the contract still has here and there, in JSON Schema's words."""
    if isinstance(node, list):
        return [_with_nulls(one) for one in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _with_nulls(value) for name, value in node.items()}
    return {"anyOf": [plain, {"type": "null"}]} if plain.pop("nullable", False) is True else plain


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    return {
        template: re.compile(re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(template)))
        for template in _document()["paths"]
    }


@cache
def _registry() -> Registry[Any]:
    resource = Resource.from_contents(_document(), default_specification=DRAFT202012)
    empty: Registry[Any] = Registry()
    return cast("Registry[Any]", empty.with_resource(_URI, resource))


@cache
def _validator(template: str, method: str, status: int) -> Draft202012Validator:
    steps = ("paths", template, method, "responses", str(status), "content", "application/json", "schema")
    pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
    return Draft202012Validator(
        {"$ref": f"{_URI}#/{pointer}"},
        registry=_registry(),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
