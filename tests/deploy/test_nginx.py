"""nginx with the site configuration that we ship: what goes to the client, to the application and to the store."""

import shutil
import socket
import ssl
import subprocess
from contextlib import suppress
from functools import partial
from http.client import RemoteDisconnected
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.contracts.storage import ODD_NAMES
from tests.deploy.sites import BODY, CREDENTIALS, ETAG, MODIFIED, OBJECT, PLACES, STORES_OWN, TRUE, Send, Site, get
from tests.deploy.stubs import Answer, answering, drop, holding, stub
from tests.nginx import command, filled, nginx_in_front

pytestmark = pytest.mark.servers


# The configuration


def test_the_shipped_site_is_taken_without_a_warning(site: Site) -> None:
    checked = subprocess.run([*command(site.nginx.folder), "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0
    assert "[" not in checked.stderr
    assert "[warn]" not in site.nginx.logs()


@pytest.mark.parametrize("text", ["no mark", "mark mark "])
def test_a_mark_that_is_not_there_once_is_told(text: str) -> None:
    with pytest.raises(AssertionError, match="'mark '"):
        filled(text, {"mark ": "x"})


def test_nginx_leaves_nothing_behind(tmp_path: Path) -> None:
    with nginx_in_front("http://127.0.0.1:9", media_location=tmp_path) as nginx:
        pid = int((nginx.folder / "nginx.pid").read_text())
    assert not nginx.folder.exists()
    assert not Path(f"/proc/{pid}").exists()


# What the application says is what the client gets


@pytest.mark.parametrize("send", PLACES)
def test_headers_are_the_applications_and_no_others(site: Site, send: Send) -> None:
    send(site)
    for _ in ("asked", "kept"):
        got = site.get()
        expected = {**{name.lower(): value for name, value in TRUE.items()}, "content-length": "10", "server": "nginx"}
        lines = [line for line in got.headers if line[0] not in ("date", "connection", "accept-ranges")]
        assert sorted(lines) == sorted(expected.items())
        assert (got.status, got.body) == (200, BODY)


@pytest.mark.parametrize("send", [PLACES[0], PLACES[2]])
def test_ranges_are_offered_once(site: Site, send: Send) -> None:
    send(site)
    assert site.get().all("Accept-Ranges") == ["bytes"]


@pytest.mark.parametrize("send", PLACES)
@pytest.mark.parametrize(
    ("asked", "place", "body"),
    [
        ("bytes=0-0", "bytes 0-0/10", b"0"),
        ("bytes=3-5", "bytes 3-5/10", b"345"),
        ("bytes=9-", "bytes 9-9/10", b"9"),
        ("bytes=-3", "bytes 7-9/10", b"789"),
        ("bytes=0-9", "bytes 0-9/10", BODY),
    ],
)
def test_one_range_is_answered_with_that_range(site: Site, send: Send, asked: str, place: str, body: bytes) -> None:
    send(site)
    for _ in ("asked", "kept"):
        got = site.get({"Range": asked})
        assert (got.status, got.all("Content-Range"), got.body) == (206, [place], body)
        assert got.all("ETag") == [ETAG]
        assert got.all("Content-Type") == [TRUE["Content-Type"]]


@pytest.mark.parametrize("send", [PLACES[0], PLACES[2]])
def test_if_range_is_judged_by_our_etag_and_date(site: Site, send: Send) -> None:
    send(site)
    for validator, status in ((ETAG, 206), (MODIFIED, 206), ('"the-stores"', 200), (STORES_OWN["Last-Modified"], 200)):
        assert site.get({"Range": "bytes=3-5", "If-Range": validator}).status == status


def test_the_store_is_not_asked_to_judge_if_range(site: Site) -> None:
    site.send_to_bucket()
    got = site.get({"Range": "bytes=3-5", "If-Range": '"the-stores"'})
    assert (got.status, got.body) == (200, BODY)


# From disk


@pytest.mark.parametrize("name", ODD_NAMES)
def test_files_with_odd_names_are_found(site: Site, name: str) -> None:
    site.send_to_disk(name, name.encode())
    assert site.get().body == name.encode()


@pytest.mark.parametrize(
    "path",
    ["../secret", "%2e%2e/secret", "..%2fsecret", "%2e%2e%2fsecret", "a/%2e%2e/%2e%2e/secret", "%00", "..%5csecret"],
)
def test_no_redirect_leads_out_of_the_media_folder(site: Site, path: str) -> None:
    site.send_to(f"/_accel/disk/{path}")
    got = site.get()
    assert got.status == 404
    assert b"secret" not in got.body


def test_a_missing_file_and_a_folder_are_404_and_an_unreadable_file_500(site: Site) -> None:
    (site.media / "folder").mkdir()
    (site.media / "loop").symlink_to("loop")
    for name, status in (("none", 404), ("folder", 404), ("folder/", 500), ("loop", 500)):
        site.send_to(f"/_accel/disk/{name}")
        got = site.get()
        assert (got.status, got.all("Content-Type")) == (status, ["application/json"])
        assert got.body.startswith(b'{"message":')
        assert "no-store" in got.all("Cache-Control")
        assert got.all("ETag") == []


@pytest.mark.parametrize(
    "path",
    [
        "/_accel/", "/_accel/x", "/_accel/disk/picture.svg", "/_accel/bucket", "/_accel/bucket/thumbs",
        "/_accel/bucket/x", "//_accel/disk/picture.svg", "/x/../_accel/disk/picture.svg", "/%5faccel/disk/picture.svg",
        "/./_accel//disk/picture.svg",
    ],
)  # fmt: skip
def test_from_outside_there_are_no_internal_places(site: Site, path: str) -> None:
    site.send_to_disk()
    assert site.get(path=path).status == 404
    assert site.app.asked == []


# From the bucket


@pytest.mark.parametrize("send", PLACES[1:])
def test_the_store_gets_the_signed_url_byte_for_byte_and_nothing_of_the_client(site: Site, send: Send) -> None:
    send(site)
    site.get(CREDENTIALS, body=b"a body")
    [asked] = site.store.asked
    assert asked.line == f"GET {OBJECT} HTTP/1.1"
    assert asked.headers == {"Host": site.store.host}


def test_the_store_gets_the_range_byte_for_byte(site: Site) -> None:
    site.send_to_bucket()
    site.get({"Range": "bytes=0003-5", **CREDENTIALS})
    assert site.store.asked[0].headers == {"Host": site.store.host, "Range": "bytes=0003-5"}


def test_the_host_is_the_one_that_was_signed(site: Site) -> None:
    site.send_to("/_accel/bucket", object=OBJECT, host="photos.s3.example.org")
    site.get()
    assert site.store.asked[0].headers["Host"] == "photos.s3.example.org"


def test_connections_to_the_store_are_kept(site: Site) -> None:
    site.send_to_bucket()
    for _ in range(5):
        site.get()
    assert len({asked.port for asked in site.store.asked}) == 1


@pytest.mark.parametrize("send", PLACES[1:])
@pytest.mark.parametrize(
    ("store", "client"),
    [
        *((status, 502) for status in (301, 307, 400, 401, 403, 405, 409, 412, 416)),
        (404, 404),
        *((status, 503) for status in (429, 500, 501, 502, 503, 504)),
    ],
)
def test_errors_of_the_store_are_told_in_our_words_and_never_kept(
    site: Site, send: Send, store: int, client: int
) -> None:
    send(site)
    site.store.answer = answering(b"<Error/>", store, {"Content-Type": "text/xml", "Cache-Control": "max-age=99"})
    got = site.get()
    assert (got.status, got.all("Content-Type")) == (client, ["application/json"])
    assert got.body.startswith(b'{"message":')
    assert "no-store" in got.all("Cache-Control")
    assert got.all("X-Correlation-ID") == [TRUE["X-Correlation-ID"]]
    assert got.all("ETag") == got.all("Last-Modified") == []
    site.store.answer = answering(BODY)
    assert site.get().body == BODY


def babble(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nno\0header: 1\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize("send", PLACES[1:])
@pytest.mark.parametrize("fault", [drop, babble])
def test_a_store_that_gives_no_answer_is_503(site: Site, send: Send, fault: Answer) -> None:
    send(site)
    site.store.answer = fault
    got = site.get()
    assert (got.status, got.all("Content-Type")) == (503, ["application/json"])


def test_a_store_that_is_not_there_is_503_and_no_application_too(tmp_path: Path) -> None:
    with stub() as app, nginx_in_front(
        app.url, media_location=tmp_path, bucket_endpoint="http://127.0.0.1:9"
    ) as nginx:
        app.answer = answering(b"", headers={"X-Accel-Redirect": "/_accel/bucket", "X-Accel-Object": OBJECT})
        assert get(nginx.url).status == 503
    with nginx_in_front("http://127.0.0.1:9", media_location=tmp_path) as nginx:
        got = get(nginx.url)
        assert (got.status, got.all("Content-Type")) == (503, ["application/json"])
        assert got.body == b'{"message":"Bucketroll does not answer; please try again"}'


# What each side may know


def test_the_application_learns_who_asks_from_nginx_alone(site: Site) -> None:
    lies = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    site.get({"Host": "photos.example.org:8443", **lies})
    headers = site.app.asked[0].headers
    told = {name: value for name, value in headers.items() if name.startswith("X-Forwarded")}
    assert told == {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "photos.example.org:8443",
    }
    assert headers["Host"] == "photos.example.org:8443"


def test_the_path_reaches_the_application_byte_for_byte(site: Site) -> None:
    site.get(path="/api/a%2Fb%20c//d/../e?x=%2F+&key=1;2")
    assert site.app.asked[0].line == "GET /api/a%2Fb%20c//d/../e?x=%2F+&key=1;2 HTTP/1.1"


def test_connections_to_the_application_are_kept(site: Site) -> None:
    for _ in range(5):
        site.get()
    assert len({asked.port for asked in site.app.asked}) == 1


def test_security_headers_are_added_where_the_application_gives_none(site: Site) -> None:
    got = site.get()
    assert got.all("X-Content-Type-Options") == ["nosniff"]
    assert got.all("Referrer-Policy") == ["same-origin"]
    assert got.all("X-Frame-Options") == ["SAMEORIGIN"]
    assert got.all("Strict-Transport-Security") == []
    own = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Content-Security-Policy": "x"}
    site.app.answer = answering(b"", headers=own)
    got = site.get()
    for name, value in own.items():
        assert got.all(name) == [value]
    assert got.all("X-Frame-Options") == []


def test_the_logs_have_neither_queries_nor_signatures(site: Site) -> None:
    for send in (Site.send_to_bucket, partial(Site.send_to_thumbs, key="1")):
        send(site)
        for fault in (drop, babble, answering(b"", 403), answering(b"", 500)):
            site.store.answer = fault
            site.get(CREDENTIALS)
    # A cache that cannot be written is worse than an error to nginx, and goes by its level `crit`.
    site.store.answer = holding(BODY)
    shutil.rmtree(site.nginx.cache)
    with suppress(RemoteDisconnected):
        site.get(CREDENTIALS)
    site.nginx.cache.mkdir()
    site.app.answer = drop
    site.get(CREDENTIALS)
    logs = site.nginx.logs()
    assert "GET /api/assets/1/original" in site.nginx.access_log()
    assert "X-Amz-Signature" not in logs
    assert "s1gned" not in logs
    assert "hunter2" not in logs.replace('"hunter2"', "the user agent")


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of photos.example.org, signed by itself."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", file, "-out", f"{file}.crt", "-subj", "/CN=x", "-addext", "subjectAltName=DNS:photos.example.org"],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


def test_the_tls_lines_serve_https_and_redirect_http(tmp_path: Path, certificate: Path) -> None:
    with stub() as app, nginx_in_front(app.url, media_location=tmp_path, certificate=certificate) as nginx:
        got = get(f"{nginx.plain_url}/photos?at=1", {"Host": "evil.example"})
        assert (got.status, got.all("Location")) == (301, ["https://photos.example.org/photos?at=1"])
        at = urlsplit(nginx.url)
        assert at.hostname
        context = ssl.create_default_context(cafile=f"{certificate}.crt")
        plain = socket.create_connection((at.hostname, at.port or 443), timeout=10)
        with context.wrap_socket(plain, server_hostname="photos.example.org") as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: photos.example.org\r\nConnection: close\r\n\r\n")
            said = b"".join(iter(partial(client.recv, 65536), b""))
        assert b"\r\nStrict-Transport-Security: max-age=" in said
        assert app.asked[-1].headers["X-Forwarded-Proto"] == "https"


@pytest.mark.parametrize(("host", "status"), [("photos.example.org", 200), ("other.example.org", 503)])
def test_the_certificate_of_the_store_is_verified(tmp_path: Path, certificate: Path, host: str, status: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with stub() as app, stub(context) as store, nginx_in_front(
        app.url, media_location=tmp_path, bucket_endpoint=store.url, authorities=Path(f"{certificate}.crt")
    ) as nginx:
        app.answer = answering(
            b"", headers={"X-Accel-Redirect": "/_accel/bucket", "X-Accel-Object": OBJECT, "X-Accel-Host": host}
        )
        assert get(nginx.url).status == status
