"""A second verifier of the audit log's exported pieces, written from docs/audit.md alone.

python3 audit_second_reader.py FOLDER: prints "COUNT HEAD" when every piece holds, else says why and exits 1.
Standard library only.
"""

import hashlib
import json
import os
import re
import sys

SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Number(str):
    """As it stands in the file: it is hashed as it is written."""


def text(value):
    if isinstance(value, Number):
        return str(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return '"' + "".join(character(c) for c in value) + '"'
    return "[" + ",".join(text(each) for each in value) + "]"


def character(c):
    if c in SHORT:
        return SHORT[c]
    if ord(c) < 0x20 or 0xD800 <= ord(c) <= 0xDFFF:
        return "\\u%04x" % ord(c)
    return c


def digest(entry):
    details = sorted(entry["details"].items(), key=lambda item: item[0].encode("utf-16-be", "surrogatepass"))
    fields = [entry[name] for name in ("previous", "sequence", "at", "kind", "actor", "object")]
    return hashlib.sha256(text(fields + [details]).encode("utf-8")).hexdigest()


def must(condition, what):
    if not condition:
        sys.exit(what)


def verify(folder):
    head, last = "0" * 64, 0
    for name in sorted(os.listdir(folder)):
        named = re.fullmatch(r"(\d{10})-(\d{10})\.ndjson", name)
        must(named, name + ": no piece is named so")
        with open(os.path.join(folder, name), "rb") as file:
            lines = file.read().decode("utf-8").split("\n")
        must(lines.pop() == "", name + ": cut")
        header, *entries = [json.loads(line, parse_int=Number, parse_float=Number) for line in lines]
        first, end = int(named[1]), int(named[2])
        must((header["first"], header["last"]) == (str(first), str(end)), name + ": header")
        must(first == last + 1 and len(entries) == end - first + 1, name + ": entries are missing")
        must(header["previous"] == head, name + ": does not follow the piece before it")
        for entry in entries:
            last += 1
            must(entry["sequence"] == str(last), "entry %d: sequence" % last)
            must(entry["previous"] == head, "entry %d: link" % last)
            must(entry["digest"] == digest(entry), "entry %d: digest" % last)
            head = entry["digest"]
        must(header["head"] == head, name + ": head")
    print(last, head)


verify(sys.argv[1])
