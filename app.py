"""The web application: create_app wires settings, services and blueprints together."""

import os
from pathlib import Path

from flask import Flask
from flask_migrate import Migrate  # type: ignore[import-untyped]  # the package ships no types

from blueprints import http
from blueprints.proxies import TrustedProxies
from blueprints.routes import register_blueprints
from cli import register_commands
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
    Migrate(app, system.database, directory=str(Path(__file__).parent / "migrations"), render_as_batch=True)
    if system.settings.trusted_proxies:
        app.wsgi_app = TrustedProxies(app.wsgi_app, system.settings.trusted_proxies)  # type: ignore[method-assign]
    return app
