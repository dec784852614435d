"""The door of the page: who may come in, and how much they may bring. Plain ASGI, before anything else sees a request.

On loopback the Host header must name this machine (a foreign name that resolves to 127.0.0.1 is DNS rebinding); elsewhere
a token is asked for. A page of another site may not send anything here. Of the many addresses that gradio serves only
those are open that this page uses; none of them reads files.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from dancheong.app.web.sessions import Full, Sessions
from dancheong.app.web.translations import LANGUAGES, Words, language_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# What is no upload is a form: small.
MAX_FORM_BYTES = 4 << 20

_LANGUAGE = "/(" + "|".join(LANGUAGES) + ")"
_OPEN = re.compile(
    rf"/|/pictures/[\w-]+/.+|/training/(preview|model)|{_LANGUAGE}/?"
    rf"|{_LANGUAGE}/(assets|static|svelte)/[^?]+|{_LANGUAGE}/(theme\.css|config|favicon\.ico)|/favicon\.ico"
    rf"|{_LANGUAGE}/gradio_api/(upload|upload_progress|run/predict|queue/join|queue/data|heartbeat/\w+|startup-events|cancel|reset"
    r"|theme\.css|app_id)"
)
_UPLOAD = re.compile(rf"{_LANGUAGE}/gradio_api/upload")
_HEADERS = {
    # Nothing but this server is ever asked for anything, whatever a library's page may contain.
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True)
class AccessPolicy:
    """Rules of the door.

    `hosts`: names that the Host header may have, None: any. `token`: what a visitor must know, empty: nothing.
    `cookie`: the name it is remembered under. `max_upload_bytes`: of one upload, all its files together.
    """

    hosts: frozenset[str] | None
    token: str
    cookie: str
    max_upload_bytes: int


@dataclass(frozen=True)
class Refusal:
    """An answer that is not the page: an HTTP status and what is said."""

    status: int
    text: str


def guarded(app: App, house: AccessPolicy, workplace: Sessions) -> App:
    """`app` behind the door."""

    async def enter(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        words = Words(language_of(headers.get("accept-language", "")))
        if welcome := _token_in_address(scope, house):
            refusal = _wrong_host(headers, house, words)
            await (_say(send, refusal) if refusal else _redirect(send, house, welcome))
            return
        refusal = refused(scope["method"], scope["path"], headers, house, words)
        if refusal is not None:
            await _drain(receive, headers, house)
            await _say(send, refusal)
            return
        await _with_body(app, scope, receive, send, headers, workplace, words)

    return enter


def refused(method: str, path: str, headers: dict[str, str], house: AccessPolicy, words: Words) -> Refusal | None:
    """Why a request is not let in; None where it is."""
    if refusal := _wrong_host(headers, house, words):
        return refusal
    if not _OPEN.fullmatch(path):
        return Refusal(404, words("not_here"))
    if _from_elsewhere(method, headers):
        return Refusal(403, words("elsewhere"))
    if house.token and not _knows_token(headers, house):
        return Refusal(403, words("token_needed"))
    if method in ("GET", "HEAD"):
        return None
    length = headers.get("content-length", "")
    if not length.isdigit():
        return Refusal(411, words("no_length"))
    is_upload = _UPLOAD.fullmatch(path) is not None
    limit = house.max_upload_bytes if is_upload else MAX_FORM_BYTES
    if int(length) > limit:
        return Refusal(413, words("too_large", limit=f"{limit / 1e6:,.0f}", came=f"{int(length) / 1e6:,.0f}"))
    return None


def _wrong_host(headers: dict[str, str], house: AccessPolicy, words: Words) -> Refusal | None:
    if house.hosts is None:
        return None
    try:
        name = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        name = ""
    # Elsewhere than on loopback this machine has addresses that nobody has named; only a name can be made to point here.
    known = name in house.hosts or (bool(house.token) and _is_address(name))
    return None if known else Refusal(403, words("wrong_host"))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _from_elsewhere(method: str, headers: dict[str, str]) -> bool:
    """Whether another site's page sent this. Following a link to the page is no sending."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
        return True
    is_visit = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return headers.get("sec-fetch-site") == "cross-site" and not is_visit


def _knows_token(headers: dict[str, str], house: AccessPolicy) -> bool:
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and _same(bearer, house.token):
        return True
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(house.cookie)
    except CookieError:
        return False
    return cookie is not None and _same(cookie.value, house.token)


def _same(given: str, token: str) -> bool:
    """Compared in a time that does not tell how much of it was right."""
    return secrets.compare_digest(given.encode(), token.encode())


def _token_in_address(scope: Scope, house: AccessPolicy) -> str:
    """The address to go on to, without the token, where a visitor came with the right one."""
    if not house.token or scope["method"] != "GET":
        return ""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    given = query.pop("token", [""])[0]
    if not given or not _same(given, house.token):
        return ""
    # A path that begins with two strokes would lead to another host.
    return f"/{scope['path'].lstrip('/')}" + (f"?{urlencode(query, doseq=True)}" if query else "")


async def _redirect(send: Send, house: AccessPolicy, place: str) -> None:
    cookie = f"{house.cookie}={house.token}; Path=/; HttpOnly; SameSite=Lax"
    headers = [(b"location", place.encode("latin-1")), (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": [*headers, *_security_headers()]})
    await send({"type": "http.response.body", "body": b""})


async def _say(send: Send, refusal: Refusal) -> None:
    body = refusal.text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": [*headers, *_security_headers()]})
    await send({"type": "http.response.body", "body": body})


async def _drain(receive: Receive, headers: dict[str, str], house: AccessPolicy) -> None:
    """Read what comes anyway, within reason: a browser shows an answer only once it has sent everything."""
    length = headers.get("content-length", "")
    left = min(int(length), 4 * house.max_upload_bytes) if length.isdigit() else 0
    while left > 0:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return
        left -= len(message.get("body", b""))


async def _with_body(
    app: App, scope: Scope, receive: Receive, send: Send, headers: dict[str, str], workplace: Sessions, words: Words
) -> None:
    """Hand the request on; an upload only where there is room for it."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            ours = {name.encode() for name in _HEADERS}
            kept = [(name, value) for name, value in message["headers"] if name.lower() not in ours]
            message = {**message, "headers": [*kept, *_security_headers()]}
        await send(message)

    if not _UPLOAD.fullmatch(scope["path"]):
        await app(scope, receive, answer)
        return
    try:
        with workplace.room_for(int(headers["content-length"])):
            await app(scope, receive, answer)
    except Full:
        await _say(send, Refusal(503, words("full")))


def _security_headers() -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
