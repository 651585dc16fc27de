"""`flask storage`: check, count and sweep what is stored."""

import click
from flask.cli import AppGroup

from blueprints.http import current_system
from services import storage

group = AppGroup("storage", help="Where media are kept.")


@group.command("check")
def check() -> None:
    """Write, read and delete a test object in every place that is written to."""
    results = storage.probe_all(current_system())
    for result in results:
        click.echo(f"{'ok' if result.ok else 'FAILED'}  {result.location} ({result.seconds:.2f} s): {result.sentence}")
    if not all(result.ok for result in results):
        raise SystemExit(1)


@group.command("usage")
def usage() -> None:
    """Show what is stored of each kind, by our own count."""
    for row in storage.usage(current_system()):
        click.echo(f"{row.kind.value} on {row.engine.value}: {row.objects} objects, {row.size} bytes")


@group.command("sweep")
@click.option("--all", "everything", is_flag=True, help="Wait for nothing; use it while the server is stopped.")
def sweep(everything: bool) -> None:
    """Remove what crashes left behind: objects without an owner, staging folders, stale uploads."""
    run = storage.sweep_all if everything else storage.sweep
    swept = run(current_system())
    click.echo(
        f"removed {swept.objects} objects without an owner, {swept.staging_folders} staging folders,"
        f" {swept.stale_uploads} unfinished uploads"
    )
