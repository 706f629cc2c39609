"""`lightcone token`: who may do what on a server, as a token or as a link."""

from __future__ import annotations

from lightcone.server.access.links import link_to
from lightcone.server.access.tokens import LONGEST_NAME, SCOPES, Scope, Tokens, Use
from lightcone.server.errors import LightconeError


class BadGrant(LightconeError):
    """What is asked for can not be granted."""


def minted(key: str, scope: str, session: str | None, name: str, hours: float, base: str) -> str:
    """A token, or with the URL `base` a link. Raises BadKey and BadGrant."""
    found: Scope | None = next((each for each in SCOPES if each == scope), None)
    if found is None:
        raise BadGrant(f"a scope is one of {', '.join(SCOPES)}, not '{scope}'")
    if len(name) > LONGEST_NAME:
        raise BadGrant(f"a name has at most {LONGEST_NAME} characters")
    tokens = Tokens(key)
    use: Use = "link" if base else "token"
    made = tokens.mint(found, 3600 * hours, name=name, session=session, use=use)
    return link_to(base, made.token, session) if base else made.token
