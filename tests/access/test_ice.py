"""STUN and TURN servers, and passwords for them."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1
from hmac import new

import pytest
from pydantic import ValidationError

from lightcone.client.ice import ice_servers
from lightcone.server.access.ice import IceServers, IceUrl
from lightcone.server.cli.settings import Settings

TURN = "turn:turn.example.org:3478?transport=udp"


@pytest.mark.parametrize(
    ("text", "host", "port", "transport"),
    [
        ("stun:stun.example.org", "stun.example.org", 3478, "udp"),
        ("turn:10.0.0.1", "10.0.0.1", 3478, "udp"),
        (TURN, "turn.example.org", 3478, "udp"),
        ("turns:turn.example.org", "turn.example.org", 5349, "tcp"),
        ("turn:[2001:db8::1]:99?transport=tcp", "2001:db8::1", 99, "tcp"),
    ],
)
def test_urls_are_read(text: str, host: str, port: int, transport: str) -> None:
    url = IceUrl.parse(text)
    assert (url.host, url.port, url.transport) == (host, port, transport)


@pytest.mark.parametrize(
    "text",
    ["", "turn:", "http://example.org", "turn:a:0", "turn:a:70000", "turn:a?transport=sctp",
     "stun:a?transport=udp", 'turn:a"; x="', "turn:a>b", "turn:a b"],
)  # fmt: skip
def test_what_is_no_url_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no URL such as"):
        IceUrl.parse(text)


def test_a_password_is_made_as_the_turn_server_makes_it() -> None:
    servers = IceServers((IceUrl.parse(TURN),), "north", 600, now=lambda: 1_000_000.5)
    user, password = servers.credentials("CJwfsx1C")
    assert user == "1000600:CJwfsx1C"
    assert password == b64encode(new(b"north", user.encode(), sha1).digest()).decode()


def test_a_client_reads_the_links() -> None:
    servers = IceServers.of(["stun:stun.example.org", TURN], "north", 600)
    links = servers.links("a")
    stun, turn = ice_servers(links)
    assert (stun.urls, stun.username) == ("stun:stun.example.org", None)
    assert turn.urls == TURN
    assert (turn.username, turn.credential) == servers.credentials("a")
    (one,) = ice_servers(['</a.css>; rel="preload"', "nonsense", links[0]])
    assert one.urls == stun.urls
    assert len(ice_servers([", ".join(links)])) == 2  # as a proxy may join them


def test_settings_name_what_is_wrong(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    for wrong, reason in (
        ({"ice_servers": TURN}, "needs a secret"),
        ({"ice_servers": "udp://a"}, "is no URL"),
        ({"turn_relay": True}, "needs a TURN server"),
        ({"ice_servers": TURN, "turn_secret_file": tmp_path / "none"}, "No such file"),
    ):
        with pytest.raises(ValidationError, match=reason):
            _ = Settings(**wrong).ice
    secret = tmp_path / "secret"
    secret.write_text("north\n")
    settings = Settings(ice_servers=TURN, turn_secret_file=secret, turn_relay=True)
    relay = settings.sockets.relay()
    assert relay is not None
    assert (relay.host, relay.port, relay.transport, relay.tls) == (
        "turn.example.org", 3478, "udp", False,
    )  # fmt: skip
    monkeypatch.setenv("LIGHTCONE_TURN_SECRET", "south")
    by_environment = Settings(ice_servers=TURN)
    assert by_environment.ice.secret == "south"
    for shown in (repr(by_environment), repr(by_environment.ice), repr(relay)):
        assert "south" not in shown
        assert relay.password not in shown
