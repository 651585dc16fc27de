"""The admins' pages: users and storage."""

import re
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from jobs import ledger
from jobs.names import JobName
from models.jobs import Job, JobStatus
from models.users import User
from services.system import System
from tests.pages import sign_in, submit
from tests.systems import PASSWORD, MakeUser, on_local_disk


@pytest.mark.parametrize("path", ["/admin/users", "/admin/storage"])
def test_the_admins_pages_are_for_admins(browser: FlaskClient, make_user: MakeUser, path: str) -> None:
    sign_in(browser, make_user("ben@example.com").email)
    assert browser.get(path).status_code == 403
    assert submit(browser, "/account", path).status_code == 403
    assert "/admin/" not in browser.get("/").text


def test_an_admin_adds_a_user_with_a_quota(at_home: FlaskClient, system: System) -> None:
    fields = {"name": "Ben", "email": "ben@example.com", "password": PASSWORD, "quota": "1,5"}
    assert submit(at_home, "/admin/users", "/admin/users", **fields).location == "/admin/users"
    shown = at_home.get("/admin/users").text
    assert "ben@example.com" in shown
    assert "1.5 GiB" in shown
    with system.database.read() as session:
        user = session.query(User).filter_by(email="ben@example.com").one()
    assert (user.is_admin, user.should_change_password, user.quota_size_in_bytes) == (False, True, 3 * 1024**3 // 2)


@pytest.mark.parametrize(("field", "value"), [
    ("quota", "much"), ("quota", "nan"), ("quota", "-1"), ("quota", "1e99"), ("email", "ben"), ("password", "short"),
    ("email", "admin@example.com"),
])  # fmt: skip
def test_a_user_who_cannot_be_is_not_added(at_home: FlaskClient, field: str, value: str) -> None:
    fields = {"name": "Ben", "email": "ben@example.com", "password": PASSWORD, "quota": "", field: value}
    answer = submit(at_home, "/admin/users", "/admin/users", **fields)
    assert answer.status_code == 400
    assert 'value="Ben"' in answer.text
    assert PASSWORD not in answer.text


def test_the_storage_page_tells_where_things_are_and_no_secrets(at_home: FlaskClient, system: System) -> None:
    text = at_home.get("/admin/storage").text
    assert str(system.settings.media_location) in text
    if (s3 := system.settings.s3) is not None:
        assert re.findall(r"<dd><code>(.*?)</code>", text)[1:] == [s3.bucket, s3.prefix, s3.endpoint]
        assert not re.search(rf"\b({s3.access_key_id}|{s3.secret_access_key})\b", text)


def test_the_storage_is_probed_on_demand(at_home: FlaskClient, system: System) -> None:
    answer = submit(at_home, "/admin/storage", "/admin/storage")
    assert answer.status_code == 200
    assert "Works" in answer.text


@on_local_disk
def test_a_probe_that_fails_says_why(at_home: FlaskClient, system: System) -> None:
    submit(at_home, "/admin/storage", "/admin/storage")
    (system.settings.media_location / "thumbs" / ".immich").unlink()
    answer = submit(at_home, "/admin/storage", "/admin/storage")
    assert "Does not work" in answer.text
    assert "thumbs" in answer.text


def test_failed_jobs_can_be_read(at_home: FlaskClient, system: System) -> None:
    with system.database.write() as session:
        job = session.get_one(Job, ledger.enqueue(session, JobName.ASSET_EXTRACT_METADATA, id=uuid4()))
        job.status, job.error = JobStatus.FAILED, "ToolFailed: exiftool ended with <code 1>"
    text = at_home.get("/admin/storage").text
    assert "AssetExtractMetadata" in text
    assert "exiftool ended with &lt;code 1&gt;" in text
