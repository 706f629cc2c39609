from __future__ import annotations

from threading import active_count

import pytest

from lightcone.server.access.access import Access
from lightcone.server.access.hosts import Hosts
from lightcone.server.access.quotas import QuotaExceeded, Quotas
from lightcone.server.access.tokens import Identity


def test_what_is_used_up_is_refused_with_when_to_come_back() -> None:
    quotas = Quotas({"prompts": "2/hour;100/day", "offers": ""})
    for _ in range(2):
        quotas.take("prompts", "me")
    with pytest.raises(QuotaExceeded, match=r"prompts is used up \(2 per 1 hour\)") as refused:
        quotas.take("prompts", "me")
    assert 1 <= refused.value.retry_s <= 2 * 3600
    quotas.take("prompts", "somebody else")
    for _ in range(500):
        quotas.take("offers", "me")
        quotas.take("nothing that is counted", "me")


def test_a_limit_that_can_not_be_read() -> None:
    with pytest.raises(ValueError, match="lots"):
        Quotas({"prompts": "lots"})


def test_who_pays() -> None:
    quotas = Quotas({"prompts": "1/day"})
    open_server = Access(Hosts(), None, quotas, 3600)
    everybody = open_server.identify(None)
    assert everybody is not None
    assert open_server.payer(everybody, "192.0.2.1").name == "at 192.0.2.1"
    for _ in range(9):  # whoever sits at this machine
        open_server.payer(everybody, "127.0.0.1").pay("prompts")
    named = open_server.payer(Identity("class", "drive"), "127.0.0.1")
    named.pay("prompts")
    with pytest.raises(QuotaExceeded):
        named.pay("prompts")


def test_what_counts_nothing_starts_no_thread() -> None:
    before = active_count()
    access = Access(Hosts(), None, Quotas({"prompts": ""}), 3600)
    everybody = access.identify(None)
    assert everybody is not None
    for _ in range(20):
        access.payer(everybody, "127.0.0.1").pay("prompts")
    assert active_count() == before
