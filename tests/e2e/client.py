"""A small client for the end-to-end tests: one connection a request, every answer as it came."""

import http.client
import json
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tests.e2e.photos import sha1_of

DATE = "2024-05-06T07:08:09.000Z"
_UNDONE = ("active", "waiting", "delayed", "paused")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Client:
    """One user's view of a server at `url`, by API key."""

    url: str
    key: str

    def request(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """The whole answer to one request; raises OSError or HTTPException where there is none."""
        with self.asked(method, path, body, headers) as response:
            return Answer(response.status, dict(response.getheaders()), response.read())

    @contextmanager
    def asked(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, headers: Mapping[str, str] = {}
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer to one request, its body not read yet."""
        with closing(self.connection()) as connection:
            connection.request(method, path, body, {"x-api-key": self.key, **headers})
            yield connection.getresponse()

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=120)

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def send(self, method: str, path: str, value: Any) -> Answer:
        """A request with a JSON body."""
        return self.request(method, path, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def upload(self, name: str, data: bytes, **headers: str) -> Answer:
        """POST /api/assets of one small file; underscores in names of headers become dashes."""
        form = Form(name)
        dashed = {header.replace("_", "-"): value for header, value in headers.items()}
        return self.request("POST", "/api/assets", form.around(data), {**form.headers, **dashed})

    def original_of(self, asset_id: str) -> bytes:
        answer = self.get(f"/api/assets/{asset_id}/original")
        assert answer.status == 200, answer
        return answer.body

    def asset_of(self, data: bytes) -> str | None:
        """The id of the asset with these bytes, if there is one."""
        asked = {"assets": [{"id": "it", "checksum": sha1_of(data)}]}
        [result] = self.send("POST", "/api/assets/bulk-upload-check", asked).json["results"]
        found: str | None = result.get("assetId")
        return found

    def assets(self) -> list[dict[str, Any]]:
        """Every asset of the user, trash and archive aside."""
        found: list[dict[str, Any]] = []
        page: str | None = "1"
        while page:
            asked = {"page": int(page), "size": 1000, "withExif": True}
            answer = self.send("POST", "/api/search/metadata", asked).json["assets"]
            found, page = found + answer["items"], answer["nextPage"]
        return found

    def statistics(self) -> dict[str, int]:
        """How many images, videos and assets in total."""
        counted: dict[str, int] = self.get("/api/assets/statistics").json
        return counted

    def undone_jobs(self) -> dict[str, int]:
        """Queues with jobs that are not done, and how many."""
        queues = self.get("/api/jobs").json
        counts = {name: sum(queue["jobCounts"][state] for state in _UNDONE) for name, queue in queues.items()}
        return {name: count for name, count in counts.items() if count}

    def failed_jobs(self) -> dict[str, int]:
        """Queues with jobs that were set aside, and how many."""
        queues = self.get("/api/jobs").json
        counts = {name: queue["jobCounts"]["failed"] for name, queue in queues.items()}
        return {name: count for name, count in counts.items() if count}

    def wait_until_idle(self, seconds: float = 60) -> None:
        """Until no queue has anything to do."""
        deadline = time.monotonic() + seconds
        while undone := self.undone_jobs():
            assert time.monotonic() < deadline, f"still to be done: {undone}"
            time.sleep(0.1)


class Form:
    """The multipart form of an upload, around bytes of any length."""

    def __init__(self, name: str, **fields: str) -> None:
        boundary = uuid4().hex
        fields = {"fileCreatedAt": DATE, "fileModifiedAt": DATE, **fields}
        texts = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
            for field, value in fields.items()
        )
        file = f'--{boundary}\r\nContent-Disposition: form-data; name="assetData"; filename="{name}"\r\n\r\n'
        self.headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        self.head = (texts + file).encode()
        self.tail = f"\r\n--{boundary}--\r\n".encode()

    def around(self, data: bytes) -> bytes:
        return self.head + data + self.tail


def checksum(data: bytes) -> str:
    """SHA-1 as base64, the way AssetResponseDto has it."""
    return b64encode(bytes.fromhex(sha1_of(data))).decode()
