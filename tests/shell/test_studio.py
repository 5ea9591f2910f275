"""The studio's server: what it answers, what it refuses, and that neither ends it."""

import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib

import numpy as np
import pytest
from pool_work import dies

from chainrule.display.gallery import GALLERY
from chainrule.display.trace import trace
from chainrule.ner import Tagger
from chainrule.ner.explain_methods import GRADIENT
from chainrule.shell.studio import found, served
from chainrule.shell.studio_pool import Pool
from chainrule.shell.studio_server import CONNECTIONS

LECTURE = {"formula": "(x + y) * max(y, z)", "values": {"x": 1, "y": 2, "z": 0}}


@pytest.fixture(scope="module")
def studio(model):
    """A studio with one model, on a free port."""
    with served([model], 0, seconds=3.0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ask(studio):
    """Post data to a path: status, kind of the reply, and the reply, read if it is JSON."""

    def post(path, told, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", studio.server_port, timeout=30)
        raw = told if isinstance(told, bytes) else json.dumps(told).encode()
        connection.request("POST", path, raw, {"Content-Type": "application/json", **headers})
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply.status, json.loads(text) if reply.headers.get_content_type() == "application/json" else text

    return post


def sent(studio, raw: bytes, *, ends: bool = True):
    """What comes back on these bytes: status, headers, body."""
    with socket.create_connection(("127.0.0.1", studio.server_port), timeout=30) as connection:
        with contextlib.suppress(OSError):  # the answer may come before all is sent
            connection.sendall(raw.replace(b"PORT", str(studio.server_port).encode()))
            if ends:
                connection.shutdown(socket.SHUT_WR)
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        return reply.status, reply.headers, reply.read()


def state(page):
    return json.loads(re.search(r'<script type="application/json" id="state">(.*?)</script>', page, re.DOTALL)[1])


def rows(page):
    """The records within a page."""
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])
    return json.loads(json.loads(zlib.decompress(base64.b64decode(data["files"])))["json"])


# ── what it answers ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/tagger", "/studio.css", "/page.js", "/studio.js", "/tagger.js"])
def test_its_pages_come_with_a_policy_that_admits_only_itself(studio, path):
    status, headers, body = sent(studio, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n".encode())
    assert status == 200 and int(headers["Content-Length"]) == len(body) > 1000
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers and "Python" not in headers["Server"]
    if path in ("/", "/tagger"):
        assert not re.search(rb"<script(?![^>]*(src=|application/json))|<style|\son\w+=|\sstyle=", body)
        assert not re.search(rb'(?:src|href)="(?!/|#|data:)', body)


@pytest.mark.parametrize("example", GALLERY, ids=lambda example: example.key)
def test_every_example_is_traced_and_derived(ask, example):
    told = {"formula": example.formula, "values": example.values, "combine": example.combine}
    status, page = ask("/api/trace", told)
    assert status == 200
    known = trace(example.formula, example.values, combine=example.combine)
    gradients = rows(page)["gradients"]
    assert set(gradients) >= {row.name for row in known.inputs}
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, known.gradients[name], rtol=1e-15, atol=0)
    assert {n: np.shape(v) for n, v in state(page)["values"].items()} == {r.name: r.shape for r in known.inputs}
    assert state(page)["changed"] == []
    shapes = state(page)["shapes"]
    status, found = ask("/api/derive", {"formula": example.formula, "facts": example.facts, "shapes": shapes})
    assert status == 200 and "agrees with" in found["html"] and "def " in found["python"]
    assert found["latex"].startswith(r"\begin{aligned}") and found["mathml"].startswith("<math")


def test_a_mistake_in_a_formula_is_an_answer_with_its_place(ask):
    status, told = ask("/api/trace", {**LECTURE, "formula": "(x + y) * mx(y, z)"})
    assert status == 200 and told == {"error": "unknown function mx; did you mean max?", "start": 10, "end": 12}
    status, told = ask("/api/derive", {"formula": "x +"})
    assert status == 200 and told["start"] == 3
    status, told = ask("/api/trace", {"formula": "A @ inv(B", "values": {}})
    assert status == 200 and "')' is missing" in told["error"]


