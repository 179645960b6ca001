import pytest

from arrivals.flow.callback_url import Callbacks, UnknownToken

OLD, NEW = "the-old-signing-key", "the-new-signing-key"


def token_of(callbacks, provider="runblob"):
    return callbacks.url(provider, "default", "gen_1").rpartition("/")[2]


def test_a_token_names_its_generation_and_account():
    callbacks = Callbacks(public_url="https://a.example", keys=(NEW,))

    assert ("gen_1", "default") == callbacks.open("runblob", token_of(callbacks))
    assert callbacks.url("runblob", "default", "gen_1").startswith("https://a.example/callbacks/runblob/")


def test_a_token_survives_key_rotation_and_the_newest_key_signs():
    before = Callbacks(public_url="https://a.example", keys=(OLD,))
    during = Callbacks(public_url="https://a.example", keys=(NEW, OLD))
    after = Callbacks(public_url="https://a.example", keys=(NEW,))

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
    callbacks = Callbacks(public_url="https://a.example", keys=(NEW,))

    with pytest.raises(UnknownToken):
        callbacks.open("runblob", change(token_of(callbacks)))


def test_a_token_of_another_provider_opens_nothing():
    callbacks = Callbacks(public_url="https://a.example", keys=(NEW,))

    with pytest.raises(UnknownToken):
        callbacks.open("eachlabs", token_of(callbacks, "runblob"))


def test_webhook_secrets_differ_by_generation_and_key():
    callbacks = Callbacks(public_url=None, keys=(NEW, OLD))

    secrets = {*callbacks.webhook_secrets("gen_1"), *callbacks.webhook_secrets("gen_2")}

    assert 4 == len(secrets)
