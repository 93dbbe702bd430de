#!/usr/bin/env python3
"""Makes tree.json: test vectors of the tree checksum, computed without larder's own code.

    python3 -m pip install blake3
    python3 tree.py > tree.json

An entry is [kind, path, content]: kind `f` file, `x` executable file, `l` link, `d` folder;
content is the bytes of a file or the target of a link, as text. `lines` is the text that is hashed.
"""

import json
import sys

from blake3 import blake3

CONTEXT = "larder tree 1"

DEEP = "/".join(["d"] * 20)

TREES = {
    "empty tree": [],
    "one file": [["f", "share/greeting", "hello"]],
    "empty file": [["f", "empty", ""]],
    "executable": [["x", "bin/tool", "#!/bin/sh\n"]],
    "the same bytes, executable or not": [["f", "a", "same"], ["x", "b", "same"]],
    "link": [["f", "lib/libafw.so.1", "ELF"], ["l", "lib/libafw.so", "libafw.so.1"]],
    "link that dangles": [["l", "a", "no/such"]],
    "empty folder": [["d", "var/log", None]],
    "folder with content does not count": [
        ["d", "lib", None],
        ["d", "lib/python", None],
        ["f", "lib/python/afw.py", "import log\n"],
    ],
    "folder with an empty folder in it does not count": [["d", "a", None], ["d", "a/b", None]],
    "folder with a link in it does not count": [["d", "a", None], ["l", "a/b", "."]],
    "sorted by bytes, not by parts": [
        ["f", "a/b", "1"],
        ["f", "a.b", "2"],
        ["f", "a-b", "3"],
        ["f", "ab", "4"],
        ["f", "A", "5"],
        ["f", "a0", "6"],
    ],
    "UTF-8 names": [
        ["f", "Größe.txt", "1"],
        ["f", "日本語/ファイル", "2"],
        ["f", "z", "3"],
        ["f", "\U0001f4e6", "4"],
        ["f", "\uffee", "5"],
    ],
    "names that only look alike": [["f", "\u00e9", "1"], ["f", "e\u0301", "2"], ["f", "E\u0301", "3"]],
    "names with spaces and quotes": [["f", "a b'\"$(c)", "1"], ["f", " ", "2"]],
    "deep": [["f", DEEP + "/file", "down here"], ["d", DEEP + "/none", None]],
    "all kinds": [
        ["x", "bin/butler", "#!/usr/bin/env python3\n"],
        ["d", "python", None],
        ["f", "python/lsst/__init__.py", ""],
        ["l", "python/lsst/link", "../../bin/butler"],
        ["d", "empty", None],
    ],
}


def lines(entries):
    paths = [path for _, path, _ in entries]
    for kind, path, content in sorted(entries, key=lambda entry: entry[1].encode()):
        if kind == "d" and any(other.startswith(path + "/") for other in paths):
            continue
        content_sum = blake3((content or "").encode()).hexdigest()
        yield f"{kind}\t{content_sum}\t{path}\n"


def vector(name, entries):
    text = "".join(lines(entries))
    tree = blake3(text.encode(), derive_key_context=CONTEXT).hexdigest()
    return {"name": name, "entries": entries, "lines": text, "tree": f"tree:{tree}"}


if __name__ == "__main__":
    vectors = [vector(name, entries) for name, entries in TREES.items()]
    json.dump(vectors, sys.stdout, indent=1, ensure_ascii=True)
    sys.stdout.write("\n")
