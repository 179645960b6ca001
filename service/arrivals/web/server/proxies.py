"""The proxies in front: whose `X-Forwarded-For` names the caller, in the words of uvicorn's own options.

uvicorn reads the header from its end to the first address that is no proxy.
"""

from collections.abc import Sequence
import ipaddress
from typing import Any

from arrivals.outbound.policy import Network

MAPPED = int(ipaddress.IPv6Address("::ffff:0:0"))
MAPPED_PREFIX = 96


def proxy_options(networks: Sequence[Network]) -> dict[str, Any]:
    """The options for these networks; where there are none, no header is believed."""
    trusted = [str(form) for network in networks for form in (network, *_mapped(network))]
    return {"proxy_headers": bool(trusted), "forwarded_allow_ips": trusted}


def _mapped(network: Network) -> list[Network]:
    """An IPv4 network as a socket that listens on `::` sees it."""
    if isinstance(network, ipaddress.IPv6Network):
        return []
    return [ipaddress.IPv6Network((MAPPED | int(network.network_address), MAPPED_PREFIX + network.prefixlen))]
