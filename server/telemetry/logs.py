"""Logs: one event after the other on stderr, for people, or as JSON, one object a line.

What this server logs are events with fields; the lines of libraries, which use the standard
library's loggers, go through the same formatter.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Literal, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from lightcone.server.errors import printable

LogLevel = Literal["debug", "info", "warning", "error"]

MOST_CHARACTERS = 500  # of one text in an event
_OF_LIBRARIES = ("uvicorn", "aioice", "aiortc", "libav", "asyncio")  # only their warnings


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger of events, below the standard library's logger of this name."""
    logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
    )
    return cast(structlog.stdlib.BoundLogger, logger)


def set_up_logs(level: LogLevel, as_json: bool = False, **fields: object) -> None:
    """Of this process, from now on; all events have these fields."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(as_json, colors=sys.stderr.isatty(), **fields))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for library in _OF_LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLogger().level))


def formatter(as_json: bool, colors: bool = False, **fields: object) -> logging.Formatter:
    """Of events and of plain records. What came from outside can not look like a line, or a
    field, of its own: for people it is escaped and quoted, as JSON it is a string anyway."""

    def with_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {**fields, **event}

    rendering: list[Processor]
    if as_json:
        rendering = [
            structlog.processors.TimeStamper("iso", utc=True),
            structlog.processors.JSONRenderer(),
        ]
    else:
        rendering = [
            structlog.processors.TimeStamper("%H:%M:%S", utc=False),
            _escape_event,
            structlog.dev.ConsoleRenderer(colors=colors, repr_native_str=True, pad_event_to=0),
        ]
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.contextvars.merge_contextvars,
            with_fields,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _cut,
            _indent_traceback,
            *rendering,
        ]
    )


def _cut(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Texts that are too long."""
    return {
        name: value[:MOST_CHARACTERS] + "…"
        if isinstance(value, str) and len(value) > MOST_CHARACTERS
        else value
        for name, value in event.items()
    }


def _indent_traceback(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The lines of a traceback, whose last is a text that may come from outside."""
    raised = event.pop("exc_info", None)
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        text = "".join(traceback.format_exception(error))
        event["exception"] = "\n".join(
            "    " + printable(line, len(line)) for line in text.splitlines()
        )
    return event


def _escape_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The text of the event, which is printed as it is; fields are quoted and escaped."""
    text = str(event["event"])
    event["event"] = printable(text, len(text))
    return event
