#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists what could be a pointer or a descriptor in the types of the layout rows.

Run by hand from the top of the source tree, with gcc and gdb. Reads the rows of
src/proto/layout_*.c, compiles a variable of each type with the rows' own headers
and has gdb walk its debug information. Prints "pointer" for members that are
pointers: each must be excused in the table by a predicate or a comment. Prints
"word" for 64-bit integers and "name" for members whose name sounds like an
address or a descriptor: those are to be looked at. With pointers only: -p.
"""
import glob
import re
import subprocess
import sys
import tempfile

ROW = re.compile(r"\b(?:FLAT\w*|OLD\w*)\((\w+), ([^();]+?)\)[,;]")
SUSPICIOUS = re.compile(r"(^|_)(fd|fds|ptr|addr|address|user\w*|base|buf)($|_)")

WALK = r"""
import gdb
def walk(type, path):
    type = type.strip_typedefs()
    if type.code == gdb.TYPE_CODE_ARRAY:
        return walk(type.target(), path + "[]")
    if type.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        for field in type.fields():
            walk(field.type, path + ("." + field.name if field.name else ""))
        return
    kind = "pointer" if type.code == gdb.TYPE_CODE_PTR else "word" if type.sizeof == 8 else "name"
    print("%s\t%s %s" % (kind, path, str(type).replace(" ", "_")))
for number, name in enumerate(NAMES):
    walk(gdb.parse_and_eval("row_%d" % number).type, name)
"""


def rows(path):
    """The (command, type) pairs and the #include lines of one table."""
    with open(path, encoding="utf-8") as source:
        text = source.read()
    pairs = []
    for command, rest in ROW.findall(text):
        words = [word.strip() for word in rest.split(",")]
        types = [word for word in words if not word.endswith("_flat") and not word.isupper()]
        if types and not types[0].isdigit() and not types[0].startswith("sizeof"):
            pairs.append((command, types[0]))
    includes = [line for line in text.splitlines() if line.startswith("#include <")]
    return pairs, includes


def declare(number, type_name):
    base, _, array = type_name.partition("[")
    return "%s row_%d%s;" % (base, number, "[" + array if array else "")


def members(path):
    pairs, includes = rows(path)
    types = sorted({type_name for _, type_name in pairs})
    if not types:
        return 0, []
    with tempfile.TemporaryDirectory() as folder:
        source, object_file, script = (folder + "/" + name for name in ("t.c", "t.o", "t.py"))
        with open(source, "w", encoding="utf-8") as out:
            lines = includes + [declare(number, name) for number, name in enumerate(types)]
            out.write("\n".join(lines) + "\n")
        with open(script, "w", encoding="utf-8") as out:
            out.write("NAMES = %r\n%s" % (types, WALK))
        subprocess.run(["gcc", "-g", "-c", source, "-o", object_file], check=True)
        walked = subprocess.run(["gdb", "-nx", "-batch", object_file, "-x", script], check=True,
                                capture_output=True, text=True).stdout
    return len(types), [line.split("\t") for line in walked.splitlines()]


def main():
    pointers_only = "-p" in sys.argv[1:]
    for path in sorted(glob.glob("src/proto/layout_*.c")):
        n_types, found = members(path)
        print("%s: %d types, %d members" % (path, n_types, len(found)))
        for kind, member in found:
            last = member.rsplit(" ", 1)[0].rsplit(".", 1)[-1]
            if kind == "name" and not SUSPICIOUS.search(last):
                continue
            if kind == "pointer" or not pointers_only:
                print("\t%s %s" % (kind, member))


if __name__ == "__main__":
    main()
