"""Who carries the bytes: the table of docs/delivery.md, line by line."""

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from blueprints.carriers import Asked, Carrier, carrier_of, is_plain, may_leave, reads_the_same_range
from blueprints.conditions import Verdict
from blueprints.disposition import content_disposition
from config import DeliveryMode, DeliverySettings, MediaKind
from storage.types import ByteRange

MIB = 1024 * 1024
HOW = DeliverySettings(
    mode=DeliveryMode.AUTO, accel=False, redirect_bytes=8 * MIB, url_seconds=3600, streams=8, waiting=4, idle_seconds=60
)
LARGE = Asked("GET", 8 * MIB, is_plain=True, through_nginx=False, may_leave=True)
ORIGINALS, THUMBNAILS = MediaKind.ORIGINALS, MediaKind.THUMBNAILS
BUCKET = "https://photos.s3.example"
BROWSER = {"wsgi.url_scheme": "https", "HTTP_COOKIE": "immich_access_token=secret"}


@pytest.mark.parametrize(
    ("asked", "kind", "how", "carrier"),
    [
        (LARGE, ORIGINALS, HOW, Carrier.REDIRECT),
        (LARGE, MediaKind.ENCODED_VIDEO, HOW, Carrier.REDIRECT),
        (replace(LARGE, length=8 * MIB - 1), ORIGINALS, HOW, Carrier.PROXY),
        (LARGE, THUMBNAILS, HOW, Carrier.PROXY),
        (LARGE, MediaKind.PROFILE, HOW, Carrier.PROXY),
        (replace(LARGE, may_leave=False), ORIGINALS, HOW, Carrier.PROXY),
        (replace(LARGE, is_plain=False), ORIGINALS, HOW, Carrier.PROXY),
        (replace(LARGE, method="HEAD"), ORIGINALS, HOW, Carrier.PROXY),
        (LARGE, ORIGINALS, replace(HOW, mode=DeliveryMode.PROXY), Carrier.PROXY),
        (replace(LARGE, length=1), THUMBNAILS, replace(HOW, mode=DeliveryMode.REDIRECT), Carrier.REDIRECT),
        (replace(LARGE, method="HEAD"), ORIGINALS, replace(HOW, mode=DeliveryMode.REDIRECT), Carrier.REDIRECT),
        (replace(LARGE, may_leave=False), ORIGINALS, replace(HOW, mode=DeliveryMode.REDIRECT), Carrier.PROXY),
        (replace(LARGE, is_plain=False), ORIGINALS, replace(HOW, mode=DeliveryMode.REDIRECT), Carrier.PROXY),
    ],
)
def test_a_redirect_is_for_large_downloads_that_it_cannot_hurt(
    asked: Asked, kind: MediaKind, how: DeliverySettings, carrier: Carrier
) -> None:
    assert carrier_of(asked, kind, how) is carrier


@pytest.mark.parametrize(
    ("asked", "accel", "carrier"),
    [
        (replace(LARGE, may_leave=False, through_nginx=True), True, Carrier.ACCEL),
        (replace(LARGE, length=1, through_nginx=True), True, Carrier.ACCEL),
        (replace(LARGE, through_nginx=True), True, Carrier.REDIRECT),
        (replace(LARGE, may_leave=False, through_nginx=False), True, Carrier.PROXY),
        (replace(LARGE, may_leave=False, through_nginx=True), False, Carrier.PROXY),
        (replace(LARGE, length=1, through_nginx=True, method="HEAD"), True, Carrier.PROXY),
        (replace(LARGE, length=1, through_nginx=True, is_plain=False), True, Carrier.PROXY),
    ],
)
def test_nginx_carries_what_came_through_it(asked: Asked, accel: bool, carrier: Carrier) -> None:
    assert carrier_of(asked, ORIGINALS, replace(HOW, accel=accel)) is carrier


