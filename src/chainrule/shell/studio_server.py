"""The server of the studio: loopback alone, few connections, each with a deadline, no file but its own."""

import io
import json
import queue
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chainrule.shell.studio_guard import RefusedError, check_sender, length, record, refuse, route
from chainrule.shell.studio_pool import Pool

CONNECTIONS = 32  # at once
DEADLINE = 10.0  # seconds for a request to arrive

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Connection": "close",
}

Page = tuple[str, str]
"""The kind of a text, and the text."""


class Studio(ThreadingHTTPServer):
    """The server: `pages` are what it shows, path → kind and text; `questions` what it answers, path → kind."""

    daemon_threads = True
    request_queue_size = 64
    pool: Pool

    def __init__(self, port: int, pages: Mapping[str, Page], questions: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.pages, self.questions = pages, questions
        self.deadline = DEADLINE
        self._places = threading.BoundedSemaphore(CONNECTIONS)

    @property
    def address(self) -> str:
        """Where it is opened."""
        return f"http://127.0.0.1:{self.server_port}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, while there are places."""
        if not self._places.acquire(blocking=False):
            with suppress(OSError):
                request.settimeout(1)
                request.sendall(
                    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                )
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Give the place back at the end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a connection that breaks is nobody's fault here."""


class _Timed(io.RawIOBase):
    """What arrives at a socket before a deadline; TimeoutError after it."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    """One request on one connection."""

    server: Studio
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "chainrule", ""

    def setup(self) -> None:
        """Read with a deadline for the whole request."""
        super().setup()
        self.close_connection = True
        self.rfile = io.BufferedReader(_Timed(self.connection, time.monotonic() + self.server.deadline))

    def handle(self) -> None:
        """Answer one request, whatever it is."""
        self.command, self.request_version, self.requestline = "", "HTTP/1.1", ""
        try:
            self._answer()
        except RefusedError as refused:
            self._send(refused.status, {"error": refused.why}, {"Allow": refused.allow} if refused.allow else {})
            self._drain()
        except TimeoutError:
            self._send(HTTPStatus.REQUEST_TIMEOUT, {"error": "the request did not arrive in time"})

    def _answer(self) -> None:
        self.raw_requestline = self.rfile.readline(8193)
        if not self.raw_requestline.strip():
            return
        if len(self.raw_requestline) > 8192:
            refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "the request line has more than 8,192 bytes")
        if not self.parse_request():
            return
        self.close_connection = True
        path = route(self.command, self.path, self.request_version, self.server.pages, self.server.questions)
        check_sender(self.headers, self.server.server_port, self.command)
        if path in self.server.pages:
            kind, text = self.server.pages[path]
            self._write(HTTPStatus.OK, f"{kind}; charset=utf-8", text.encode())
            return
        size = length(self.headers)
        told = record(self.rfile.read(size), size)
        try:
            found = self.server.pool.ask(self.server.questions[path], told)
        except queue.Full:
            refuse(HTTPStatus.SERVICE_UNAVAILABLE, "the studio is busy; try again in a moment")
        if found is None:
            refuse(
                HTTPStatus.UNPROCESSABLE_ENTITY, "this takes too long; take smaller arrays or a shorter formula"
            )
        ok, answer = found
        if ok and "page" in answer:
            self._write(HTTPStatus.OK, "text/html; charset=utf-8", answer["page"].encode())
        else:
            self._send(HTTPStatus.OK if ok else HTTPStatus.BAD_REQUEST, answer)

    def _drain(self) -> None:
        """Read what still comes of a request that was refused: closed at once, the answer would be lost."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(0.5)
            until = time.monotonic() + 1
            while time.monotonic() < until and self.connection.recv(1 << 16):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the parser of requests refuses."""
        status = HTTPStatus(code) if code < HTTPStatus.INTERNAL_SERVER_ERROR else HTTPStatus.BAD_REQUEST
        self._send(status, {"error": f"the request cannot be read: {(message or status.phrase):.80}"})

    def _send(self, status: HTTPStatus, told: Mapping[str, Any], more: Mapping[str, str] | None = None) -> None:
        raw = json.dumps(told, ensure_ascii=True).encode()
        self._write(status, "application/json; charset=utf-8", raw, more)

    def _write(self, status: HTTPStatus, kind: str, raw: bytes, more: Mapping[str, str] | None = None) -> None:
        self.close_connection = True
        self.request_version = "HTTP/1.1"
        with suppress(OSError):  # nobody listens any more
            self.connection.settimeout(self.server.deadline)
            self.send_response(status)
            for name, value in {**HEADERS, "Content-Type": kind, **(more or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw if self.command != "HEAD" else b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
