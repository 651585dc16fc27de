"""/api/jobs and /api/queues: Immich's shapes, for administrators."""

import pytest
from flask.testing import FlaskClient

from errors import BadRequest
from jobs import ledger
from jobs.names import JobName, QueueName
from services.system import System
from tests.systems import MakeUser, Person

JOB = JobName.ASSET_GENERATE_THUMBNAILS
IDLE = {"active": 0, "completed": 0, "failed": 0, "delayed": 0, "waiting": 0, "paused": 0}


@pytest.fixture
def waiting_job(system: System) -> str:
    with system.transaction() as session:
        return str(ledger.enqueue(session, JOB, force=True))


def test_the_job_page_shows_every_queue_at_rest(client: FlaskClient, admin: Person) -> None:
    shown = client.get("/api/jobs", headers=admin.headers).get_json()
    assert list(shown) == [queue.value for queue in QueueName]
    assert shown["ocr"] == {"queueStatus": {"isPaused": False, "isActive": False}, "jobCounts": IDLE}
    assert list(shown["ocr"]["jobCounts"]) == list(IDLE)


@pytest.mark.usefixtures("waiting_job")
def test_a_queue_that_runs_a_job_is_active(client: FlaskClient, admin: Person, system: System) -> None:
    ledger.claim(system.database, "worker", [JOB.queue])
    shown = client.get("/api/jobs", headers=admin.headers).get_json()[JOB.queue]
    assert shown == {"queueStatus": {"isPaused": False, "isActive": True}, "jobCounts": {**IDLE, "active": 1}}


def test_queues_are_listed_and_shown_alone(client: FlaskClient, admin: Person) -> None:
    listed = client.get("/api/queues", headers=admin.headers).get_json()
    assert [queue["name"] for queue in listed] == [queue.value for queue in QueueName]
    alone = client.get("/api/queues/thumbnailGeneration", headers=admin.headers).get_json()
    assert alone == listed[0] == {"name": "thumbnailGeneration", "isPaused": False, "statistics": IDLE}


def test_a_queue_is_paused_and_resumed(client: FlaskClient, admin: Person) -> None:
    for is_paused in (True, False):
        body = {"isPaused": is_paused}
        shown = client.put("/api/queues/sidecar", json=body, headers=admin.headers).get_json()
        assert shown["isPaused"] is is_paused
    assert client.put("/api/queues/sidecar", json={}, headers=admin.headers).get_json()["isPaused"] is False


def test_a_start_is_answered_with_the_queue(client: FlaskClient, admin: Person) -> None:
    body = {"command": "start", "force": False}
    shown = client.put("/api/jobs/thumbnailGeneration", json=body, headers=admin.headers)
    assert (shown.status_code, shown.get_json()["jobCounts"]["waiting"]) == (200, 1)


def test_what_cannot_be_started_is_refused(client: FlaskClient, admin: Person) -> None:
    assert client.put("/api/jobs/search", json={"command": "start"}, headers=admin.headers).status_code == 400


def test_jobs_of_a_queue_are_listed_by_state(client: FlaskClient, admin: Person, waiting_job: str) -> None:
    def listed(query: str) -> list[str]:
        shown = client.get(f"/api/queues/{JOB.queue}/jobs{query}", headers=admin.headers).get_json()
        assert all(job["name"] == JOB and job["data"] == {"force": True} for job in shown)
        return [job["id"] for job in shown]

    assert listed("") == listed("?status=waiting") == listed("?status=active&status=waiting") == [waiting_job]
    assert listed("?status=failed") == []


@pytest.mark.usefixtures("waiting_job")
def test_a_queue_is_emptied_and_what_failed_goes_where_asked_for(
    client: FlaskClient, admin: Person, system: System
) -> None:
    def counts_after(body: dict[str, bool]) -> dict[str, int]:
        answer = client.delete(f"/api/queues/{JOB.queue}/jobs", json=body, headers=admin.headers)
        assert (answer.status_code, answer.data) == (204, b"")
        shown = client.get(f"/api/queues/{JOB.queue}", headers=admin.headers).get_json()
        return {state: number for state, number in shown["statistics"].items() if number}

    held = ledger.claim(system.database, "worker", [JOB.queue])
    assert held is not None
    ledger.fail(system.database, held, BadRequest("never"))
    with system.transaction() as session:
        ledger.enqueue(session, JOB)
    assert counts_after({}) == {"failed": 1}
    assert counts_after({"failed": True}) == {}


@pytest.mark.parametrize("path", ["/api/queues/bogus", "/api/queues/bogus/jobs"])
def test_an_unknown_queue_is_a_mistake_in_the_field_name(client: FlaskClient, admin: Person, path: str) -> None:
    answer = client.get(path, headers=admin.headers)
    assert answer.status_code == 400
    (error,) = answer.get_json()["errors"]
    assert (error["code"], error["path"]) == ("invalid_value", ["name"])
    assert error["values"] == [queue.value for queue in QueueName]
    assert error["message"].endswith('"integrityCheck"|"editor"')


def test_an_unknown_command_or_state_is_refused(client: FlaskClient, admin: Person) -> None:
    assert client.put("/api/jobs/ocr", json={"command": "dance"}, headers=admin.headers).status_code == 400
    assert client.get("/api/queues/ocr/jobs?status=done", headers=admin.headers).status_code == 400


def test_queues_are_for_administrators(client: FlaskClient, make_user: MakeUser) -> None:
    plain = make_user("plain@example.com").headers
    for method, path in (
        ("GET", "/api/jobs"), ("PUT", "/api/jobs/ocr"), ("GET", "/api/queues"), ("GET", "/api/queues/ocr"),
        ("PUT", "/api/queues/ocr"), ("GET", "/api/queues/ocr/jobs"), ("DELETE", "/api/queues/ocr/jobs"),
    ):  # fmt: skip
        assert client.open(path, method=method, json={}, headers=plain).status_code == 403
        assert client.open(path, method=method, json={}).status_code == 401
