"""Which addresses of an offer a server sends to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.streaming import Reach, parse_address, parse_networks

PUBLIC, LAN, HERE = "203.0.113.5", "192.168.1.7", "127.0.0.1"
WIDE = ("198.51.100.0/24", "2001:db8::/32")


@pytest.mark.parametrize(
    ("viewer", "host", "permitted"),
    [
        (PUBLIC, PUBLIC, True),
        (PUBLIC, "203.0.113.6", False),
        (PUBLIC, LAN, False),
        (PUBLIC, HERE, False),
        (PUBLIC, "::ffff:203.0.113.5", True),
        ("::ffff:203.0.113.5", PUBLIC, True),
        ("2001:db8:1::5", "2001:db8:1::5", True),
        ("2001:db8:1::5", "2001:db8:1::6", False),
        (LAN, LAN, True),
        (LAN, "10.1.2.3", True),
        (LAN, "fd00::1", True),
        (LAN, HERE, False),
        (LAN, "::1", False),
        (LAN, "::ffff:127.0.0.1", False),
        (LAN, PUBLIC, False),
        (HERE, HERE, True),
        (HERE, LAN, True),
        ("::1", "172.17.0.2", True),
        (HERE, PUBLIC, False),
        (HERE, "169.254.169.254", False),
        (HERE, "0.0.0.0", False),
        (HERE, "224.0.0.251", False),
        (HERE, "localhost", False),
        (HERE, "8bce8b43-aa88-4df8-888d-95dd18e05139.local", False),
        ("unix:", HERE, False),
    ],
)
def test_its_own_address_and_private_ones_from_a_private_one(
    viewer: str, host: str, permitted: bool
) -> None:
    assert Reach(parse_address(viewer)).permits(host, 5000) is permitted


@pytest.mark.parametrize(
    ("host", "permitted"),
    [("198.51.100.77", True), ("198.51.101.77", False), ("2001:db8::9", True), (LAN, False)],
)
def test_networks_that_whoever_runs_the_server_names(host: str, permitted: bool) -> None:
    assert Reach(parse_address(PUBLIC), parse_networks(WIDE)).permits(host, 5000) is permitted


@pytest.mark.parametrize(
    ("port", "permitted"),
    [(-1, False), (0, False), (53, False), (1023, False), (1024, True), (65536, False)],
)
def test_no_check_goes_to_ports_of_services(port: int, permitted: bool) -> None:
    assert Reach(parse_address(PUBLIC)).permits(PUBLIC, port) is permitted


@given(st.text() | st.ip_addresses().map(str), st.integers())
def test_nobody_known_reaches_nothing(host: str, port: int) -> None:
    assert not Reach().permits(host, port)


@given(st.ip_addresses(), st.ip_addresses())
def test_a_public_viewer_reaches_itself_alone(viewer: object, host: object) -> None:
    reach = Reach(parse_address(str(viewer)))
    if reach.viewer is not None and reach.viewer.is_global:
        assert reach.permits(str(host), 5000) == (parse_address(str(host)) == reach.viewer)
