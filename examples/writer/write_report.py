"""Writes a report whole or not at all, and has it listed; standard library only, Python 3.9 or later.

    write_report("cloud", "/mnt/gdrive/Outputs", "audits/2026-06-09-weekly.md", "# Weekly audit\n")
    write_report.py cloud /mnt/gdrive/Outputs audits/2026-06-09-weekly.md < report.md

REPORTS_INDEX_URL and REPORTS_INDEX_TOKEN are taken from the environment.
"""

import json
import os
import pathlib
import sys
import urllib.error
import urllib.request


def write_report(base, folder, rel, content):
    """Raises OSError: before the report is written, or where the service could not be told of it."""
    parts = rel.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"not a path below a base: {rel!r}")
    root = pathlib.Path(folder)
    if not root.is_dir():  # it is not made: its mount may be away
        raise NotADirectoryError(f"the base is not there: {folder}")
    target = root.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, or it could not be renamed; names with a dot in front, or with .tmp, are never listed.
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    tell(base, rel)


def tell(base, rel):
    url = os.environ.get("REPORTS_INDEX_URL", "http://127.0.0.1:3000")
    token = os.environ.get("REPORTS_INDEX_TOKEN")
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    body = json.dumps({"paths": [{"base": base, "rel": rel}]}).encode()
    try:
        urllib.request.urlopen(urllib.request.Request(url + "/rebuild", body, headers), timeout=120).close()
    except OSError as error:
        why = error.read().decode(errors="replace") if isinstance(error, urllib.error.HTTPError) else error
        raise OSError(f"{rel} is written, but the service could not be told: {why}") from error


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: write_report.py BASE FOLDER REL < report")
    try:
        write_report(*sys.argv[1:], sys.stdin.buffer.read())
    except (OSError, ValueError) as problem:
        sys.exit(f"write_report: {problem}")
