"""What every request passes before any route: its `Host`, its origin, who sent it, what that one
may do, and how often. Answers leave with headers that tell browsers what they may do with them."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from lightcone.server.access.access import Access, Payer
from lightcone.server.access.links import LINK, without_key
from lightcone.server.access.quotas import QuotaExceeded
from lightcone.server.access.rules import WEBSOCKET, Rule, rule_of
from lightcone.server.access.tokens import BadToken, Identity
from lightcone.server.http.headers import SAFE_HEADERS
from lightcone.server.http.problems import Problem, forbidden_origin, problem_of, respond

COOKIE = "lightcone_token"


class Gate:
    """Around an ASGI application. Routes find the `Identity` in the state of their request."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            answer = self._admit(connection)
        except Problem as problem:
            answer = respond(problem)
        if scope["type"] == "websocket":
            if answer is not None:
                await WebSocket(scope, receive, send).send_denial_response(answer)
                return
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await (self._app if answer is None else answer)(scope, receive, sent)

    def _admit(self, connection: HTTPConnection) -> Response | None:
        """An answer where no route is to give one. Raises Problem."""
        scope, headers = connection.scope, connection.headers
        method = scope.get("method", WEBSOCKET)
        host, origin = headers.get("host"), headers.get("origin")
        hosts = self._access.hosts
        if not hosts.answers_to(host):
            detail = f"this server does not go by {str(host)[:100]!r} (see --public-url)"
            raise Problem(421, "wrong-host", "Wrong host", detail)  # RFC 9110 section 15.5.20
        if not hosts.may_use(method, host, origin, headers.get("sec-fetch-site")):
            raise forbidden_origin(origin)
        link = connection.query_params.get(LINK)
        if link is not None and method == "GET" and self._access.tokens is not None:
            return self._exchanged(connection, link)
        rule = rule_of(method, scope["path"])
        if rule.scope is not None:
            identity = self._authorised(rule, _presented(connection))
            scope.setdefault("state", {})["identity"] = identity
            address = connection.client.host if connection.client else ""
            payer = scope["state"]["payer"] = self._access.payer(identity, address)
            if rule.quota is not None:
                _count(rule.quota, payer)
        return None

    def _authorised(self, rule: Rule, presented: str | None) -> Identity:
        assert rule.scope is not None
        try:
            identity = self._access.identify(presented)
        except BadToken as error:
            raise _unauthorised(f"the token is not valid: {error}", "invalid_token") from error
        if identity is None:
            raise _unauthorised("this server wants a token: open a link with a key")
        if not identity.may(rule.scope, rule.session):
            about = "" if identity.session is None else f" of the session {identity.session}"
            detail = f"this needs '{rule.scope}', your token is for '{identity.scope}'{about}"
            raise Problem(403, "forbidden", "Forbidden", detail)
        return identity

    def _exchanged(self, connection: HTTPConnection, link: str) -> Response:
        """The page without the key of a link, and a cookie with a token in its place."""
        assert self._access.tokens is not None
        try:
            given, minted = self._access.tokens.exchange(link, self._access.link_s)
        except BadToken as error:
            raise _unauthorised(f"the link is not valid: {error}", "invalid_token") from error
        url = connection.url
        answer = RedirectResponse(without_key(url.path, url.query), 303)
        answer.headers["Cache-Control"] = "no-store"
        if not self._has(given, connection):
            answer.set_cookie(
                COOKIE,
                minted.token,
                max_age=int(self._access.link_s),
                httponly=True,
                secure=url.scheme == "https",
                samesite="strict",
            )
        return answer

    def _has(self, given: Identity, connection: HTTPConnection) -> bool:
        """Whether somebody may do all that a link gives already."""
        try:
            mine = self._access.identify(_presented(connection))
        except BadToken:
            return False
        return (
            mine is not None
            and mine.may(given.scope, given.session)
            and (mine.session is None or mine.session == given.session)
        )


def _count(quota: str, payer: Payer) -> None:
    try:
        payer.pay(quota)
    except QuotaExceeded as error:
        raise problem_of(error) from error


def _presented(connection: HTTPConnection) -> str | None:
    """The token of a request: RFC 6750 section 2.1, or the cookie of the page."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    try:
        found = SimpleCookie(connection.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value


def _unauthorised(detail: str, error: str | None = None) -> Problem:
    challenge = "Bearer" if error is None else f'Bearer error="{error}"'
    return Problem(401, "unauthorised", "Unauthorised", detail, {"WWW-Authenticate": challenge})