def test_nothing_leaves_that_may_not_and_nobody_else_answers_conditions() -> None:
    for mode, accel, method, plain, nginx, leave, length, kind in product(
        DeliveryMode, (True, False), ("GET", "HEAD"), (True, False), (True, False), (True, False), (0, MIB, 9 * MIB),
        MediaKind,
    ):  # fmt: skip
        asked = Asked(method, length, plain, nginx, leave)
        carrier = carrier_of(asked, kind, replace(HOW, mode=mode, accel=accel))
        if not plain:
            assert carrier is Carrier.PROXY
        if carrier is Carrier.REDIRECT:
            assert leave
            assert mode is not DeliveryMode.PROXY
        if carrier is Carrier.ACCEL:
            assert accel
            assert nginx
            assert method == "GET"


@pytest.mark.parametrize(
    ("environ", "host", "origin", "allowed"),
    [
        (BROWSER, "photos.example", BUCKET, True),
        ({**BROWSER, "HTTP_SEC_FETCH_MODE": "navigate"}, "photos.example", BUCKET, True),
        ({**BROWSER, "HTTP_SEC_FETCH_MODE": "no-cors"}, "photos.example", BUCKET, True),
        ({**BROWSER, "HTTP_SEC_FETCH_MODE": "cors"}, "photos.example", BUCKET, False),
        ({**BROWSER, "HTTP_SEC_FETCH_MODE": "same-origin"}, "photos.example", BUCKET, False),
        ({**BROWSER, "HTTP_AUTHORIZATION": "Bearer x"}, "photos.example", BUCKET, False),
        ({**BROWSER, "HTTP_X_API_KEY": "x"}, "photos.example", BUCKET, False),
        ({**BROWSER, "HTTP_X_IMMICH_USER_TOKEN": "x"}, "photos.example", BUCKET, False),
        ({**BROWSER, "HTTP_X_IMMICH_SESSION_TOKEN": "x"}, "photos.example", BUCKET, False),
        ({**BROWSER, "HTTP_X_IMMICH_SHARE_KEY": "x"}, "photos.example", BUCKET, False),
        ({**BROWSER, "HTTP_X_IMMICH_SHARE_SLUG": "x"}, "photos.example", BUCKET, False),
        ({**BROWSER, "QUERY_STRING": "redirect=false"}, "photos.example", BUCKET, False),
        ({**BROWSER, "QUERY_STRING": "a=1&redirect=0"}, "photos.example", BUCKET, False),
        ({**BROWSER, "QUERY_STRING": "redirect=true"}, "photos.example", BUCKET, True),
        ({"wsgi.url_scheme": "http", "QUERY_STRING": "apiKey=x"}, "photos.example", BUCKET, True),
        (BROWSER, "photos.example", "http://photos.s3.example", False),
        ({**BROWSER, "wsgi.url_scheme": "http"}, "photos.example", "http://photos.s3.example", True),
        ({**BROWSER, "wsgi.url_scheme": "http"}, "127.0.0.1", "http://127.0.0.1:8333", False),
        ({"wsgi.url_scheme": "http"}, "127.0.0.1", "http://127.0.0.1:8333", True),
    ],
)
def test_a_request_leaves_only_where_that_leaks_and_breaks_nothing(
    environ: dict[str, str], host: str, origin: str, allowed: bool
) -> None:
    assert may_leave(environ, host, origin) is allowed


