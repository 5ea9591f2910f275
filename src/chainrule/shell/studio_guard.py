"""What the studio accepts: requests of its own pages on this machine, small and whole. All else is a clear 4xx.

A page of another site can make a browser send requests to 127.0.0.1, also under a name of its own that it lets
point there. So the Host must be ours (421), the Origin too (403), and data must come as JSON (415), which a page
of another site cannot send unless we agree.
"""

import json
from collections.abc import Collection, Mapping
from email.message import Message
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import urlsplit

LONGEST = 64 * 1024  # bytes of the data of a request
DEEPEST = 12  # brackets within brackets
NAMES = ("127.0.0.1", "localhost", "[::1]")


class RefusedError(Exception):
    """A request that is not answered: the status, and why."""

    def __init__(self, status: HTTPStatus, why: str, allow: str = "") -> None:
        super().__init__(why)
        self.status, self.why, self.allow = status, why, allow


def refuse(status: HTTPStatus, why: str, allow: str = "") -> NoReturn:
    """Raise RefusedError."""
    raise RefusedError(status, why, allow)


def route(method: str, target: str, version: str, gets: Collection[str], posts: Collection[str]) -> str:
    """The path that a request line asks for."""
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        refuse(HTTPStatus.BAD_REQUEST, "the request is not HTTP/1.0 or HTTP/1.1")
    if not target.startswith("/") or target.startswith("//") or not target.isprintable() or not target.isascii():
        refuse(HTTPStatus.BAD_REQUEST, "the target of a request is a path such as /")
    path = urlsplit(target).path
    allowed = "GET, HEAD" if path in gets else "POST" if path in posts else ""
    if not allowed:
        refuse(HTTPStatus.NOT_FOUND, "there is no such page; the studio is at /")
    if method not in allowed.split(", "):
        refuse(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} takes {allowed}", allowed)
    return path


def check_sender(headers: Message, port: int, method: str) -> None:
    """Refuse what comes from elsewhere."""
    hosts = headers.get_all("Host", [])
    if len(hosts) != 1:
        refuse(HTTPStatus.BAD_REQUEST, "a request has one Host header")
    ours = {f"{name}:{port}" for name in NAMES} | (set(NAMES) if port == 80 else set())
    if hosts[0].strip().lower() not in ours:
        refuse(HTTPStatus.MISDIRECTED_REQUEST, f"this is not that host; open http://127.0.0.1:{port}/")
    origins = headers.get_all("Origin", [])
    if any(origin.strip().lower() != f"http://{hosts[0].strip().lower()}" for origin in origins):
        refuse(HTTPStatus.FORBIDDEN, "requests of other sites are not answered")
    sites = {site.strip().lower() for site in headers.get_all("Sec-Fetch-Site", [])}
    follows = method == "GET" and headers.get("Sec-Fetch-Dest", "") == "document"  # a link that somebody followed
    if not sites <= {"same-origin", "none"} and not follows:
        refuse(HTTPStatus.FORBIDDEN, "requests of other sites are not answered")


def length(headers: Message) -> int:
    """How many bytes of data follow."""
    if headers.get_all("Transfer-Encoding"):
        refuse(HTTPStatus.LENGTH_REQUIRED, "data is sent whole, with a Content-Length")
    if headers.get_all("Content-Encoding"):
        refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "data is sent as it is, not packed")
    kinds = headers.get_all("Content-Type", [])
    if len(kinds) != 1 or headers.get_content_type() != "application/json":
        refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "data is sent as Content-Type: application/json")
    if headers.get_content_charset("utf-8") != "utf-8":
        refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "data is sent in UTF-8")
    sizes = headers.get_all("Content-Length", [])
    if not sizes:
        refuse(HTTPStatus.LENGTH_REQUIRED, "data needs a Content-Length")
    if len(sizes) > 1 or not (sizes[0].isascii() and sizes[0].isdigit()) or len(sizes[0]) > 12:
        refuse(HTTPStatus.BAD_REQUEST, "Content-Length is one whole number")
    if int(sizes[0]) > LONGEST:
        refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {LONGEST:,} bytes of data")
    return int(sizes[0])


def record(raw: bytes, size: int) -> Mapping[str, Any]:
    """The data of a request: names and values."""
    if len(raw) < size:
        refuse(HTTPStatus.BAD_REQUEST, "the data ends before its Content-Length")
    try:
        text = raw.decode("utf-8")
        text.encode("utf-16", "strict")
    except UnicodeError:
        refuse(HTTPStatus.BAD_REQUEST, "the data is not UTF-8")
    if _depth(text) > DEEPEST:
        refuse(HTTPStatus.BAD_REQUEST, f"the data has more than {DEEPEST} brackets within brackets")
    try:
        told = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
    except ValueError as error:
        refuse(HTTPStatus.BAD_REQUEST, f"the data is no JSON: {error}")
    if not isinstance(told, dict):
        refuse(HTTPStatus.BAD_REQUEST, 'the data is names and values, as in {"formula": "x + y"}')
    return told


def _depth(text: str) -> int:
    """The most brackets that stand open, those within texts too: an upper bound."""
    depth = most = 0
    for sign in text:
        if sign in "[{":
            depth += 1
            most = max(most, depth)
        elif sign in "]}":
            depth -= 1
    return most


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in it")
    return found
