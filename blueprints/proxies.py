"""Reverse proxies: X-Forwarded headers count only when a trusted proxy sends them."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


# In the environment of requests that a trusted proxy passed on.
PROXIED = "bucketroll.proxied"


class TrustedProxies:
    """Applies ProxyFix to requests whose peer lies in one of the networks, and to no others."""

    def __init__(self, app: "WSGIApplication", networks: Sequence[str]) -> None:
        self._direct = app
        self._proxied = ProxyFix(app, x_for=1, x_proto=1, x_host=1)
        self._networks = [ip_network(network) for network in networks]

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not self._trusts(environ.get("REMOTE_ADDR", "")):
            return self._direct(environ, start_response)
        environ[PROXIED] = True
        return self._proxied(environ, start_response)

    def _trusts(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            # A unix socket has no address: whoever can open it was let in by the file system.
            return peer == ""
        return any(address in network for network in self._networks)
