"""`flask jobs`: look at the queues and steer them from a shell."""

import click
from flask.cli import AppGroup

from blueprints.http import current_system
from jobs import ledger
from jobs.names import QueueName
from jobs.queues import JobState
from services import queues

group = AppGroup("jobs", help="Queues of background jobs.")
_queue = click.argument("name", metavar="QUEUE", type=click.Choice([queue.value for queue in QueueName]))


@group.command("list")
def list_queues() -> None:
    """Show every queue that has jobs or is paused."""
    for queue in queues.all_queues(current_system()):
        if queue.is_paused or any(queue.counts.values()):
            numbers = ", ".join(f"{number} {state}" for state, number in queue.counts.items() if number)
            click.echo(f"{queue.name}{' (paused)' if queue.is_paused else ''}: {numbers or 'empty'}")


@group.command("failed")
@_queue
def list_failed(name: str) -> None:
    """Show the jobs of QUEUE that were set aside, and why."""
    for job in queues.jobs_of(current_system(), QueueName(name), [JobState.FAILED]):
        click.echo(f"{job.name} {job.data}: {job.error}")


@group.command("pause")
@_queue
def pause(name: str) -> None:
    """Let QUEUE start no more jobs."""
    queues.set_paused(current_system(), QueueName(name), True)


@group.command("resume")
@_queue
def resume(name: str) -> None:
    """Let QUEUE start jobs again."""
    queues.set_paused(current_system(), QueueName(name), False)


@group.command("concurrency")
@_queue
@click.argument("number", type=click.IntRange(1, 64), required=False)
def concurrency(name: str, number: int | None) -> None:
    """Let QUEUE run at most NUMBER jobs at once, over all workers; without NUMBER, its default."""
    queues.set_concurrency(current_system(), QueueName(name), number)


@group.command("retry")
@_queue
def retry(name: str) -> None:
    """Send the jobs of QUEUE that were set aside back to work."""
    click.echo(f"{queues.retry_failed(current_system(), QueueName(name))} jobs wait again")


@group.command("sweep")
def sweep() -> None:
    """Take jobs away from workers that went silent; workers do this themselves."""
    system = current_system()
    again = ledger.recover(system.database)
    system.carrier.ring(again)
    click.echo(f"{len(again)} jobs wait again")
