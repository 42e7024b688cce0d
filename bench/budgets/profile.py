"""Reads what callgrind has dumped: instructions by library and by function, and who asks for memory."""
import os
import re
from collections import Counter


ALLOCATORS = {"malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign"}


class Profile:
    """Instructions by library and by function, which is (library, name); `inclusive` has those of the callees in it.
    `allocations` are calls of malloc and its like, by the library that calls."""

    def __init__(self):
        self.libraries, self.functions, self.inclusive, self.allocations = Counter(), Counter(), Counter(), Counter()

    def add(self, other, factor):
        for name, counter in vars(other).items():
            for key, count in counter.items():
                getattr(self, name)[key] += count * factor
        return self


def library(path):
    """libcrypto of /usr/lib/…/libcrypto.so.3; crossgate of …/crossgate. Unknown is what lies between the libraries' functions."""
    return re.sub(r"[-.](so|\d).*", "", os.path.basename(path).replace("???", "unknown"))


class Names:
    """Callgrind writes "(12) name" once, and "(12)" from then on."""

    def __init__(self):
        self._known = {}

    def __call__(self, text):
        number, _, name = text.partition(" ")
        if not number.startswith("("):
            return text
        if name:
            self._known[number] = name
        return self._known[number]


class Reader:
    """What is known while a dump is read: whose lines these are, and whom they call."""

    def __init__(self):
        self.profile = Profile()
        self._objects, self._names = Names(), Names()
        self._library = self._function = self._callee_library = self._callee = None
        self._calls = None  # 0 where a call was under way when the dump before was taken

    def take(self, key, value):
        """A line "key=value"; those that are not named here tell of source files."""
        if key == "ob":
            self._library = library(self._objects(value))
        elif key == "fn":
            self._function, self._callee_library = (self._library, self._names(value)), self._library
        elif key == "cob":
            self._callee_library = library(self._objects(value))
        elif key == "cfn":
            self._callee, self._callee_library = (self._callee_library, self._names(value)), self._library
        elif key == "calls":
            self._calls = int(value.split()[0])

    def count(self, cost):
        """A line of costs: the function's own, or after calls= those of whom it calls."""
        if self._calls is None:
            self.profile.libraries[self._library] += cost
            self.profile.functions[self._function] += cost
        elif self._callee[1] in ALLOCATORS and self._function[1] not in ALLOCATORS:
            self.profile.allocations[self._library] += self._calls
        if self._calls is None or self._callee != self._function:
            self.profile.inclusive[self._function] += cost
        self._calls = None


def read(path):
    reader = Reader()
    with open(path, errors="replace") as file:
        for line in file:
            key, equals, value = line.rstrip("\n").partition("=")
            if equals:
                reader.take(key, value)
            elif line[0] in "+-*0123456789":
                reader.count(int(line.split()[1]))
    return reader.profile
