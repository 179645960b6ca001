"""Whom a TLS connection believes: the authorities that the operator names, or only those of the machine.

Both come from the machine; what differs is whether `SSL_CERT_FILE` and `SSL_CERT_DIR` have a say.
"""

from pathlib import Path
import ssl

import httpx


def named_authorities() -> ssl.SSLContext:
    """For hosts that the operator names: OpenSSL reads SSL_CERT_FILE and SSL_CERT_DIR in place of the machine's own."""
    return ssl.create_default_context()


def machine_authorities() -> ssl.SSLContext:
    """For hosts that users name: the machine's own authorities, or those of certifi where it has none."""
    paths = ssl.get_default_verify_paths()
    file, folder = Path(paths.openssl_cafile), Path(paths.openssl_capath)
    has_file, has_folder = file.is_file(), folder.is_dir() and any(folder.iterdir())
    if not has_file and not has_folder:
        return httpx.create_ssl_context(trust_env=False)
    return ssl.create_default_context(cafile=file if has_file else None, capath=folder if has_folder else None)
