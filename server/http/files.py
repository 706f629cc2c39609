"""What is kept of sessions, over HTTP: snapshots, action logs, recordings."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse

from lightcone.server.http.bodies import (
    RecordingBody,
    SnapshotBody,
    recording_body,
    snapshot_body,
)
from lightcone.server.http.described import bytes_body, file, refusals
from lightcone.server.http.lookup import find, find_snapshot
from lightcone.server.http.problems import Problem
from lightcone.server.http.reading import (
    MAX_SNAPSHOT_BYTES,
    SNAPSHOT_TIMEOUT_S,
    SNAPSHOTS,
    Places,
    read_body,
)
from lightcone.server.sessions.recording import VIDEO
from lightcone.server.sessions.sessions import Sessions

SNAPSHOT = "application/octet-stream"
LOG = "application/x-ndjson"
MP4 = "video/mp4"


def add_files(app: FastAPI, sessions: Sessions) -> None:
    _add_snapshots(app, sessions)
    _add_logs(app, sessions)


def _add_snapshots(app: FastAPI, sessions: Sessions) -> None:
    store, large = sessions.store, Places(SNAPSHOTS, "uploads of snapshots")

    @app.post(
        "/sessions/{session_id}/snapshot",
        status_code=201,
        responses=refusals(404, 410, 503, 507),
    )
    async def save(session_id: str, response: Response) -> SnapshotBody:
        """Keep a snapshot of a session."""
        stored = await store.keep(await find(sessions, session_id).save())
        response.headers["Location"] = f"/snapshots/{stored.id}"
        return snapshot_body(stored)

    @app.get("/snapshots")
    async def list_snapshots() -> list[SnapshotBody]:
        """The kept ones, the oldest first."""
        return [snapshot_body(stored) for stored in store]

    @app.get(
        "/snapshots/{snapshot_id}",
        response_class=FileResponse,
        responses={**file(200, SNAPSHOT, "The snapshot"), **refusals(404, 507)},
    )
    async def download(snapshot_id: str) -> FileResponse:
        """A snapshot as a file."""
        stored = find_snapshot(sessions, snapshot_id)
        name = f"{stored.id}.lightcone"
        return FileResponse(await store.file(stored), media_type=SNAPSHOT, filename=name)

    @app.post(
        "/snapshots",
        status_code=201,
        responses=refusals(408, 413, 415, 422, 503, 507),
        openapi_extra=bytes_body(SNAPSHOT),
    )
    async def upload(request: Request, response: Response) -> SnapshotBody:
        """Keep a snapshot that was downloaded before."""
        data = await read_body(
            request,
            SNAPSHOT,
            most=MAX_SNAPSHOT_BYTES,
            large=large,
            timeout_s=SNAPSHOT_TIMEOUT_S,
        )
        with sessions.waiting():
            stored = await store.keep(data)
        response.headers["Location"] = f"/snapshots/{stored.id}"
        return snapshot_body(stored)

    @app.delete("/snapshots/{snapshot_id}", status_code=204, responses=refusals(404))
    async def forget(snapshot_id: str) -> None:
        """Keep a snapshot no longer."""
        await store.delete(find_snapshot(sessions, snapshot_id))


def _add_logs(app: FastAPI, sessions: Sessions) -> None:
    @app.get(
        "/sessions/{session_id}/log",
        response_class=Response,
        responses={**file(200, LOG, "The action log"), **refusals(404, 507)},
    )
    async def action_log(session_id: str) -> Response:
        """The action log so far, whole in itself."""
        session = find(sessions, session_id)
        return Response(session.log.whole(), 200, _attachment(f"{session.id}.jsonl"), LOG)

    @app.post(
        "/sessions/{session_id}/recording",
        status_code=201,
        responses=refusals(404, 410, 507),
    )
    async def record(session_id: str) -> RecordingBody:
        """Record a session from its next keyframe on."""
        return recording_body(await sessions.record(find(sessions, session_id)))

    @app.delete("/sessions/{session_id}/recording", responses=refusals(404))
    async def stop_recording(session_id: str) -> RecordingBody:
        """Stop recording; the files are whole after this."""
        recording = await find(sessions, session_id).stop_recording()
        if recording is None:
            detail = "the session is not being recorded"
            raise Problem(404, "unknown-recording", "Unknown recording", detail)
        return recording_body(recording)

    @app.get(
        "/recordings/{name}",
        response_class=FileResponse,
        responses={**file(200, MP4, "The video, or the action log"), **refusals(404)},
    )
    async def recorded(name: str) -> FileResponse:
        """A recorded file."""
        path = sessions.recordings.find(name)
        if path is None:
            detail = f"no recording '{name[:100]}'"
            raise Problem(404, "unknown-recording", "Unknown recording", detail)
        return FileResponse(path, media_type=MP4 if path.suffix == VIDEO else LOG, filename=name)


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