@pytest.mark.parametrize(
    ("environ", "verdict", "plain"),
    [
        ({}, Verdict(200), True),
        ({"HTTP_RANGE": "bytes=0-9"}, Verdict(206, (ByteRange(0, 10),)), True),
        ({"HTTP_RANGE": "bytes=5-"}, Verdict(206, (ByteRange(5, 10),)), True),
        ({"HTTP_RANGE": "bytes=-5"}, Verdict(206, (ByteRange(5, 10),)), True),
        ({"HTTP_RANGE": "bytes= 0-9"}, Verdict(206, (ByteRange(0, 10),)), False),
        ({"HTTP_RANGE": "Bytes=0-9"}, Verdict(206, (ByteRange(0, 10),)), False),
        ({"HTTP_RANGE": f"bytes=0-{10**30}"}, Verdict(206, (ByteRange(0, 10),)), False),
        ({"HTTP_RANGE": "bytes=0-1,5-6"}, Verdict(206, (ByteRange(0, 2), ByteRange(5, 7))), False),
        ({"HTTP_RANGE": "bytes=0-1,1-6"}, Verdict(206, (ByteRange(0, 7),)), False),
        ({"HTTP_RANGE": "items=0-1"}, Verdict(200), False),
        ({"HTTP_IF_RANGE": '"a"'}, Verdict(200), False),
        ({"HTTP_IF_NONE_MATCH": '"a"'}, Verdict(200), False),
        ({"HTTP_IF_MATCH": '"a"'}, Verdict(200), False),
        ({"HTTP_IF_MODIFIED_SINCE": "x"}, Verdict(200), False),
        ({"HTTP_IF_UNMODIFIED_SINCE": "x"}, Verdict(200), False),
    ],
)
def test_only_what_everyone_reads_alike_is_left_to_others(
    environ: dict[str, str], verdict: Verdict, plain: bool
) -> None:
    assert is_plain(environ, verdict) is plain


@pytest.mark.parametrize(
    ("environ", "same"),
    [
        ({}, False),
        ({"HTTP_X_ACCEL_RANGE": "[]"}, True),
        ({"HTTP_X_ACCEL_RANGE": "[bytes=1-]", "HTTP_RANGE": "bytes=1-"}, True),
        ({"HTTP_X_ACCEL_RANGE": "[bytes=1-\t]", "HTTP_RANGE": "bytes=1-"}, False),
        ({"HTTP_RANGE": "bytes=1-"}, False),
    ],
)
def test_nginx_with_our_configuration_is_known_by_what_it_says(environ: dict[str, str], same: bool) -> None:
    assert reads_the_same_range(environ) is same


def test_the_documented_table_names_every_carrier_and_setting() -> None:
    text = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text()
    for carrier in Carrier:
        assert f"`{carrier}`" in text
    for setting in ("DELIVERY_MODE", "DELIVERY_ACCEL", "DELIVERY_REDIRECT_BYTES", "DELIVERY_URL_SECONDS",
                    "DELIVERY_STREAMS", "DELIVERY_IDLE_SECONDS", "S3_PUBLIC_ENDPOINT"):  # fmt: skip
        assert setting in text


@pytest.mark.parametrize(
    ("name", "plain", "full"),
    [
        ("IMG_1.jpg", "IMG_1.jpg", "IMG_1.jpg"),
        ("two words.jpg", "two words.jpg", "two%20words.jpg"),
        ('a"b\\c.jpg', "a_b_c.jpg", "a%22b%5Cc.jpg"),
        ("100%41.jpg", "100_41.jpg", "100%2541.jpg"),
        ("../../etc/passwd", ".._.._etc_passwd", "..%2F..%2Fetc%2Fpasswd"),
        ("Été 🏔.jpg", "_t_ _.jpg", "%C3%89t%C3%A9%20%F0%9F%8F%94.jpg"),
        ("it's;(1)*.jpg", "it's;(1)*.jpg", "it%27s%3B%281%29%2A.jpg"),
        ("a\r\nX-Evil: 1", "a__X-Evil: 1", "a%0D%0AX-Evil%3A%201"),
        ("\ud800.jpg", "_.jpg", "%3F.jpg"),
    ],
)
def test_any_name_fits_into_the_header(name: str, plain: str, full: str) -> None:
    header = content_disposition("attachment", name)
    assert header == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{full}"
    assert re.fullmatch(r"[ -~]+", header)
