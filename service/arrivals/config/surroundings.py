"""Variables that other programs on the machine read too: its proxies, and the authorities that it trusts."""

from collections.abc import Iterable, Mapping
import os
from pathlib import Path
import ssl

from arrivals.config.declarations import BadSetting
from arrivals.core.proxies import BadProxy, Proxies, read_proxies

FILE, FOLDERS = "SSL_CERT_FILE", "SSL_CERT_DIR"


def usable_proxies(environment: Mapping[str, str], urls: Iterable[str]) -> Proxies:
    """The proxies of an environment. Raises BadSetting for a proxy that a call to one of the URLs could not use."""
    proxies = read_proxies(environment)
    try:
        for url in urls:
            proxies.proxy_for(url)
    except BadProxy as error:
        raise BadSetting(str(error)) from error
    return proxies


def check_authorities(environment: Mapping[str, str]) -> None:
    """Raises BadSetting for a file or folders of certificates that OpenSSL would pass over in silence."""
    file, folders = environment.get(FILE), environment.get(FOLDERS)
    if file:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
        except OSError as error:
            raise BadSetting(
                f"{FILE} must be the path of a file of certificates (PEM), not {file} ({error})"
            ) from error
    if folders and not any(Path(folder).is_dir() for folder in folders.split(os.pathsep)):
        raise BadSetting(f"{FOLDERS} must be a folder of certificates; {folders} is none")
