"""The least that Flask can do: routes that send files or send elsewhere, and nothing else."""

import os
from pathlib import Path

from flask import Flask, Response, redirect, send_file
from werkzeug.wrappers import Response as AnyResponse


def create_app() -> Flask:
    """Sends the files that lie in the lines of $BARE_FILES: the first at `/0`, the second at `/1`.

    `/away/<length>` redirects to a URL of so many characters; `/ready` answers once there is a server.
    """
    app = Flask(__name__)
    paths = Path(os.environ["BARE_FILES"]).read_text().splitlines()

    @app.get("/<int:number>")
    def send(number: int) -> Response:
        return send_file(paths[number])

    @app.get("/away/<int:length>")
    def send_away(length: int) -> AnyResponse:
        return redirect("https://example.org/".ljust(length, "x"))

    @app.get("/ready")
    def ready() -> str:
        return "ready"

    return app
