"""Reads what callgrind has dumped: instructions by object and by function."""
import os
import re
from collections import Counter


class Profile:
    """Counters of instructions. Functions are (object, name); `inclusive` has those of the callees in it."""

    def __init__(self):
        self.objects, self.functions, self.inclusive = Counter(), Counter(), Counter()

    def add(self, other, factor):
        for mine, others in ((self.objects, other.objects), (self.functions, other.functions), (self.inclusive, other.inclusive)):
            for key, count in others.items():
                mine[key] += count * factor
        return self


def library(path):
    """libcrypto of /usr/lib/…/libcrypto.so.3; crossgate of …/crossgate."""
    return re.sub(r"[-.](so|\d).*", "", os.path.basename(path)) or "???"


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


def read(path):
    profile, objects, names = Profile(), Names(), Names()
    place = callee_object = callee = None
    object_now = ""
    is_call = False
    with open(path, errors="replace") as file:
        for line in file:
            line = line.rstrip("\n")
            key, equals, value = line.partition("=")
            if equals and key == "ob":
                object_now = library(objects(value))
            elif equals and key == "fn":
                place, callee_object = (object_now, names(value)), None
            elif equals and key == "cob":
                callee_object = library(objects(value))
            elif equals and key == "cfn":
                callee = (callee_object or object_now, names(value))
                callee_object = None
            elif equals and key == "calls":
                is_call = True
            elif line[:1].isdigit() or line[:1] in "+-*" and line:
                cost = int(line.split()[1])
                if not is_call:
                    profile.objects[place[0]] += cost
                    profile.functions[place] += cost
                if not (is_call and callee == place):
                    profile.inclusive[place] += cost
                is_call = False
    return profile
