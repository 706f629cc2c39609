"""What a path names. Each raises Problem where it is not there."""

from __future__ import annotations

from lightcone.model.interface import WorldInfo
from lightcone.server.http.problems import Problem, unknown_session
from lightcone.server.sessions.session import Session
from lightcone.server.sessions.sessions import Sessions
from lightcone.server.sessions.snapshot_store import StoredSnapshot


def find(sessions: Sessions, session_id: str) -> Session:
    """Also one that is over, for a while."""
    session = sessions.get(session_id)
    if session is None:
        raise unknown_session(session_id)
    return session


def find_snapshot(sessions: Sessions, snapshot_id: str) -> StoredSnapshot:
    stored = sessions.store.get(snapshot_id)
    if stored is None:
        detail = f"no snapshot '{snapshot_id[:100]}'"
        raise Problem(404, "unknown-snapshot", "Unknown snapshot", detail)
    return stored


def find_world(sessions: Sessions, name: str | None) -> WorldInfo:
    """The world of this name, the first one where it is None."""
    name = next(iter(sessions.infos)) if name is None else name
    if name in sessions.infos:
        return sessions.infos[name]
    detail = f"no world '{name[:100]}' here (this server serves {', '.join(sessions.infos)})"
    raise Problem(404, "unknown-world", "Unknown world", detail)