def test_both_spellings(ask):
    values = {"W": [[1, 2], [3, 4], [5, 6]], "x": [1, -1], "u": [1, 0, 2]}
    results = [
        rows(ask("/api/trace", {"formula": text, "values": values})[1])["gradients"]["W"]
        for text in ("u' * tanh(W*x)", "u.T @ tanh(W @ x)")
    ]
    assert results[0] == results[1]
    assert state(ask("/api/trace", {"formula": "u' * tanh(W*x)", "values": values})[1])["syntax"] == "matlab"


def test_the_names_in_a_text_with_their_reasons(ask, model):
    text = " ".join(Tagger.load(model).tokenize("Museums in Paris.")[0][k].text for k in range(3))
    status, told = ask("/api/tag", {"model": 0, "text": text})
    assert status == 200
    found = Tagger.load(model).explain(text, methods=[GRADIENT], every=True)
    for reason in found.reasons:
        for share in reason.shares(GRADIENT):
            assert f"<td>{share:.2f}</td>" in told["html"]
    status, told = ask("/api/tag", {"text": '<script>alert(1)</script> & "x"'})
    assert status == 200 and "<script" not in told["html"]
    assert ask("/api/tag", {"text": " "})[0] == 200


# ── what it refuses ───────────────────────────────────────────────────────────────────────────────────

HEAD = b"POST /api/trace HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Type: application/json\r\n"
GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n"


