"""Has proxy.py take every name for this machine, so that a test reaches its servers under names of the wide world."""

from proxy.http.proxy import HttpProxyBasePlugin


class AllToLoopback(HttpProxyBasePlugin):
    """The plugin; see proxy.py's documentation of `resolve_dns`."""

    def resolve_dns(self, host, port):
        return "127.0.0.1", None
