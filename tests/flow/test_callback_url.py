import pytest

from arrivals.flow.callback_url import CallbackUrls, UnknownToken

OLD, NEW = "the-old-signing-key", "the-new-signing-key"


def token_of(callback_urls, provider="runblob"):
    return callback_urls.url(provider, "default", "gen_1").rpartition("/")[2]


def test_a_token_names_its_generation_and_account():
    callback_urls = CallbackUrls(public_url="https://a.example", keys=(NEW,))

    assert ("gen_1", "default") == callback_urls.open("runblob", token_of(callback_urls))
    assert callback_urls.url("runblob", "default", "gen_1").startswith("https://a.example/callbacks/runblob/")


def test_a_token_survives_key_rotation_and_the_newest_key_signs():
    before = CallbackUrls(public_url="https://a.example", keys=(OLD,))
    during = CallbackUrls(public_url="https://a.example", keys=(NEW, OLD))
    after = CallbackUrls(public_url="https://a.example", keys=(NEW,))

    assert ("gen_1", "default") == during.open("runblob", token_of(before))
    assert ("gen_1", "default") == after.open("runblob", token_of(during))
    with pytest.raises(UnknownToken):
        after.open("runblob", token_of(before))


ALTERED = {
    "shortened": lambda token: token[:-1],
    "lengthened": lambda token: token + "A",
    "of another generation": lambda token: token.replace("gen_1", "gen_2"),
    "empty": lambda _: "",
    "only the mark between": lambda _: "~",
    "not ASCII": lambda _: "é~x",
}


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
def test_an_altered_token_opens_nothing(change):
    callback_urls = CallbackUrls(public_url="https://a.example", keys=(NEW,))

    with pytest.raises(UnknownToken):
        callback_urls.open("runblob", change(token_of(callback_urls)))


def test_a_token_of_another_provider_opens_nothing():
    callback_urls = CallbackUrls(public_url="https://a.example", keys=(NEW,))

    with pytest.raises(UnknownToken):
        callback_urls.open("eachlabs", token_of(callback_urls, "runblob"))


def test_webhook_secrets_differ_by_generation_and_key():
    callback_urls = CallbackUrls(public_url=None, keys=(NEW, OLD))

    secrets = {*callback_urls.webhook_secrets("gen_1"), *callback_urls.webhook_secrets("gen_2")}

    assert 4 == len(secrets)
