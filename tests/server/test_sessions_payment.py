"""Who pays for the seconds that sessions run, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from pretend_workers import MemoryStore, PretendHost
from virtual_time import run_virtual

from lightcone.model.families.probe.variants import PROBE
from lightcone.server.access.access import Payer
from lightcone.server.access.quotas import QuotaExceeded, Quotas
from lightcone.server.cli.settings import Settings
from lightcone.server.sessions.session import Session
from lightcone.server.sessions.sessions import GENERATION, Sessions
from lightcone.server.sessions.wanted import Wanted
from lightcone.server.sessions.workers import Worker


def test_a_fork_pays_as_a_new_session_does_and_its_own_owner() -> None:
    async def scenario() -> None:
        settings = Settings(worlds="probe")
        launch: Any = PretendHost.launch
        worker = Worker(settings.load(), 1 << 30, 1.0, launch)
        await worker.working()
        store: Any = MemoryStore()
        sessions = Sessions(settings, [worker], store)
        quotas = Quotas({GENERATION: "2/day"})
        ann, bob = Payer("ann", quotas), Payer("bob", quotas)
        session = await sessions.create(Wanted(PROBE, owner=ann))
        assert isinstance(session, Session)
        assert isinstance(await sessions.fork(session, "", ann), Session)
        with pytest.raises(QuotaExceeded):
            await sessions.fork(session, "", ann)
        with pytest.raises(QuotaExceeded):
            await sessions.create(Wanted(PROBE, owner=ann))
        assert isinstance(await sessions.fork(session, "", bob), Session)
        assert sum(1 for _ in sessions) == 3
        await sessions.close()

    run_virtual(scenario())
