"""How much is measured: all that the table says, or as much as tells that it works."""
import os
from dataclasses import dataclass, replace

MIB = 1 << 20
NO_LIMIT = 1 << 40


@dataclass(frozen=True)
class Extent:
    rounds: int                     # at most, as the row says
    seconds: float
    warm_up: float
    connections: int = NO_LIMIT     # at most, as the rest
    certificates: int = NO_LIMIT
    file_bytes: int = NO_LIMIT
    asked_rounds: int = 0           # instead, where a row may have more than one

    def rounds_of(self, row):
        return self.asked_rounds if self.asked_rounds and row.rounds > 1 else min(self.rounds, row.rounds)

    def load(self, options, patience=1):
        limited = {"connections": min(options["connections"], self.connections)} if "connections" in options else {}
        return {**options, **limited, "seconds": self.seconds * patience, "warm_up": self.warm_up * patience}

    def setup(self, setup):
        return replace(setup, certificates=min(setup.certificates, self.certificates))

    def file(self, directory, size):
        """A file of that size, or of less, made if it is not there. What follows its first MiB is a hole: a cached page is one whatever it
        holds, and to write a GiB may take longer than to measure it."""
        size = min(size, self.file_bytes)
        path = directory / f"{size}.bin"
        if not path.exists():
            path.write_bytes(os.urandom(min(size, MIB)))
            os.truncate(path, size)
        return path


WHOLE = Extent(rounds=3, seconds=1.2, warm_up=0.2)
QUICK = Extent(rounds=1, seconds=0.15, warm_up=0.05, connections=500, certificates=50, file_bytes=64 * MIB)
