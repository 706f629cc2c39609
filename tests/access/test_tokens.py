from __future__ import annotations

from itertools import product

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.access.links import link_to, without_key
from lightcone.server.access.tokens import SCOPES, BadKey, BadToken, Identity, NotYours, Tokens

KEY = "correct horse battery staple"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_says_who_may_do_what_for_how_long() -> None:
    clock = Clock()
    tokens = Tokens(KEY, clock)
    made = tokens.mint("drive", 60, name="class 3b", session="abc")
    found = tokens.identify(made.token)
    assert found == Identity("class 3b", "drive", "abc", clock.now + 60)
    clock.now += 60
    with pytest.raises(BadToken, match="its time is over"):
        tokens.identify(made.token)


def test_the_key_is_an_admin_and_has_to_be_long() -> None:
    assert Tokens(KEY).identify(KEY) == Identity("key", "admin")
    with pytest.raises(BadKey, match="16 characters"):
        Tokens("short")


@given(st.text(max_size=80))
def test_what_was_not_made_here_is_refused(text: str) -> None:
    if text != KEY:
        with pytest.raises(BadToken):
            Tokens(KEY).identify(text)


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
def test_another_signature_is_refused(algorithm: str) -> None:
    claims = {"iss": "lightcone", "sub": "x", "exp": 2**40, "scope": "admin", "use": "token"}
    secret = "" if algorithm == "none" else KEY * 3
    with pytest.raises(BadToken, match="not made with this server's key"):
        Tokens(KEY).identify(jwt.encode(claims, secret, algorithm))
    other = Tokens("another key of some length").mint("admin", 60)
    with pytest.raises(BadToken, match="not made with this server's key"):
        Tokens(KEY).identify(other.token)


def test_a_link_is_no_token_and_gives_one() -> None:
    clock = Clock()
    tokens = Tokens(KEY, clock)
    link = tokens.mint("watch", 3600, name="friends", session="abc", use="link").token
    with pytest.raises(BadToken, match="it is no token"):
        tokens.identify(link)
    with pytest.raises(BadToken, match="it is no link"):
        tokens.identify(tokens.mint("watch", 60).token, "link")
    with pytest.raises(BadToken):
        tokens.identify(KEY, "link")
    _, made = tokens.exchange(link, 600)
    assert tokens.identify(made.token) == Identity("friends", "watch", "abc", clock.now + 600)
    _, long = tokens.exchange(link, 1e6)
    assert long.expires == clock.now + 3600  # no longer than the link


def test_scopes_are_one_within_another() -> None:
    for (i, mine), (j, needed) in product(enumerate(SCOPES), enumerate(SCOPES)):
        assert Identity("x", mine).may(needed, None) is (i >= j)
    bound = Identity("x", "drive", "abc")
    assert bound.may("drive", "abc")
    assert bound.may("watch", None)
    assert not bound.may("watch", "other")


def test_nobody_passes_on_more_than_they_may() -> None:
    clock = Clock()
    tokens = Tokens(KEY, clock)
    mine = Identity("me", "drive", "abc", clock.now + 60)
    given = tokens.identify(tokens.delegate(mine, "watch", 3600).token)
    assert given == Identity("me", "watch", "abc", clock.now + 60)
    with pytest.raises(NotYours):
        tokens.delegate(mine, "admin", 60)
    with pytest.raises(NotYours):
        tokens.delegate(mine, "watch", 60, session="other")
    with pytest.raises(NotYours, match="under another name"):
        tokens.delegate(mine, "watch", 60, name="you")
    named = tokens.delegate(Identity("key", "admin"), "drive", 60, name="you")
    assert tokens.identify(named.token).name == "you"
    anywhere = Identity("me", "drive")
    assert tokens.identify(tokens.delegate(anywhere, "drive", 9, session="x").token).session == "x"


def test_links_lose_their_key_and_never_lead_elsewhere() -> None:
    link = link_to("https://play.example.org/", "abc", "s1")
    assert link == "https://play.example.org/?key=abc&session=s1"
    assert without_key("/", "key=abc&session=s1") == "/?session=s1"
    assert without_key("/", "key=abc") == "/"
    assert without_key("//stranger.example", "key=abc") == "/stranger.example"
    assert without_key("/\\stranger.example", "key=abc") == "/stranger.example"
