"""naive_scan.py FOLDER FILE: each file read whole, one after the other; front matter by PyYAML where it is installed."""
import json
import os
import re
import sys

try:
    import yaml
except ImportError:
    yaml = None


def front_matter(text):
    if not text.startswith("---"):
        return {}
    parts = text.split("---", 2)
    if len(parts) < 3:
        return {}
    if yaml:
        try:
            told = yaml.safe_load(parts[1])
        except yaml.YAMLError:
            return {}
        return told if isinstance(told, dict) else {}
    return dict(line.split(": ", 1) for line in parts[1].splitlines() if ": " in line)


def title_of(text, path):
    title = front_matter(text).get("title")
    if title:
        return str(title)
    found = re.search(r"^# (.+)$", text, re.M) or re.search(r"<title>(.*?)</title>", text)
    return found.group(1) if found else path


def scan(folder, entries):
    for each in os.scandir(folder):
        if each.is_dir():
            scan(each.path, entries)
            continue
        status = each.stat()
        with open(each.path, encoding="utf-8-sig", errors="replace") as file:
            title = title_of(file.read(), each.path)
        entries.append({"path": each.path, "title": title, "mtime": status.st_mtime, "size": status.st_size})
    return entries


with open(sys.argv[2], "w", encoding="utf-8") as out:
    json.dump(scan(sys.argv[1], []), out)
