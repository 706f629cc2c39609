"""Who sent a request, as the gate found out."""

from __future__ import annotations

import time

from starlette.requests import HTTPConnection

from lightcone.server.access.access import Payer
from lightcone.server.access.tokens import Identity
from lightcone.server.control.guest import Guest


def identity_of(connection: HTTPConnection) -> Identity:
    """Of a request that needs a scope."""
    identity: Identity = connection.state.identity
    return identity


def payer_of(connection: HTTPConnection) -> Payer:
    """Whose quota counts."""
    payer: Payer = connection.state.payer
    return payer


def guest_of(connection: HTTPConnection) -> Guest:
    """The client of a control websocket."""
    identity = identity_of(connection)
    left = None if identity.expires is None else max(0.0, identity.expires - time.time())
    return Guest(
        may_drive=identity.may("drive", identity.session),
        left_s=left,
        payer=payer_of(connection),
    )
