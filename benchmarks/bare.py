"""The least that Flask can do: routes that send files, and nothing else."""

import os
from pathlib import Path

from flask import Flask, Response, send_file


def create_app() -> Flask:
    """Sends the files that lie in the lines of $BARE_FILES: the first at `/0`, the second at `/1`."""
    app = Flask(__name__)
    paths = Path(os.environ["BARE_FILES"]).read_text().splitlines()

    @app.get("/<int:number>")
    def send(number: int) -> Response:
        return send_file(paths[number])

    return app
