"""What one control client asks of its session, and the receipts and errors that answer it.

Answers that take time go to the seat, not to the connection: a client that has connected anew in
the meantime gets them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from lightcone.model.interface import ModelError, PromptError, WorldInfo
from lightcone.server.access.quotas import QuotaExceeded
from lightcone.server.access.seats import Seat
from lightcone.server.control.guest import Guest
from lightcone.server.control.input_gate import InputGate
from lightcone.server.control.outbox import Outbox
from lightcone.server.control.protocol import (
    MAX_ERROR_TEXT,
    Error,
    FromClient,
    Hello,
    Input,
    Ping,
    Pong,
    Prompt,
    PromptReceipt,
    ProtocolError,
    Rewind,
    RewindReceipt,
    Wheel,
)
from lightcone.server.errors import LightconeError, printable
from lightcone.server.outward import outward
from lightcone.server.sessions.session import Session
from lightcone.server.telemetry.logs import get_logger

MAX_PROMPTS = 4  # of a session, that wait for the model at once
MAX_REWINDS = 16

log = get_logger("lightcone.control")


class Commands:
    """Of one connection."""

    def __init__(self, session: Session, seat: Seat, guest: Guest, outbox: Outbox) -> None:
        self._session = session
        self._seat = seat
        self._guest = guest
        self._outbox = outbox
        self._gate = InputGate(session.info)
        self._logger = log.bind(session=session.id, seat=seat.id)

    def take(self, message: FromClient) -> None:
        """Raises ProtocolError for what is refused at once."""
        self._session.took_part()
        match message:
            case Input():
                self._must_drive("only the driver's input counts; you watch")
                self._gate.check(message)
                self._session.accept(self._seat, message)
            case Prompt():
                self._must_drive("only the driver's prompts count; you watch")
                self._take_prompt(message)
            case Rewind():
                self._must_drive("only the driver can rewind; you watch")
                self._take_rewind(message)
            case Wheel():
                self._session.participants.wheel(self._seat, message)
            case Ping():
                self._outbox.put(Pong(t=message.t, media_time=self._session.media_time))
            case Hello():
                raise ProtocolError("invalid", "hello was sent already")

    def _must_drive(self, reason: str) -> None:
        if not self._session.participants.drives(self._seat):
            raise ProtocolError("not_driver", reason)

    def _take_prompt(self, message: Prompt) -> None:
        if self._session.waiting["prompts"] >= MAX_PROMPTS:
            raise ProtocolError("too_many_prompts", f"{MAX_PROMPTS} prompts wait already")
        self._gate.take_number(message.seq)
        try:
            self._guest.payer.pay("prompts")
        except QuotaExceeded as error:
            raise ProtocolError("over_quota", str(error)) from error
        try:
            check_prompt(self._session.info, message.text)
        except PromptError as error:
            self._answer(unknown_words(error, message.seq))
        else:
            self._spawn("prompts", self._prompt(message))

    def _take_rewind(self, message: Rewind) -> None:
        self._gate.take_number(message.seq)
        if self._session.waiting["rewinds"] >= MAX_REWINDS:
            text = f"{MAX_REWINDS} rewinds wait already"
            self._answer(Error(code="rewind_failed", message=text, seq=message.seq))
        else:
            self._spawn("rewinds", self._rewind(message))

    def _spawn(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        """Counted from now on: many messages can be taken before the first of them is begun."""
        waiting = self._session.waiting
        waiting[what] += 1

        def answered(task: asyncio.Task[None]) -> None:
            waiting[what] -= 1

        self._session.spawn(work).add_done_callback(answered)

    async def _prompt(self, message: Prompt) -> None:
        try:
            given = await self._session.condition(message.text, message.how, message.chunks)
        except PromptError as error:
            self._answer(unknown_words(error, message.seq))
        except (LightconeError, ModelError) as error:
            text = outward(error)[:MAX_ERROR_TEXT]
            self._answer(Error(code="prompt_failed", message=text, seq=message.seq))
        else:
            self._logger.info("prompt", text=message.text, world_frame=given.first)
            self._answer(
                PromptReceipt(
                    seq=message.seq,
                    t=message.t,
                    world_frame=given.first,
                    stream_frame=given.stream_frame,
                    media_time=given.media_time,
                    full_world_frame=given.full,
                    full_stream_frame=given.full_stream_frame,
                    full_media_time=given.full_media_time,
                    text=message.text,
                )
            )

    async def _rewind(self, message: Rewind) -> None:
        try:
            went = await self._session.rewind(message.action, message.world_frame)
        except (LightconeError, ModelError) as error:
            text = outward(error)[:MAX_ERROR_TEXT]
            self._answer(Error(code="rewind_failed", message=text, seq=message.seq))
        else:
            self._answer(
                RewindReceipt(
                    seq=message.seq,
                    t=message.t,
                    action=message.action,
                    world_frame=went.world_frame,
                    stream_frame=went.stream_frame,
                    media_time=went.media_time,
                )
            )

    def _answer(self, message: PromptReceipt | RewindReceipt | Error) -> None:
        self._session.participants.put(self._seat.id, message)


def check_prompt(info: WorldInfo, text: str) -> None:
    """What can be known of a prompt without the model. Raises PromptError."""
    if info.prompt == "none" and text.strip():
        raise PromptError((), (), f"{info.title} takes no prompt")
    if len(text) > info.prompt_length:
        reason = f"the prompt has {len(text)} characters (at most {info.prompt_length})"
        raise PromptError((), (), reason)


def unknown_words(error: PromptError, seq: int) -> Error:
    return Error(
        code="unknown_words",
        message=printable(str(error), MAX_ERROR_TEXT),
        seq=seq,
        words=list(error.words),
        known=list(error.known),
    )
