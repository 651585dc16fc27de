"""nginx before a real S3 server: signed URLs of every kind of name go through untouched."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from tests.contracts.storage import ODD_NAMES
from tests.deploy.sites import CREDENTIALS, ETAG, TRUE, get
from tests.deploy.stubs import Stub, answering, stub
from tests.nginx import Nginx, nginx_in_front
from tests.servers import S3Server, own_prefix

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def signed(s3_server: S3Server) -> Callable[[str, bytes], tuple[str, str]]:
    """Puts an object; the path and query of its signed URL, and the host that it is signed for."""
    client = boto3.client(
        "s3",
        endpoint_url=s3_server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )

    def put_and_sign(key: str, body: bytes) -> tuple[str, str]:
        client.put_object(Bucket=s3_server.bucket, Key=key, Body=body, ContentType="text/html", Metadata={"sha1": "a"})
        at = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": s3_server.bucket, "Key": key}))
        return f"{at.path}?{at.query}", at.netloc

    return put_and_sign


@pytest.fixture(scope="module")
def front(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stub, Nginx]]:
    media = tmp_path_factory.mktemp("media")
    with stub() as app, nginx_in_front(
        app.url, media_location=media, bucket_endpoint=s3_server.endpoint
    ) as nginx:
        yield app, nginx


@pytest.mark.parametrize("name", ODD_NAMES)
def test_objects_with_odd_names_come_out_of_a_real_store(
    front: tuple[Stub, Nginx], signed: Callable[[str, bytes], tuple[str, str]], name: str
) -> None:
    app, nginx = front
    path, host = signed(f"{own_prefix()}/o d#d/{name}", name.encode())
    for place in ("/_accel/bucket", "/_accel/bucket/thumbs"):
        accel = {"X-Accel-Redirect": place, "X-Accel-Object": path, "X-Accel-Host": host, "X-Accel-Key": path}
        app.answer = answering(b"", headers={**accel, **TRUE})
        got = get(nginx.url, CREDENTIALS)
        assert (got.status, got.body) == (200, name.encode())
        assert [key for key, _ in got.headers if key.startswith("x-amz")] == []
        assert got.all("ETag") == [ETAG]
        for asked, body in (("bytes=2-4", name.encode()[2:5]), ("bytes=-2", name.encode()[-2:])):
            got = get(nginx.url, {**CREDENTIALS, "Range": asked})
            assert (got.status, got.body) == (206, body)
    assert "X-Amz-Signature" not in nginx.logs()


def test_a_forged_signature_is_502_without_the_stores_words(
    front: tuple[Stub, Nginx], signed: Callable[[str, bytes], tuple[str, str]]
) -> None:
    app, nginx = front
    path, host = signed(f"{own_prefix()}/x", b"x")
    accel = {"X-Accel-Redirect": "/_accel/bucket", "X-Accel-Object": f"{path[:-1]}_", "X-Accel-Host": host}
    app.answer = answering(b"", headers={**accel, **TRUE})
    got = get(nginx.url)
    assert (got.status, got.body) == (502, b'{"message":"The store refused to give the file"}')
