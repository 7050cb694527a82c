"""A client of reports-index, to be copied: standard library only, Python 3.9 or later.

    index = ReportsIndex("http://127.0.0.1:3000", manifest="/home/me/.local/state/reports-index.json")
    listing = index.listing()          # asks by conditional GET: costs nothing when nothing changed
    listing.reports                    # [{"base", "rel", "title", "date", "type", "mtime", "size"}, ...], newest first
    index.rebuild([("cloud", "audits/new.md")])

Each process keeps the last listing that it was given, and asks with every call whether it still holds. So no worker is
ever cold for longer than one request, and none serves what another one knows to be old. Where the service does not answer,
the manifest file itself is read, and where that can not be used either, each serves the last listing that it was given.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import stat
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Iterable, Optional, Tuple

VERSION = 1  # of the manifest's format
PAUSE = 5.0  # seconds in which a service that did not answer in time is not asked again

# Whatever a stranger's bytes can do to a parser: URLError is an OSError, bad JSON a ValueError.
FAILURES = (OSError, ValueError, http.client.HTTPException, RecursionError)


class Unavailable(Exception):
    """Neither the service nor the manifest nor an earlier answer has a listing."""


@dataclass(frozen=True)
class Listing:
    """One listing, as it was served."""

    reports: list = field(repr=False)
    etag: str  # the SHA-256 of the listing, hex
    source: str  # "service"; "manifest": read from the file; "kept": the last one that this process was given
    problem: Optional[str] = None  # why the service did not give it


class ReportsIndex:
    """Thread-safe; make one for each process."""

    def __init__(
        self,
        url: str,
        manifest: Optional[str] = None,
        token: Optional[str] = None,
        read_token: Optional[str] = None,
        timeout: float = 2.0,
    ) -> None:
        """
        url: where the service is; a proxy set in the environment is not used
        manifest: path of the manifest, on a local disk, for when the service is down
        token, read_token: REPORTS_INDEX_TOKEN and REPORTS_INDEX_READ_TOKEN, where the service has them
        timeout: seconds to wait for the service, to the end of its answer
        """
        self._url = url.rstrip("/")
        self._manifest = manifest
        self._token = token
        self._read_token = read_token
        self._timeout = timeout
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._lock = threading.Lock()
        self._kept: Optional[Listing] = None
        self._tag: Optional[str] = None  # what the service called it
        self._stamp: Optional[Tuple[int, ...]] = None  # of the manifest that it was read from
        self._paused = 0.0  # until when the service is not asked

    def listing(self) -> Listing:
        """The listing as it is now. Raises Unavailable where there is none at all."""
        problem = "the service did not answer in time a moment ago"
        if time.monotonic() >= self._paused:
            try:
                return self._ask()
            except FAILURES as error:
                problem = f"the service does not answer ({error!r})"
                if isinstance(getattr(error, "reason", error), socket.timeout):
                    self._paused = time.monotonic() + PAUSE  # or each request would wait for it
        try:
            return self._read(problem)
        except FAILURES as error:
            problem = f"{problem}, nor can the manifest be used ({error!r})"
        with self._lock:
            kept = self._kept
        if kept is None:
            raise Unavailable(problem)
        return Listing(kept.reports, kept.etag, "kept", problem)

    def rebuild(self, paths: Iterable[Tuple[str, str]] = (), timeout: float = 60.0) -> dict:
        """Tells the service of reports that were written, changed or removed, as (base, rel), and waits until they are
        in every listing that is served; without any it looks at all. Raises OSError where that fails."""
        named = [{"base": base, "rel": rel} for base, rel in paths]
        body = json.dumps({"paths": named} if named else {}).encode()
        headers = {"Content-Type": "application/json", **_bearer(self._token)}
        request = urllib.request.Request(self._url + "/rebuild", body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return json.load(answer)
        except (ValueError, http.client.HTTPException, RecursionError) as error:
            raise OSError(f"the answer can not be read ({error!r})") from error

    def _ask(self) -> Listing:
        with self._lock:
            tag, kept = self._tag, self._kept
        headers = {"Accept": "application/json", **_bearer(self._read_token)}
        if tag is not None:
            headers["If-None-Match"] = tag
        request = urllib.request.Request(self._url + "/reports-index", headers=headers)
        deadline = time.monotonic() + self._timeout
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                body = _whole(answer, deadline)
                tag = answer.headers["ETag"]
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 304 and kept is not None:
                    return Listing(kept.reports, kept.etag, "service")
                raise
        digest = _digest(tag)
        if hashlib.sha256(body).hexdigest() != digest:
            raise ValueError("it is not the service that answers: the tag is not that of the answer")
        listing = Listing(_reports(json.loads(body)), digest, "service")
        self._keep(listing, tag, None)
        return listing

    def _read(self, problem: str) -> Listing:
        if self._manifest is None:
            raise OSError("none is set")
        # Not a FIFO, which would be waited for.
        with open(os.open(self._manifest, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError("it is not a file")
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            with self._lock:
                kept = self._kept if stamp == self._stamp else None
            if kept is not None:
                return Listing(kept.reports, kept.etag, "manifest", problem)
            data = file.read()
        manifest = json.loads(data)
        reports = _reports(manifest)
        body = _answer(data, manifest, reports)
        etag = hashlib.sha256(body).hexdigest()
        if manifest.get("version") != VERSION or etag != manifest.get("etag"):
            raise ValueError("it is of another version, or does not match its own digest")
        listing = Listing(_reports(json.loads(body)), etag, "manifest", problem)
        self._keep(listing, f'"{etag}"', stamp)
        return listing

    def _keep(self, listing: Listing, tag: Optional[str], stamp: Optional[Tuple[int, ...]]) -> None:
        with self._lock:
            self._kept, self._tag, self._stamp = listing, tag, stamp


def _bearer(token: Optional[str]) -> dict:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _reports(document: Any) -> list:
    reports = document.get("reports") if isinstance(document, dict) else None
    if not isinstance(reports, list):
        raise ValueError("it is no listing")
    return reports


def _digest(tag: Optional[str]) -> str:
    return (tag or "").removeprefix("W/").strip('"')


def _whole(answer: Any, deadline: float) -> bytes:
    """All of an answer, which may come in drops."""
    expected = answer.length  # None where the answer says when it ends
    parts = []
    while True:
        part = answer.read1(1 << 20)
        if not part:
            break
        parts.append(part)
        if time.monotonic() > deadline:
            raise socket.timeout("the answer takes too long")
    body = b"".join(parts)
    if expected is not None and len(body) < expected:
        raise http.client.IncompleteRead(body, expected - len(body))
    return body


def _answer(data: bytes, manifest: dict, reports: list) -> bytes:
    """The answer of the service that a manifest holds, and that its digest was made of. It stands in the file as it is, but
    for a brace at either end; a manifest of another program is laid out in that way first."""
    length = manifest.get("listingBytes")
    if isinstance(length, int):
        start = data.find(b"\n")
        return b"{" + data[start + 1 : start + length - 2] + b"}\n"
    dumped = (json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in reports)
    lines = ",\n".join(dumped) + ("\n" if reports else "")
    return f'{{"total":{len(reports)},"count":{len(reports)},"reports":[\n{lines}]}}\n'.encode()
