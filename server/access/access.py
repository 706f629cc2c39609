"""What a server lets in: names, origins, identities, quotas, together."""

from __future__ import annotations

from dataclasses import dataclass

from lightcone.server.access.hosts import Hosts, is_loopback
from lightcone.server.access.quotas import Quotas
from lightcone.server.access.tokens import Identity, Tokens

UNLIMITED = Quotas({})
EVERYBODY = "everybody"  # the name of who came without a token to a server without a key


@dataclass(frozen=True)
class Access:
    """`tokens` None: a server without a key, where everybody is an admin. `link_s` is how long a
    token lasts that a link is exchanged for."""

    hosts: Hosts
    tokens: Tokens | None
    quotas: Quotas
    link_s: float

    def identify(self, presented: str | None) -> Identity | None:
        """Who that is; None where a token is needed and there is none. Raises BadToken."""
        if self.tokens is None:
            return Identity(EVERYBODY, "admin")
        return None if presented is None else self.tokens.identify(presented)

    def payer(self, identity: Identity, address: str) -> Payer:
        """A name pays, or an address where everybody has one name: not that of this machine."""
        if identity.name != EVERYBODY:
            return Payer(f"by {identity.name}", self.quotas)
        return Payer(f"at {address}", UNLIMITED if is_loopback(address) else self.quotas)


@dataclass(frozen=True)
class Payer:
    """Whose quota counts, by `name`."""

    name: str
    quotas: Quotas

    @property
    def limited(self) -> bool:
        return self.quotas is not UNLIMITED

    def pay(self, what: str, amount: int = 1) -> None:
        """Raises QuotaExceeded."""
        self.quotas.take(what, self.name, amount)


NOBODY = Payer("", UNLIMITED)
