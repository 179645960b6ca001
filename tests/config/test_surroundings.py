"""Variables that other programs read too: what they name is used, or refused by name before anything starts."""

import os

import pytest

from arrivals.config.declarations import BadSetting
from arrivals.config.settings import read_settings
from tests.support.certificates import Authority

PROXY = "http://user:hush-hush@proxy.example:3128"
PROVIDER = {"ARRIVALS_RUNBLOB_API_KEY": "key"}


def test_proxies_are_settings_and_their_passwords_are_secrets():
    settings = read_settings({"HTTPS_PROXY": PROXY, **PROVIDER})

    assert PROXY == settings.proxies.proxy_for("https://api.example")
    assert "hush-hush" in settings.secrets
    assert "hush-hush" not in repr(settings)


@pytest.mark.parametrize(
    "environment", [PROVIDER, {**PROVIDER, "ARRIVALS_RUNBLOB_BASE_URL": "https://runblob.example"}]
)
def test_a_proxy_that_a_provider_could_not_be_called_through_is_refused(environment):
    with pytest.raises(BadSetting, match=r"^ALL_PROXY must be the http:// or https:// URL of a proxy"):
        read_settings({"ALL_PROXY": "socks5://localhost:1", **environment})


def test_a_proxy_that_no_provider_needs_is_none_of_our_business():
    assert read_settings({"ALL_PROXY": "socks5://localhost:1"}).proxies
    assert read_settings({"ALL_PROXY": "socks5://localhost:1", "NO_PROXY": "*", **PROVIDER}).proxies


def test_certificates_that_can_be_read_are_taken(tmp_path):
    (tmp_path / "a.pem").write_bytes(Authority("an authority").pem)
    environment = {
        "SSL_CERT_FILE": str(tmp_path / "a.pem"),
        "SSL_CERT_DIR": os.pathsep.join(("/nowhere", str(tmp_path))),
    }

    assert read_settings({}) == read_settings(environment) == read_settings({"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""})


@pytest.mark.parametrize("text", ["", "no certificate", None])
def test_certificates_that_openssl_would_pass_over_in_silence_are_refused(tmp_path, text):
    path = tmp_path / "a.pem"
    path.mkdir() if text is None else path.write_text(text)
    with pytest.raises(
        BadSetting, match=rf"^SSL_CERT_FILE must be the path of a file of certificates .PEM., not {path} "
    ):
        read_settings({"SSL_CERT_FILE": str(path)})
    with pytest.raises(BadSetting, match=r"^SSL_CERT_DIR must be a folder of certificates; /nowhere is none"):
        read_settings({"SSL_CERT_DIR": "/nowhere"})
