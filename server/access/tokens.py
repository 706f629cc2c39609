"""Who somebody is: bearer tokens (JSON Web Tokens, RFC 7519), the links that are exchanged for
them, and the key that signs both."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, get_args

import jwt

from lightcone.server.errors import LightconeError

Scope = Literal["watch", "drive", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)  # each may do what those before it may
SHORTEST_KEY = 16  # characters
LONGEST_NAME = 64  # characters
_ISSUER, _ALGORITHM = "lightcone", "HS256"

Use = Literal["token", "link"]


class BadKey(LightconeError):
    """No key that tokens can be signed with."""


class BadToken(LightconeError):
    """A token that this server did not make, or that is over."""


class NotYours(LightconeError):
    """Somebody wants to pass on more than they may do."""


@dataclass(frozen=True)
class Identity:
    """`name` is whose quota counts. With a `session` all is about that one. `expires` is Unix
    time."""

    name: str
    scope: Scope
    session: str | None = None
    expires: float | None = None

    def may(self, scope: Scope, session: str | None) -> bool:
        """Whether it may do what needs `scope`, to the session `session` or, with None, to none
        in particular."""
        reaches = self.session is None or session in (None, self.session)
        return reaches and SCOPES.index(self.scope) >= SCOPES.index(scope)


@dataclass(frozen=True)
class Minted:
    token: str
    expires: float  # Unix time


class Tokens:
    """Signed with a key that the owner of the server keeps. Whoever presents the key itself is
    its admin."""

    def __init__(self, key: str, now: Callable[[], float] = time.time) -> None:
        """Raises BadKey."""
        if len(key) < SHORTEST_KEY:
            raise BadKey(f"a key has at least {SHORTEST_KEY} characters")
        self._key = key.encode()
        self._secret = hmac.digest(self._key, b"lightcone tokens", sha256)
        self._now = now

    def mint(
        self,
        scope: Scope,
        seconds: float,
        *,
        name: str = "",
        session: str | None = None,
        use: Use = "token",
    ) -> Minted:
        """`name` is whose quota counts; empty makes one up."""
        now = self._now()
        claims: dict[str, Any] = {
            "iss": _ISSUER,
            "sub": name or secrets.token_urlsafe(6),
            "iat": int(now),
            "exp": int(now + seconds),
            "scope": scope,
            "use": use,
        }
        if session is not None:
            claims["session"] = session
        return Minted(jwt.encode(claims, self._secret, _ALGORITHM), claims["exp"])

    def delegate(
        self,
        by: Identity,
        scope: Scope,
        seconds: float,
        *,
        name: str = "",
        session: str | None = None,
        use: Use = "token",
    ) -> Minted:
        """What somebody passes on: no more than they may do, no longer than they may, and under
        their quota, but for an admin who names another. Raises NotYours."""
        if name and not by.may("admin", None):
            raise NotYours("only an admin's token can be passed on under another name")
        session = by.session if session is None else session
        if not by.may(scope, session) or (by.session is not None and session != by.session):
            raise NotYours(f"your token is for '{by.scope}'" + _of(by.session))
        if by.expires is not None:
            seconds = min(seconds, by.expires - self._now())
        return self.mint(scope, seconds, name=name or by.name, session=session, use=use)

    def identify(self, presented: str, use: Use = "token") -> Identity:
        """Whose token that is. Raises BadToken."""
        if use == "token" and hmac.compare_digest(presented.encode(), self._key):
            return Identity("key", "admin")
        try:
            claims = jwt.decode(
                presented,
                self._secret,
                [_ALGORITHM],
                issuer=_ISSUER,
                options={
                    "require": ["exp", "iat", "sub"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise BadToken("it was not made with this server's key") from error
        if claims["exp"] <= self._now():
            raise BadToken("its time is over")
        if claims.get("use") != use or claims.get("scope") not in SCOPES:
            raise BadToken(f"it is no {use}")
        return Identity(claims["sub"], claims["scope"], claims.get("session"), claims["exp"])

    def exchange(self, link: str, seconds: float) -> tuple[Identity, Minted]:
        """A token for what a link gives, for at most so long. Raises BadToken."""
        found = self.identify(link, "link")
        assert found.expires is not None
        left = min(seconds, found.expires - self._now())
        return found, self.mint(found.scope, left, name=found.name, session=found.session)


def _of(session: str | None) -> str:
    return "" if session is None else f" of the session {session}"
