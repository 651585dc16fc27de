"""The bare routes that Bucketroll is measured against."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from benchmarks.bare import create_app


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    (tmp_path / "file").write_bytes(b"bytes")
    (tmp_path / "files").write_text(f"{tmp_path / 'file'}\n")
    monkeypatch.setenv("BARE_FILES", str(tmp_path / "files"))
    return create_app().test_client()


def test_a_file_is_sent_by_its_number(bare: FlaskClient) -> None:
    with bare.get("/0") as answer:
        assert answer.data == b"bytes"


def test_a_redirect_is_as_long_as_it_is_asked_to_be(bare: FlaskClient) -> None:
    answer = bare.get("/away/400")
    assert answer.status_code == 302
    assert len(answer.headers["Location"]) == 400
    assert answer.headers["Location"].startswith("https://")
