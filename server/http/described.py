"""How OpenAPI describes what the framework can not see."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from lightcone.server.http.bodies import ProblemBody
from lightcone.server.http.problems import MEDIA_TYPE
from lightcone.server.http.reading import JSON

Described = dict[int | str, dict[str, Any]]


def refusals(*statuses: int | Literal["default"]) -> Described:
    """Answers that are problems; "default" is any status that is not described."""
    content = {MEDIA_TYPE: {"schema": ProblemBody.model_json_schema()}}
    return {status: {"description": "Problem details", "content": content} for status in statuses}


def file(status: int, media_type: str, description: str) -> Described:
    """An answer that is a file."""
    return {status: {"description": description, "content": {media_type: {}}}}


def json_body(kind: type[BaseModel]) -> dict[str, Any]:
    """A request with an optional body of this kind, which the route reads by itself."""
    return {"requestBody": {"content": {JSON: {"schema": kind.model_json_schema()}}}}


def bytes_body(media_type: str) -> dict[str, Any]:
    """A request with a body of this type."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "content": content}}
