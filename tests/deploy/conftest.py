"""Fixtures for the tests of nginx."""

import secrets
import shutil
from collections.abc import Iterator

import pytest

from tests.deploy.sites import BODY, STORES_OWN, Site
from tests.deploy.stubs import answering, holding, stub
from tests.nginx import nginx_in_front


@pytest.fixture(scope="module")
def one_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site for the tests of a module, with a secret beside its media folder."""
    folder = tmp_path_factory.mktemp("site")
    media = folder / "media"
    media.mkdir()
    (folder / "secret").write_text("secret")
    with stub() as app, stub() as store, nginx_in_front(
        app.url, media_location=media, bucket_endpoint=store.url
    ) as nginx:
        yield Site(nginx, app, store, media)


@pytest.fixture
def site(one_site: Site) -> Site:
    """The site as if it were new: stubs that were asked nothing, no files, and keys that nothing was kept for."""
    for one in (one_site.app, one_site.store):
        one.asked.clear()
    one_site.app.answer = answering(b"")
    one_site.store.answer = holding(BODY, STORES_OWN)
    shutil.rmtree(one_site.media)
    one_site.media.mkdir()
    one_site.key_prefix = secrets.token_hex(4)
    return one_site