def data(text: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(text) + text


MALFORMED = {
    "no request": (b"\x00\x01\x02\xff\r\n\r\n", 400),
    "one word": (b"GET\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "no version": (b"GET / HTTP\r\n\r\n", 400),
    "HTTP/2": (b"GET / HTTP/2.0\r\nHost: 127.0.0.1:PORT\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 x\n\n", 400),
    "four words": (b"GET / x HTTP/1.1\r\n\r\n", 400),
    "a long line": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
    "a long header": (GET + b"X: " + b"a" * 70000 + b"\r\n\r\n", 431),
    "many headers": (GET + b"".join(b"X-%d: 1\r\n" % k for k in range(200)) + b"\r\n", 431),
    "no such page": (GET.replace(b"GET /", b"GET /nothing") + b"\r\n", 404),
    "a file": (GET.replace(b"GET /", b"GET /../../etc/passwd") + b"\r\n", 404),
    "a file, hidden": (GET.replace(b"GET /", b"GET /%2e%2e/%2e%2e/etc/passwd") + b"\r\n", 404),
    "another server": (GET.replace(b"GET /", b"GET http://example.org/") + b"\r\n", 400),
    "two slashes": (GET.replace(b"GET /", b"GET //example.org/") + b"\r\n", 404),
    "a method": (GET.replace(b"GET", b"PUT") + b"\r\n", 405),
    "an unknown method": (GET.replace(b"GET", b"BREW") + b"\r\n", 405),
    "options": (HEAD.replace(b"POST", b"OPTIONS") + b"\r\n", 405),
    "get of a question": (GET.replace(b"GET /", b"GET /api/trace") + b"\r\n", 405),
    "post of a page": (data(b"{}").replace(b"/api/trace", b"/"), 405),
    "connect": (b"CONNECT example.org:443 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (GET + b"Host: 127.0.0.1:PORT\r\n\r\n", 400),
    "no length": (HEAD + b"\r\n{}", 411),
    "two lengths": (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400),
    "a negative length": (HEAD + b"Content-Length: -2\r\n\r\n{}", 400),
    "no number as length": (HEAD + b"Content-Length: 0x2\r\n\r\n{}", 400),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411),
    "too much": (HEAD + b"Content-Length: 70000\r\n\r\n" + b" " * 70000, 413),
    "much too much": (HEAD + b"Content-Length: 99999999999\r\n\r\n", 413),
    "too little": (HEAD + b"Content-Length: 100\r\n\r\n{}", 400),
    "packed": (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415),
    "a form": (data(b"formula=x").replace(b"application/json", b"application/x-www-form-urlencoded"), 415),
    "plain text": (data(b"{}").replace(b"application/json", b"text/plain"), 415),
    "two kinds": (HEAD + b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415),
    "another alphabet": (data(b"{}").replace(b"json", b"json; charset=utf-16"), 415),
    "nothing": (data(b""), 400),
    "no JSON": (data(b"{formula: x}"), 400),
    "half of it": (data(b'{"formula": "x'), 400),
    "not UTF-8": (data(b'{"formula": "\xff"}'), 400),
    "a list": (data(b"[]"), 400),
    "null": (data(b"null"), 400),
    "twice": (data(b'{"formula": "x", "formula": "y"}'), 400),
    "NaN": (data(b'{"formula": "x", "values": {"x": NaN}}'), 400),
    "deep": (data(b"[" * 30000), 400),
    "deep values": (data(b'{"formula": "x", "values": {"x": ' + b"[" * 20 + b"]" * 20 + b"}}"), 400),
    "a huge number": (data(b'{"formula": "x", "seed": ' + b"9" * 5000 + b"}"), 400),
    "no formula": (data(b"{}"), 400),
    "a formula that is a number": (data(b'{"formula": 3}'), 400),
    "a long formula": (data(b'{"formula": "' + b"x+" * 3000 + b'x"}'), 400),
    "values in a list": (data(b'{"formula": "x", "values": [1]}'), 400),
    "values of text": (data(b'{"formula": "x", "values": {"x": "__import__"}}'), 400),
    "values of objects": (data(b'{"formula": "x", "values": {"x": {"a": 1}}}'), 400),
    "ragged values": (data(b'{"formula": "x", "values": {"x": [[1], [1, 2]]}}'), 400),
    "a large matrix": (data(json.dumps({"formula": "x", "values": {"x": [0] * 65}}).encode()), 400),
    "a spelling": (data(b'{"formula": "x", "syntax": "lisp"}'), 400),
    "a seed": (data(b'{"formula": "x", "seed": -1}'), 400),
}


@pytest.mark.parametrize(("raw", "status"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_gets_a_clear_refusal(studio, raw, status):
    assert status < 500
    got, headers, body = sent(studio, raw)
    assert got == status
    assert headers.get_content_type() == "application/json" and headers["Content-Security-Policy"]
    said = json.loads(body)["error"]
    assert 10 < len(said) < 300 and "Traceback" not in said and "defect" not in said


def test_what_is_wrong_with_a_question_is_said(ask):
    for path, told, part in [
        ("/api/derive", {"formula": "x", "detail": 9}, "detail: is 1, 2 or 3"),
        ("/api/derive", {"formula": "x", "kind": "curl"}, "kind: is gradient"),
        ("/api/derive", {"formula": "x", "facts": ["y"]}, "facts: is a text"),
        ("/api/derive", {"formula": "x", "shapes": {"x": [1e9]}}, "shapes: are lists"),
        ("/api/tag", {"model": 7, "text": "a"}, "model: is the number of a model"),
        ("/api/tag", {"model": True, "text": "a"}, "model: is the number of a model"),
        ("/api/tag", {"text": "a" * 3000}, "text: is a text of at most 2,000"),
    ]:
        status, said = ask(path, told)
        assert status == 400 and part in said["error"]


FOREIGN_HOSTS = ["example.org", "example.org:PORT", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.example.org:PORT", "localhost.example.org:PORT", "0.0.0.0:PORT", "127.0.0.2:PORT", "127.1:PORT", "2130706433:PORT", "user@127.0.0.1:PORT", "[::1]", ""]  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("method", ["GET / ", "POST /api/trace "])
def test_a_name_that_was_bound_to_this_machine_is_not_answered(studio, method, host):
    raw = f"{method}HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    status, _, body = sent(studio, raw.encode())
    assert status == 421 and b"formula" not in body


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT", "LOCALHOST:PORT"])
def test_our_own_names_are_answered(studio, host):
    assert sent(studio, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())[0] == 200


FOREIGN = [
    "Origin: http://example.org",
    "Origin: null",
    "Origin: https://127.0.0.1:PORT",
    "Origin: http://127.0.0.1:1",
    "Origin: http://localhost:PORT",
    "Origin: http://127.0.0.1:PORT\r\nOrigin: http://example.org",
    "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: same-site",
    "Origin: http://127.0.0.1:PORT\r\nSec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: document",
]


@pytest.mark.parametrize("header", FOREIGN)
def test_another_site_is_not_answered(studio, header):
    raw = HEAD + header.encode() + b"\r\nContent-Length: 2\r\n\r\n{}"
    status, headers, _ = sent(studio, raw)
    assert status == 403 and "Access-Control-Allow-Origin" not in headers


def test_a_link_from_another_site_may_be_followed_but_not_embedded(studio):
    for kind, status in [("document", 200), ("iframe", 403), ("script", 403), ("empty", 403)]:
        raw = GET + f"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: {kind}\r\n\r\n".encode()
        assert sent(studio, raw)[0] == status


def test_its_own_page_is_answered(ask, studio):
    origin = f"http://127.0.0.1:{studio.server_port}"
    assert ask("/api/trace", LECTURE, Origin=origin, **{"Sec-Fetch-Site": "same-origin"})[0] == 200


# ── what it survives ──────────────────────────────────────────────────────────────────────────────────


def test_it_listens_on_loopback_alone(studio):
    assert studio.server_address[0] == "127.0.0.1"


def test_a_question_that_takes_too_long_or_too_much_ends_and_others_go_on(ask):
    values = {"A": [[1] * 64] * 64}
    status, told = ask("/api/trace", {"formula": "B = kron(A, A); sum(B @ B @ B @ B @ B @ B)", "values": values})
    assert (status, told["error"][:20]) in ((422, "this takes too long;"), (400, "there is not enough "))
    status, told = ask("/api/trace", {"formula": "sum(kron(kron(A, A), kron(A, A)))", "values": values})
    assert status in (200, 400, 422) and told["error"]
    assert ask("/api/trace", LECTURE)[0] == 200


def test_slow_senders_and_many_connections_do_not_hold_it_up(studio, ask, monkeypatch):
    monkeypatch.setattr(studio, "deadline", 1.0)
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", studio.server_port), timeout=30))
            for _ in range(CONNECTIONS)
        ]
        for connection in slow:
            connection.sendall(b"GET / HT")
        begun = time.monotonic()
        while time.monotonic() - begun < 0.6:  # one byte after the other moves no deadline
            with contextlib.suppress(OSError):
                slow[0].sendall(b"T")
            time.sleep(0.05)
        reply = http.client.HTTPResponse(slow[1])
        reply.begin()
        assert reply.status == 408
        assert time.monotonic() - begun < 15
    assert ask("/api/trace", LECTURE)[0] == 200


def test_more_connections_than_there_are_places_are_told_so(studio):
    with contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(socket.create_connection(("127.0.0.1", studio.server_port), timeout=30)).sendall(
                b"G"
            )
        time.sleep(0.3)
        status, _, _ = sent(studio, GET + b"\r\n")
        assert status == 503
    for _ in range(100):
        with contextlib.suppress(OSError):
            if sent(studio, GET + b"\r\n")[0] == 200:
                return
        time.sleep(0.1)
    raise AssertionError("places are not given back")


def test_a_process_that_dies_hangs_or_fails_is_replaced():
    with Pool(dies, (), size=1, seconds=0.5) as pool:
        ok, first = pool.ask("echo", {"a": [1, "δ"]})
        assert ok and first["a"] == [1, "δ"]
        ok, told = pool.ask("fail", {})
        assert not ok and "a defect of chainrule: KeyError" in told["error"]
        assert pool.ask("echo", {})[1]["pid"] == first["pid"]
        ok, told = pool.ask("die", {})
        assert not ok and "memory" in told["error"]
        second = pool.ask("echo", {})[1]["pid"]
        assert second != first["pid"]
        assert pool.ask("sleep", {}) is None
        assert pool.ask("echo", {})[1]["pid"] not in (first["pid"], second)


# ── the command ───────────────────────────────────────────────────────────────────────────────────────


def test_a_port_that_is_taken_is_named(cli, studio):
    done = cli("studio", "--port", studio.server_port)
    assert done.code == 2
    assert f"port {studio.server_port} is taken; end what has it, or choose another: --port 0" in done.err


def test_a_folder_that_is_no_model_is_named(cli):
    done = cli("studio", "nowhere", "--port", 0)
    assert done.code == 2 and "nowhere" in done.err and not done.out


def test_models_are_found_where_training_puts_them(model, tmp_path):
    (tmp_path / "mine").symlink_to(model)
    (tmp_path / "other").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    assert found(tmp_path) == [tmp_path / "mine"]
    assert found(tmp_path / "nowhere") == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_it_with_its_processes(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "chainrule", "studio", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  one thread
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    address = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
    assert address and "Ctrl-C ends it" in process.stdout.readline()
    connection = http.client.HTTPConnection("127.0.0.1", int(address[1]), timeout=30)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0 and err == "\n  ended\n"
