"""`flask jobs`, as whoever runs the server uses it."""

from flask import Flask

from errors import BadRequest
from jobs import ledger
from jobs.names import JobName
from services.system import System

JOB = JobName.ASSET_GENERATE_THUMBNAILS


def output_of(app: Flask, *args: str) -> str:
    result = app.test_cli_runner().invoke(args=["jobs", *args])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_list_shows_queues_that_have_something_to_show(app: Flask, system: System) -> None:
    assert output_of(app, "list") == ""
    with system.transaction() as session:
        ledger.enqueue(session, JOB)
    output_of(app, "pause", "ocr")
    assert output_of(app, "list") == "thumbnailGeneration: 1 waiting\nocr (paused): empty\n"
    output_of(app, "resume", "ocr")
    assert output_of(app, "list") == "thumbnailGeneration: 1 waiting\n"


def test_a_failed_job_is_shown_with_its_error_and_sent_back(app: Flask, system: System) -> None:
    with system.transaction() as session:
        ledger.enqueue(session, JOB, id="x")
    held = ledger.claim(system.database, "worker", [JOB.queue])
    assert held is not None
    ledger.fail(system.database, held, BadRequest("never"))
    assert output_of(app, "failed", JOB.queue.value) == "AssetGenerateThumbnails {'id': 'x'}: BadRequest: never\n"
    assert output_of(app, "retry", JOB.queue.value) == "1 jobs wait again\n"
    assert output_of(app, "list") == "thumbnailGeneration: 1 waiting\n"


def test_the_sweep_finds_nothing_while_workers_live(app: Flask, system: System) -> None:
    with system.transaction() as session:
        ledger.enqueue(session, JOB)
    ledger.claim(system.database, "worker", [JOB.queue])
    assert output_of(app, "sweep") == "0 jobs wait again\n"
