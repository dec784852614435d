"""Access control of the page as plain ASGI: it sees each request before anything else does.

On loopback the Host header must name this machine, because a foreign name that resolves to 127.0.0.1 is DNS rebinding;
elsewhere a token is required. A page of another site may not send anything here. A body has a stated length within a limit.
"""

import re
import secrets
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dancheong.app.web.problems import Refused, answer
from dancheong.app.web.visits import Visits

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# A request that is no upload is a form, and small.
MAX_FORM_BYTES = 4 << 20

_UPLOAD = re.compile(r"/api/v1/(photographs|models|trainings/photographs)")
_SECURITY_HEADERS = {
    # The browser asks no other host, whatever a library's page may contain.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True)
class AccessPolicy:
    """Who may come in, and with how much.

    `hosts`: names that the Host header may have. `token`: what a visitor must know, empty: nothing.
    `cookie`: the name of the cookie that holds it. `max_upload_bytes`: of one upload, all its files together.
    """

    hosts: frozenset[str]
    token: str
    cookie: str
    max_upload_bytes: int


def guarded(app: ASGIApp, policy: AccessPolicy, visits: Visits) -> ASGIApp:
    """`app` behind the access control."""

    async def enter(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})

        async def send_securely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_SECURITY_HEADERS)
            await send(message)

        request = Request(scope, receive)
        try:
            if destination := _without_token(request, policy):
                _check_host(request, policy)
                cookie = f"{policy.cookie}={policy.token}; Path=/; HttpOnly; SameSite=Lax"
                return await RedirectResponse(destination, 303, {"set-cookie": cookie})(scope, receive, send_securely)
            check(request, policy)
            is_upload = request.method not in ("GET", "HEAD") and _UPLOAD.fullmatch(scope["path"])
            with visits.room_for(int(request.headers["content-length"])) if is_upload else nullcontext():
                await app(scope, receive, send_securely)
        except Refused as refusal:
            await _discard_body(request, policy)
            await answer(request, refusal)(scope, receive, send_securely)

    return enter


def check(request: Request, policy: AccessPolicy) -> None:
    """Raises Refused for a request that is not let in."""
    headers = request.headers
    _check_host(request, policy)
    if _from_another_site(request):
        raise Refused(403, "elsewhere")
    if policy.token and not _knows_token(request, policy):
        raise Refused(403, "token_needed")
    # No length and no transfer encoding mean no body, which is enough for every call but an upload.
    is_upload = _UPLOAD.fullmatch(request.scope["path"])
    length = headers.get("content-length", "" if is_upload else "0")
    if request.method in ("GET", "HEAD"):
        return
    if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
        raise Refused(411, "no_length")
    limit = policy.max_upload_bytes if is_upload else MAX_FORM_BYTES
    if int(length) > limit:
        raise Refused(413, "too_large", limit=f"{limit / 1e6:,.0f}", came=f"{int(length) / 1e6:,.0f}")


def _check_host(request: Request, policy: AccessPolicy) -> None:
    with suppress(ValueError):
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        # Where a token is required, a bare address is let in, too: only a name can be made to point here.
        if name in policy.hosts or (policy.token and ip_address(name)):
            return
    raise Refused(403, "wrong_host")


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
