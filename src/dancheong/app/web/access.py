"""Access control of the page as plain ASGI: it sees each request before anything else does.

On loopback the Host header must name this machine, because a foreign name that resolves to 127.0.0.1 is DNS rebinding;
elsewhere a token is required. A page of another site may not send anything here. A body has a stated length within a limit.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from dancheong.app.web.problems import Refused
from dancheong.app.web.translations import Words, language_of
from dancheong.app.web.visits import Visits

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# A request that is no upload is a form, and small.
MAX_FORM_BYTES = 4 << 20

_UPLOAD = re.compile(r"/api/v1/(photographs|models|trainings/photographs)")
_SECURITY_HEADERS = {
    # The browser asks no other host, whatever a library's page may contain.
    b"content-security-policy": (
        b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob:; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}


@dataclass(frozen=True)
class AccessPolicy:
    """Who may come in, and with how much.

    `hosts`: names that the Host header may have, None: any. `token`: what a visitor must know, empty: nothing.
    `cookie`: the name of the cookie that holds it. `max_upload_bytes`: of one upload, all its files together.
    """

    hosts: frozenset[str] | None
    token: str
    cookie: str
    max_upload_bytes: int


def guarded(app: App, policy: AccessPolicy, visits: Visits) -> App:
    """`app` behind the access control."""

    async def enter(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_securely(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [(name, value) for name, value in message["headers"] if name.lower() not in _SECURITY_HEADERS]
                message = {**message, "headers": [*others, *_SECURITY_HEADERS.items()]}
            await send(message)

        request = Request(scope, receive)
        if destination := _without_token(request, policy):
            cookie = f"{policy.cookie}={policy.token}; Path=/; HttpOnly; SameSite=Lax"
            wrong = _wrong_host(request, policy)
            welcome = RedirectResponse(destination, 303, {"set-cookie": cookie})
            await (_answer(request, wrong) if wrong else welcome)(scope, receive, send_securely)
            return
        refusal = refused(request, policy)
        if refusal is not None:
            await _discard_body(request, policy)
            await _answer(request, refusal)(scope, receive, send_securely)
            return
        if request.method in ("GET", "HEAD") or not _UPLOAD.fullmatch(scope["path"]):
            await app(scope, receive, send_securely)
            return
        try:
            with visits.room_for(int(request.headers["content-length"])):
                await app(scope, receive, send_securely)
        except Refused as full:
            await _answer(request, full)(scope, receive, send_securely)

    return enter


def _answer(request: Request, refusal: Refused) -> Response:
    """The refusal in the browser's language: for a program as the interface has it, for a person as text."""
    problem = refusal.problem
    message = Words(language_of(request.headers.get("accept-language", ""))).problem(problem.code, problem.details)
    if request.scope["path"].startswith("/api/"):
        return JSONResponse(problem.model_dump() | {"message": message}, refusal.status)
    return PlainTextResponse(message, refusal.status)


def refused(request: Request, policy: AccessPolicy) -> Refused | None:
    """Why a request is not let in; None where it is."""
    path, headers = request.scope["path"], request.headers
    if refusal := _wrong_host(request, policy):
        return refusal
    if _from_another_site(request):
        return Refused(403, "elsewhere")
    if policy.token and not _knows_token(request, policy):
        return Refused(403, "token_needed")
    if request.method in ("GET", "HEAD"):
        return None
    length = headers.get("content-length", "")
    if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
        # A browser sends no length where there is no body.
        return Refused(411, "no_length") if "transfer-encoding" in headers or request.method != "DELETE" else None
    limit = policy.max_upload_bytes if _UPLOAD.fullmatch(path) else MAX_FORM_BYTES
    if int(length) > limit:
        return Refused(413, "too_large", limit=f"{limit / 1e6:,.0f}", came=f"{int(length) / 1e6:,.0f}")
    return None


def _wrong_host(request: Request, policy: AccessPolicy) -> Refused | None:
    if policy.hosts is None:
        return None
    try:
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        name = ""
    # Where a token is required, a bare address is let in, too: only a name can be made to point here.
    if name in policy.hosts or (policy.token and _is_address(name)):
        return None
    return Refused(403, "wrong_host")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _from_another_site(request: Request) -> bool:
    """Whether another site's page sent this. Following a link to the page is allowed."""
    headers = request.headers
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
        return True
    follows_link = request.method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return headers.get("sec-fetch-site") == "cross-site" and not follows_link


def _knows_token(request: Request, policy: AccessPolicy) -> bool:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and _same(bearer, policy.token):
        return True
    return _same(request.cookies.get(policy.cookie, ""), policy.token)


def _same(given: str, token: str) -> bool:
    """Compared in a time that does not show how much of it was right."""
    return secrets.compare_digest(given.encode(), token.encode())


def _without_token(request: Request, policy: AccessPolicy) -> str:
    """The address to go on to, without the token, where a visitor came with the right one; else empty."""
    given = request.query_params.getlist("token")
    if not policy.token or request.method != "GET" or not given or not _same(given[0], policy.token):
        return ""
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
    # A path that begins with two slashes would lead to another host.
    return f"/{request.scope['path'].lstrip('/')}" + (f"?{urlencode(query)}" if query else "")


async def _discard_body(request: Request, policy: AccessPolicy) -> None:
    """Read the body up to a limit, because a browser shows an answer only after it has sent everything."""
    length = request.headers.get("content-length", "")
    left = min(int(length), 4 * policy.max_upload_bytes) if length.isdigit() else 0
    while left > 0:
        message = await request.receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return
        left -= len(message.get("body", b""))
