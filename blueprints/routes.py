"""Which blueprints the application has."""

from flask import Flask

from blueprints import (
    admin_users,
    albums,
    api_keys,
    assets,
    auth,
    empty_lists,
    jobs,
    server,
    sessions,
    trash,
    upload,
    users,
)


def register_blueprints(app: Flask) -> None:
    """Puts every route under its address; http.install has run before."""
    for module in (
        server,
        auth,
        users,
        admin_users,
        api_keys,
        sessions,
        albums,
        assets,
        upload,
        trash,
        jobs,
        empty_lists,
    ):
        app.register_blueprint(module.bp)
