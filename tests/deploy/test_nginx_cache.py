"""nginx keeps small pictures out of the bucket: each is fetched once, and nothing bad is kept."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import IncompleteRead
from http.server import BaseHTTPRequestHandler

import pytest

from tests.deploy.sites import BODY, Site
from tests.deploy.stubs import Answer, answering, drop, send_head

pytestmark = pytest.mark.servers


def test_of_twenty_requests_one_reaches_the_store(site: Site) -> None:
    for number in range(20):
        site.send_to_thumbs("1", f"/photos/1?X-Amz-Signature={number}")
        assert site.get().body == BODY
    assert len(site.store.asked) == 1
    site.store.answer = drop
    assert site.get({"Range": "bytes=3-5"}).body == b"345"


def test_of_twenty_requests_at_once_one_reaches_the_store(site: Site) -> None:
    def slowly(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.2)
        answering(BODY)(handler)

    site.store.answer = slowly
    site.send_to_thumbs("1")
    with ThreadPoolExecutor(20) as pool:
        assert {got.body for got in pool.map(lambda _: site.get(), range(20))} == {BODY}
    assert len(site.store.asked) == 1


def test_each_key_has_its_own_picture_and_no_key_has_none(site: Site) -> None:
    for key in ("1", "2", None, None):
        site.store.answer = answering(b"%d" % len(site.store.asked))
        site.send_to_thumbs(key)
        assert site.get().body == b"%d" % (len(site.store.asked) - 1)
    assert len(site.store.asked) == 4


def test_the_application_decides_about_each_request_for_what_is_kept(site: Site) -> None:
    site.send_to_thumbs("1")
    site.get()
    site.app.answer = answering(b'{"message":"Forbidden"}', 403)
    assert site.get().status == 403


def break_off(handler: BaseHTTPRequestHandler) -> None:
    send_head(handler, 200, 1000, {})
    handler.wfile.write(b"x" * 10)
    handler.close_connection = True


def end_somewhere(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\nxxx")
    handler.close_connection = True


@pytest.mark.parametrize("fault", [break_off, end_somewhere])
def test_a_picture_that_broke_off_is_not_kept(site: Site, fault: Answer) -> None:
    site.send_to_thumbs("1")
    site.store.answer = fault
    with suppress(IncompleteRead):
        site.get()
    site.store.answer = answering(BODY)
    assert site.get().body == BODY
