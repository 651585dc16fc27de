"""The web application: create_app wires settings, services and blueprints together."""

import os

import click
from flask import Flask

from blueprints import http
from blueprints.proxies import TrustedProxies
from blueprints.routes import register_blueprints
from cli import migrations, register_commands
from config import Settings, load_settings
from services.logs import start_logging
from services.system import System, open_system


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application, on settings from the environment by default. Raises ConfigError."""
    settings = settings or load_settings(os.environ)
    start_logging(settings.log_level)
    return create_app_on(open_system(settings))


def create_app_on(system: System) -> Flask:
    """The WSGI application on a system that is already open; the caller closes the system."""
    app = Flask(__name__)
    app.extensions[http.EXTENSION] = system
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask types the provider by its base class
    http.install(app)
    register_blueprints(app)
    register_commands(app)
    if click.get_current_context(silent=True) is not None:
        # Under `flask` only: a server that never migrates need not hold Alembic in memory.
        migrations.install(app)
    if system.settings.trusted_proxies:
        app.wsgi_app = TrustedProxies(app.wsgi_app, system.settings.trusted_proxies)  # type: ignore[method-assign]
    return app
