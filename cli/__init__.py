"""Commands under `flask`, for whoever runs the server."""

from flask import Flask

from cli import jobs, storage, users


def register_commands(app: Flask) -> None:
    """Puts every group of commands under `flask`."""
    for module in (jobs, storage, users):
        app.cli.add_command(module.group)
