"""Builds the echo servers over libraries, and the bare one: bench/peers/*.{c,cpp}, into build/bench-peers, when something they are made of is newer."""
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .programs import output

PEERS = Path(__file__).resolve().parents[1] / "peers"


@dataclass(frozen=True)
class Outcome:
    program: str = ""
    library: str = ""
    why: str = ""


def built(root, name, source=None):
    """The program, or why there is none."""
    home = root / "build/bench-peers"
    home.mkdir(parents=True, exist_ok=True)
    program = home / name
    make = {"bare": bare, "libwebsockets": libwebsockets, "uwebsockets": uwebsockets}[name]
    try:
        return Outcome(str(program), make(program, source))
    except (subprocess.CalledProcessError, OSError, LookupError) as trouble:
        return Outcome(why=getattr(trouble, "stderr", None) or str(trouble))


def bare(program, _):
    make(program, [["cc", "-O3", "-o", program, PEERS / "bare.c", "-lssl", "-lcrypto"]], [PEERS / "bare.c"])
    return "over OpenSSL " + output(["pkg-config", "--modversion", "libssl"]).strip()


def libwebsockets(program, _):
    version = output(["pkg-config", "--modversion", "libwebsockets"]).strip(" -\n")
    if not version[:1].isdigit():
        raise LookupError("libwebsockets-dev is not installed: scripts/install-packages --bench")
    make(program, [["cc", "-O3", "-o", program, PEERS / "libwebsockets.c", "-lwebsockets", "-lssl", "-lcrypto"]],
         [PEERS / "libwebsockets.c"])
    return version


def uwebsockets(program, source):
    """With the flags of its own makefiles; its sources are where --uwebsockets says, uSockets within or beside."""
    if source is None:
        raise LookupError("its source was not named: --uwebsockets")
    sockets = next((path for path in (source / "uSockets/src", source.parent / "uSockets/src") if (path / "libusockets.h").exists()), None)
    if sockets is None or not (source / "src/App.h").exists():
        raise LookupError(f"{source} is no checkout of uWebSockets with uSockets within or beside it")
    objects = program.parent / "usockets"
    objects.mkdir(exist_ok=True)
    flags = ["-O3", "-march=native", "-flto=auto", "-DLIBUS_USE_OPENSSL", "-I", sockets]
    parts = [*sockets.glob("*.c"), *sockets.glob("eventing/*.c"), *sockets.glob("crypto/*.c")]
    echo = PEERS / "uwebsockets.cpp"
    make(program,
         [["cc", *flags, "-std=c11", "-c", *parts],
          ["c++", *flags, "-std=c++17", "-c", *sockets.glob("crypto/*.cpp")],
          ["c++", *flags, "-std=c++2b", "-DUWS_NO_ZLIB", "-I", source / "src", "-o", program, echo,
           *(objects / part.with_suffix(".o").name for part in (*parts, *sockets.glob("crypto/*.cpp"))), "-lssl", "-lcrypto"]],
         [echo, source / "src/App.h", sockets / "libusockets.h"], objects)
    return output(["git", "-C", str(source), "describe", "--tags", "--always"]).strip() or "of unknown version"


def make(program, commands, sources, directory=None):
    if program.exists() and all(path.stat().st_mtime <= program.stat().st_mtime for path in sources):
        return
    for words in commands:
        subprocess.run([str(word) for word in words], cwd=directory, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
