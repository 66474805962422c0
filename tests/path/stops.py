"""Run by gdb: the source files on the stack between a call of the application and the innermost functions."""

import os
import re

import gdb

LIMIT = 10
# Maximum number of times that one function is looked at.
HITS = 20
ROOT = os.environ["STDWS_ROOT"] + "/src/"
# The innermost functions: the system calls, and what touches each byte of a payload or of a header.
SYMBOLS = ["recv", "send", "writev", "write", "read"]
FILES = ["codec/mask.rs", "codec/utf8.rs", "codec/frame.rs"]
stacks = {"received": set(), "sent": set()}


def files_of_stop():
    """The direction, if the application's call is on the stack, and the files from there inward, each once."""
    files = []
    frame = gdb.selected_frame()
    while frame is not None:
        name = frame.name() or ""
        for direction in stacks:
            if name.endswith("::path_" + direction):
                return direction, tuple(dict.fromkeys(reversed(files)))
        symtab = frame.find_sal().symtab
        path = symtab.fullname() if symtab else ""
        if path.startswith(ROOT):
            files.append(path[len(ROOT) :])
        frame = frame.older()
    return None, ()


class Innermost(gdb.Breakpoint):
    def stop(self):
        direction, files = files_of_stop()
        if files:
            stacks[direction].add(files)
        # A function that is called for each block of a payload would take minutes.
        if self.hit_count >= HITS:
            self.enabled = False
        return False


for line in ["pagination off", "confirm off", "print thread-events off", "debuginfod enabled off"]:
    gdb.execute("set " + line)
for symbol in SYMBOLS:
    Innermost(symbol)
for file in FILES:
    with open(ROOT + file) as source:
        code = source.read().split("#[cfg(test)]")[0].splitlines()
    for number, line in enumerate(code, 1):
        if re.match(r"\s*pub\(\w+\) (const )?fn ", line):
            Innermost(source=file, line=number)
gdb.execute("run", to_string=True)
failed = False
for direction, found in stacks.items():
    # A stack that is a part of another one says nothing new.
    whole = sorted(stack for stack in found if not any(set(stack) < set(other) for other in found))
    calls = {pair for stack in found for pair in zip(stack, stack[1:])}
    back = sorted(pair for pair in calls if pair[::-1] in calls and pair < pair[::-1])
    files = {file for stack in whole for file in stack}
    ok = bool(whole) and all(len(stack) <= LIMIT for stack in whole) and not back
    failed = failed or not ok
    longest = max(map(len, whole), default=0)
    print(f"path: {direction}: at most {longest} files on a stack, {len(files)} in all: {'ok' if ok else 'FAILED'}")
    for stack in whole:
        print("path:   " + " > ".join(stack))
    for pair in back:
        print("path:   both call each other: " + ", ".join(pair))
gdb.execute(f"quit {int(failed)}")
