import asyncio
import contextlib

import pytest
from starlette.requests import Request

from dancheong.app.web.access import LOOPBACK_HOSTS, AccessPolicy, check, guarded
from dancheong.app.web.problems import Refused
from dancheong.app.web.visits import Visits

HOME = AccessPolicy(LOOPBACK_HOSTS, "", "dancheong_7860", 1_000_000)
OPEN = AccessPolicy(frozenset({"archive.example", "localhost"}), "s3cret-token", "dancheong_7860", 1_000_000)
UPLOAD = "/api/v1/photographs"
CALL = "/api/v1/jobs"


def answer(path="/", method="GET", policy=HOME, **headers):
    """The refusal of a request, None where it is let in."""
    named = {"host": "127.0.0.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [(name.encode(), value.encode("latin-1")) for name, value in named.items()]
    try:
        return check(Request({"type": "http", "method": method, "path": path, "headers": lines}), policy)
    except Refused as refusal:
        return refusal


def ask(*request, **headers):
    refusal = answer(*request, **headers)
    return refusal.status if refusal else None


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860", "localhost:9000"])
def test_this_machine_has_these_names_at_any_port(host):
    assert ask(host=host) is None


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:7860", "evil.example:7860", "", "[::1", "127.0.0.2"])
def test_a_foreign_name_for_this_machine_is_refused(host):
    assert ask(host=host) == 403


def test_elsewhere_than_on_loopback_the_name_does_not_matter_but_the_token_does():
    assert ask(policy=OPEN, host="archive.example") == 403
    assert ask(policy=OPEN, host="archive.example", cookie="dancheong_7860=s3cret-token") is None
    assert ask(policy=OPEN, host="archive.example", authorization="Bearer s3cret-token") is None


@pytest.mark.parametrize(
    ("host", "status"),
    [("archive.example", None), ("192.168.0.7:7860", None), ("[fe80::1]:7860", None), ("evil.example", 403), ("", 403)],
)
def test_elsewhere_the_host_is_this_machine_s_name_or_an_address(host, status):
    policy = AccessPolicy(frozenset({"archive.example"}), OPEN.token, OPEN.cookie, OPEN.max_upload_bytes)
    assert ask(policy=policy, host=host, authorization="Bearer s3cret-token") == status


@pytest.mark.parametrize("cookie", ["dancheong_7860=", "dancheong_7860=s3cret-tokeX", "other=s3cret-token", "é=\x01;;", "="])
def test_a_wrong_token_is_refused(cookie):
    assert ask(policy=OPEN, cookie=cookie) == 403


def test_another_site_may_link_here_but_not_send():
    assert ask(CALL, "POST", origin="http://evil.example", content_length="2") == 403
    assert ask(CALL, "POST", origin="null", content_length="2") == 403
    assert ask(CALL, "POST", origin="http://127.0.0.1:7860", content_length="2") is None
    assert ask("/page/style.css", sec_fetch_site="cross-site", sec_fetch_mode="no-cors") == 403
    assert ask("/", sec_fetch_site="cross-site", sec_fetch_mode="navigate") is None


def test_an_upload_has_a_limit_and_everything_else_a_smaller_one():
    assert ask(UPLOAD, "POST", content_length="1000000") is None
    assert ask(UPLOAD, "POST", content_length="1000001") == 413
    assert ask(CALL, "POST", content_length=str(5 << 20)) == 413
    assert ask(UPLOAD, "POST") == 411
    assert ask(UPLOAD, "POST", content_length="-1") == 411


def test_the_refusal_names_both_sizes():
    assert answer(UPLOAD, "POST", content_length="3000000").problem.details == {"limit": "1", "came": "3"}


def test_a_body_whose_length_is_not_told_is_refused():
    assert ask(CALL, "POST", transfer_encoding="chunked") == 411
    for method in ("DELETE", "POST"):  # without a body no length is said
        assert ask("/api/v1/visit", method) is None
    assert ask("/api/v1/visit", "DELETE", transfer_encoding="chunked") == 411


# -- the application behind it -----------------------------------------------------------------------------------------


def through(policy, visits, path="/", method="GET", query=b"", headers=(), body=b""):
    """(status, headers, body) of one request; the application says 'in' and reads the body."""
    sent, reached = [], []

    async def app(scope, receive, send):
        reached.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"referrer-policy", b"unsafe-url")]})
        await send({"type": "http.response.body", "body": b"in"})

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": query,
             "headers": [(b"host", b"localhost"), *headers]}
    asyncio.run(guarded(app, policy, visits)(scope, receive, send))
    return sent[0]["status"], sent[0]["headers"], sent[1]["body"].decode(), reached


@pytest.fixture
def visits(tmp_path):
    return Visits(tmp_path, 10_000_000)


def test_the_right_token_in_the_address_becomes_a_cookie_and_leaves_the_address(visits):
    status, headers, _, reached = through(OPEN, visits, "//a/", query=b"token=s3cret-token&a=1")
    given = dict(headers)
    assert (status, given[b"location"]) == (303, b"/a/?a=1")
    assert given[b"set-cookie"] == b"dancheong_7860=s3cret-token; Path=/; HttpOnly; SameSite=Lax"
    assert not reached


def test_the_wrong_token_in_the_address_opens_nothing(visits):
    korean = [(b"accept-language", b"ko")]
    status, headers, text, reached = through(OPEN, visits, query=b"token=s3cret-tokex", headers=korean)
    assert (status, reached) == (403, [])
    assert "토큰" in text
    assert b"set-cookie" not in dict(headers)


def test_every_answer_forbids_other_hosts(visits):
    for policy in (HOME, OPEN):
        _, headers, _, _ = through(policy, visits)
        content_policy = dict(headers)[b"content-security-policy"].decode()
        assert "connect-src 'self'" in content_policy
        assert "http" not in content_policy
        assert [value for name, value in headers if name == b"referrer-policy"] == [b"no-referrer"]


def test_an_upload_is_refused_in_words_while_there_is_no_room(visits):
    headers = [(b"content-length", b"900000"), (b"accept-language", b"en")]
    small = AccessPolicy(LOOPBACK_HOSTS, "", "c", 1_000_000)
    assert through(small, visits, UPLOAD, "POST", headers=headers)[0] == 200
    with contextlib.ExitStack() as others:
        for _ in range(11):
            others.enter_context(visits.room_for(900_000))
        status, _, text, reached = through(small, visits, UPLOAD, "POST", headers=headers)
    assert (status, reached) == (503, [])
    assert "try again" in text
    assert through(small, visits, UPLOAD, "POST", headers=headers)[0] == 200


def test_room_counts_what_lies_there(visits):
    (visits.root / "a").write_bytes(bytes(9_500_000))
    with pytest.raises(Refused), visits.room_for(600_000):
        pass
    (visits.root / "a").unlink()
    with visits.room_for(600_000):
        pass


def test_nobody_talks_to_a_web_socket(visits):
    sent = []

    async def run():
        async def send(message):
            sent.append(message)

        await guarded(None, HOME, visits)({"type": "websocket", "headers": []}, None, send)

    asyncio.run(run())
    assert sent == [{"type": "websocket.close", "code": 1008}]
