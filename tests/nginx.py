"""A real nginx for tests, with the site configuration that we ship, in front of any application."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.live import free_port

SITE = Path(__file__).parent.parent / "deploy/nginx/bucketroll.conf"
PATIENCE = 20.0
# How long requests in flight may take at the end of a test.
GRACE = 2.0

# What admins have in their nginx.conf, with what could spoil our answers switched on.
MAIN = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/main.log info;
events {{ worker_connections 512; }}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    sendfile on;
    gzip on;
    gzip_min_length 1;
    gzip_proxied any;
    gzip_types *;
    charset utf-8;
    client_body_temp_path {folder}/temporary/body;
    proxy_temp_path {folder}/temporary/proxy;
    fastcgi_temp_path {folder}/temporary/fastcgi;
    uwsgi_temp_path {folder}/temporary/uwsgi;
    scgi_temp_path {folder}/temporary/scgi;
    include {folder}/bucketroll.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx: `url` is the site's, http or https; `plain_url` is always http."""

    url: str
    plain_url: str
    folder: Path

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def temporary(self) -> Path:
        """Where nginx would spool bodies."""
        return self.folder / "temporary"

    def logs(self) -> str:
        """All that nginx has written about anything."""
        return "".join(log.read_text(errors="replace") for log in sorted(self.folder.glob("*.log")))

    def access_log(self) -> str:
        return (self.folder / "access.log").read_text()


@contextmanager
def nginx_in_front(
    app_url: str,
    *,
    media_location: Path,
    bucket_endpoint: str | None = None,
    certificate: Path | None = None,
    authorities: Path | None = None,
) -> Iterator[Nginx]:
    """nginx on a free loopback port before the application; nothing of it is left afterwards.

    `certificate`: a PEM file of certificate and key; the site then speaks TLS. `authorities`: who
    signed the certificate of a bucket that speaks https.
    """
    with tempfile.TemporaryDirectory(prefix="bucketroll-nginx-") as name:
        folder, port, plain_port = Path(name), free_port(), free_port()
        (folder / "temporary").mkdir()
        address = f"127.0.0.1:{port}"
        site = SITE.read_text()
        if certificate is None:
            plain_port = port
            site = filled(site, {"listen 80;  # EDIT listen": f"listen {address};"})
        else:
            site = with_tls(site, address, f"127.0.0.1:{plain_port}", certificate)
        site = filled(site, values_of(folder, app_url, media_location, bucket_endpoint, authorities))
        (folder / "bucketroll.conf").write_text(site)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))
        scheme = "http" if certificate is None else "https"
        nginx = Nginx(f"{scheme}://{address}", f"http://127.0.0.1:{plain_port}", folder)
        with running(nginx):
            yield nginx


def values_of(
    folder: Path, app_url: str, media_location: Path, bucket_endpoint: str | None, authorities: Path | None
) -> dict[str, str]:
    """What an admin would edit in any case, as text to find and text to put."""
    values = {
        "server 127.0.0.1:2283;  # EDIT app": f"server {urlsplit(app_url).netloc};",
        "proxy_cache_path /var/cache/bucketroll  # EDIT cache\n": f"proxy_cache_path {folder}/cache\n",
        "access_log /var/log/nginx/bucketroll.access.log bucketroll;  # EDIT access log":
            f"access_log {folder}/access.log bucketroll;",
        "error_log /var/log/nginx/bucketroll.error.log emerg;  # EDIT error log":
            f"error_log {folder}/error.log emerg;",
        "alias /srv/bucketroll/media/;  # EDIT media": f"alias {media_location}/;",
    }  # fmt: skip
    if bucket_endpoint is not None:
        bucket = urlsplit(bucket_endpoint)
        values["server 127.0.0.1:8333;  # EDIT bucket"] = f"server {bucket.netloc};"
        origin = f"default {bucket.scheme}://bucketroll_bucket;"
        values["default http://bucketroll_bucket;  # EDIT origin"] = origin
    if authorities is not None:
        shipped = "proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;  # EDIT authorities"
        values[shipped] = f"proxy_ssl_trusted_certificate {authorities};"
    return values


def with_tls(site: str, address: str, plain_address: str, certificate: Path) -> str:
    """The site with its TLS lines put in, as README.md says."""
    shipped = "/etc/letsencrypt/live/photos.example.org"
    return filled(
        site.replace("\n#TLS ", "\n"),
        {
            "    listen 80;  # EDIT listen": "#",
            "    listen 80;\n": f"    listen {plain_address};\n",
            "listen 443 ssl;": f"listen {address} ssl;",
            f"{shipped}/fullchain.pem;  # EDIT certificate": f"{certificate};",
            f"{shipped}/privkey.pem;  # EDIT key": f"{certificate};",
        },
    )


def filled(site: str, values: Mapping[str, str]) -> str:
    """The site with values put in; what follows one on its line becomes a comment.

    Raises AssertionError where a text to find is not there exactly once.
    """
    for found, put in values.items():
        assert site.count(found) == 1, f"{found!r} is {site.count(found)} times in {SITE.name}"
        site = site.replace(found, put if put.endswith("\n") else f"{put}  # ")
    return site


@contextmanager
def running(nginx: Nginx) -> Iterator[None]:
    """Start nginx, wait until it listens, and end it with all its workers."""
    # Where the tests themselves are killed, nginx ends too.
    with (nginx.folder / "main.log").open("ab") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command(nginx.folder)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        wait_until_ready(nginx, process)
        yield
    finally:
        process.send_signal(signal.SIGQUIT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def command(folder: Path) -> list[str]:
    # Debian keeps nginx out of an ordinary user's PATH.
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "nginx is not installed"
    return [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]


def wait_until_ready(nginx: Nginx, process: subprocess.Popen[bytes]) -> None:
    """Until it listens: what it accepts from then on it answers."""
    at = urlsplit(nginx.url)
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None:
        try:
            socket.create_connection((at.hostname or "", at.port or 0), timeout=5).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, nginx.logs()
            time.sleep(0.01)
        else:
            return
    raise AssertionError(f"nginx ended at its start:\n{nginx.logs()}")
