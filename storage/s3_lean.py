"""GETs at little cost: signed here and sent by urllib3, at a third of the CPU that the S3 library takes."""

from time import time
from typing import Any

from urllib3 import BaseHTTPResponse, Timeout, connection_from_url
from urllib3.exceptions import HTTPError

from storage.s3_presign import SigningKeys, Site, signed_get
from storage.s3_requests import range_of
from storage.types import ByteRange


class LeanReader:
    """Reads objects of one site, on connections of its own; one per process, shared by its threads.

    It knows the good case only. Whatever else happens is left to the S3 library, which asks again,
    with its patience, and says what is wrong.
    """

    def __init__(
        self, site: Site, *, ca_certs: str, connections: int, connect_seconds: float, read_seconds: float
    ) -> None:
        self._site = site
        tls: dict[str, Any] = {"ca_certs": ca_certs} if site.origin.startswith("https") else {}
        self._pool = connection_from_url(
            site.origin, maxsize=connections, timeout=Timeout(connect=connect_seconds, read=read_seconds), **tls
        )

    def get(self, keys: SigningKeys, key: str, byte_range: ByteRange | None) -> BaseHTTPResponse | None:
        """The answer with the bytes asked for, which the caller reads and closes; None where there is none."""
        target, headers = signed_get(self._site, keys, key=key, now=time())
        wanted = {name: str(value) for name, value in range_of(byte_range).items()}
        try:
            answer = self._pool.urlopen(
                "GET",
                target,
                headers={**headers, **wanted, "accept-encoding": "identity"},
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
                enforce_content_length=False,
            )
        except HTTPError:
            return None
        if answer.status in (200, 206):
            return answer
        answer.close()
        return None
