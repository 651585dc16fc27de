"""The S3 backend over moto: quick, and no proof of anything about signatures or rights."""

import logging
from collections.abc import Iterator

import boto3
import pytest

from config import S3Settings
from tests.contracts.s3 import S3Contract
from tests.servers import S3Server, free_port, own_prefix


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    from moto.server import ThreadedMotoServer  # slow to import, and no other test wants it

    port = free_port()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    endpoint = f"http://127.0.0.1:{port}"
    boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="s"
    ).create_bucket(Bucket="photos")
    yield S3Server(endpoint, "photos", pid=0)
    server.stop()


class TestMotoContract(S3Contract):
    """The contract over moto."""

    @pytest.fixture
    def settings(self, moto: S3Server) -> S3Settings:
        return moto.settings(own_prefix())
