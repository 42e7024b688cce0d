"""The table: what is measured of whom, and which goals it has. A row that is not here is not measured anywhere."""
from dataclasses import dataclass, field, replace

from . import goals
from .candidates import Setup

TLS13 = {"tls": "1.3", "ciphers": "TLS_AES_128_GCM_SHA256", "groups": "X25519"}
# The curve of the key must be among the groups.
ECDHE_ECDSA = {"tls": "1.2", "ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256", "groups": "X25519:P-256"}
ECDHE_RSA = {"tls": "1.2", "ciphers": "ECDHE-RSA-AES128-GCM-SHA256", "groups": "X25519"}
DHE = {"tls": "1.2", "ciphers": "DHE-RSA-AES128-GCM-SHA256", "groups": "X25519"}
MSGPACK = {"header": "Sec-WebSocket-Protocol: wamp.2.msgpack"}

OURS_AND_BARE = ("crossgate", "other build", "bare")    # no peers
EVERYBODY = (*OURS_AND_BARE, "nginx", "haproxy", "hitch", "stunnel", "uwebsockets", "libwebsockets", "ws")
ECHOING = (*OURS_AND_BARE, "uwebsockets", "libwebsockets", "ws")
FORKING = (*OURS_AND_BARE, "uwebsockets")       # echo, with several workers
RELAYING = ("crossgate", "other build", "nginx", "haproxy", "hitch", "stunnel")
SERVING_FILES = ("crossgate", "other build", "nginx")
PROXYING = ("crossgate", "other build", "nginx", "haproxy")
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
CALL = {"call/message": 1}
GET, RESUMED, AT_ONCE = {"get": True}, {"resumed": 100}, {"at_once": True}
DESCRIPTORS = 101_000       # that the largest crowd needs
SPARE_DESCRIPTORS = 1000
MANY, PROCESSES = 50_000, 8  # connections, and of server and load for them at most


@dataclass(frozen=True)
class Contender:
    """One column of a row: a candidate, and where its setup or load is another than the row's."""
    label: str
    candidate: str
    setup: dict = field(default_factory=dict)
    load: dict = field(default_factory=dict)
    crowd: int = 0              # WebSockets that are open meanwhile
    is_peer: bool = True


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    unit: str
    measure: str                # a function of measures.py
    mode: str                   # of the generator
    setup: Setup
    load: dict
    contenders: tuple
    goals: tuple = ()
    floor: dict = field(default_factory=dict)   # {name of bench/floor: times}
    records: dict = field(default_factory=dict)  # the part of it that is no system call, where a goal speaks of that
    storm: dict = field(default_factory=dict)   # the load of handshakes beside, of one
    file: int = 0               # bytes of the file that is asked for
    processes: int = 1          # of the load, for more connections than one may have
    rounds: int = 3             # at most, unless more are asked for; 1: only the first tells anything
    patience: int = 1           # times as long as other rows
    in_quick: bool = True       # false: so near to another row that it tells nothing more about whether all works

    def setup_of(self, contender):
        return replace(self.setup, **contender.setup)

    def load_of(self, contender):
        return {**self.load, **contender.load}


def alone(*labels_and_words):
    """Crossgate against itself."""
    return tuple(Contender(label, "crossgate", is_peer=False, **words) for label, words in labels_and_words)


def beside(names, *labels_and_words):
    """Others against themselves: what their cost grows by tells what the kernel has of it."""
    return tuple(Contender(f"{name}, {label}", name, is_peer=False, **words) for name in names for label, words in labels_and_words)


def all_of(names, **words):
    return tuple(Contender(name, name, is_peer=name not in OURS_AND_BARE, **words) for name in names)


def handshake(name, title, key, tls, floor, **words):
    return Row(name, title, "µs", "cpu", "handshakes", Setup("hello", key), {"connections": 32, **tls}, all_of(EVERYBODY),
               (goals.within_floor(1.10), goals.below_peers()), {floor: 1, "call/connection": 1}, **words)


def with_get(name, title, tls, floor):
    """A request after the handshake, as clients make it: whoever keeps a ticket back until then has given it."""
    return Row(name, title, "µs", "cpu", "handshakes", Setup("hello"), {"connections": 32, **tls}, all_of(EVERYBODY),
               (goals.below_peers(),), {floor: 1, "record/aes128gcm/64": 1, "call/connection": 1, "call/message": 1})


def echo(name, title, size, depth, connections, calls, *more_goals, **words):
    """A call of the kernel's for each record, but where messages come many at a time."""
    records = {f"record/aes128gcm/{min(size, 16 * KIB)}": max(size // (16 * KIB), 1)}
    return Row(name, title, "µs", "cpu", "echo", Setup("echo"), {"connections": connections, "depth": depth, "size": size, **TLS13},
               all_of(ECHOING), (goals.below_peers(), *more_goals), {**records, **calls}, records, **words)


def relay(name, title, size, depth, backend, **load):
    return Row(name, title, "µs", "cpu", "echo", Setup("relay", backend=backend),
               {"connections": 100, "depth": depth, "size": size, **TLS13, **load}, all_of(RELAYING), (goals.below_peers(),))


def proxied(name, title, connections, **words):
    return Row(name, title, "µs", "cpu", "requests", Setup("proxied"), {"connections": connections, "size": KIB, **TLS13},
               all_of(PROXYING), (goals.below_peers(),), **words)


def storm(name, title, measure, contenders, hellos, **words):
    """Several sources, since Crossgate refuses a single one that has very many costly handshakes waiting."""
    return Row(name, title, "ms", measure, "echo", Setup("relay", "rsa"), {"connections": 100, "size": 64, "rate": 1000, **TLS13},
               all_of(contenders),
               (goals.within(3, "crossgate", "crossgate", "at most 3 times the quiet p99", other_what="quiet"),
                goals.within(0.1, "crossgate", "nginx", "at most a tenth of nginx"),
                goals.within(0.1, "crossgate", "haproxy", "at most a tenth of HAProxy")),
               storm={"connections": 100, "sources": 4, **hellos}, rounds=2, **words)


def workers(name, title, mode, setup, load):
    one, two = ("one worker", {}), ("two workers", {"setup": {"workers": 2, "spread": True}})
    return Row(name, title, "µs", "balanced", mode, setup, {**load, **TLS13},
               (*alone(one, two), *beside(("bare",), one, two)), (goals.scales(1.9, one[0], two[0]),))


def growth(name, title, mode, setup, load, few, many, factor, text, others=(), **words):
    return Row(name, title, "µs", "cpu", mode, setup, {**load, **TLS13}, (*alone(few, many), *beside(others, few, many)),
               (goals.within(factor, many[0], few[0], text),), **words)


def table(descriptors):
    """All rows; those of crowds have as many connections as open files allow, and say how many. A relay needs two files for each."""
    room = descriptors - SPARE_DESCRIPTORS
    processes = min(-(-MANY // room), PROCESSES)
    return (*FIXED, *of_crowds(min(20000, room), min(20000, room // 2)), *of_many(min(MANY, processes * room), processes))


FIXED = (
    handshake("handshake-tls13-ecdsa", "Handshake, TLS 1.3, ECDSA P-256", "ec", TLS13, "handshake/tls1.3-ecdsa"),
    handshake("handshake-tls13-rsa", "Handshake, TLS 1.3, RSA-2048", "rsa", TLS13, "handshake/tls1.3-rsa",
              in_quick=False),
    handshake("handshake-tls12-ecdsa", "Handshake, TLS 1.2, ECDHE, ECDSA P-256", "ec", ECDHE_ECDSA, "handshake/tls1.2-ecdhe-ecdsa"),
    handshake("handshake-tls12-rsa", "Handshake, TLS 1.2, ECDHE, RSA-2048", "rsa", ECDHE_RSA, "handshake/tls1.2-ecdhe-rsa",
              in_quick=False),
    handshake("handshake-tls12-dhe", "Handshake, TLS 1.2, DHE (ffdhe2048), RSA-2048", "rsa", DHE, "handshake/tls1.2-dhe-rsa"),
    with_get("handshake-tls13-ecdsa-get", "Handshake with a GET, TLS 1.3, ECDSA P-256", TLS13 | GET, "handshake/tls1.3-ecdsa-ticket"),
    with_get("resumed-tls13", "Resumed, TLS 1.3, with a GET", TLS13 | RESUMED, "handshake/tls1.3-resumed"),
    with_get("resumed-tls12", "Resumed, TLS 1.2, with a GET", ECDHE_ECDSA | RESUMED, "handshake/tls1.2-resumed"),
    echo("echo-64-1-100", "Echo, 64 B, 1 in flight, 100 connections", 64, 1, 100, CALL),
    echo("echo-64-16-100", "Echo, 64 B, 16 in flight, 100 connections", 64, 16, 100, {}),
    echo("echo-64-1-5000", "Echo, 64 B, 1 in flight, 5,000 connections", 64, 1, 5000, CALL, in_quick=False),
    echo("echo-64-16-5000", "Echo, 64 B, 16 in flight, 5,000 connections", 64, 16, 5000, {}, in_quick=False),
    echo("echo-16k", "Echo, 16 KiB, 100 connections", 16 * KIB, 1, 100, {"call/record": 1}, goals.share_of_floor(0.8)),
    echo("echo-1m", "Echo, 1 MiB, 16 connections", MIB, 1, 16, {"call/record": 64}, goals.share_of_floor(0.8)),
    relay("relay-websocket", "Relay to WebSocket, 64 B, 1 in flight, 100 connections", 64, 1, "tcp"),
    relay("relay-websocket-16k", "Relay to WebSocket, 16 KiB, 100 connections", 16 * KIB, 1, "tcp"),
    relay("relay-rawsocket", "Relay to RawSocket, 64 B, 1 in flight, 100 connections (peers: tunnel)", 64, 1, "rawsocket", **MSGPACK),
    Row("get-1k", "GET, 1 KiB, static, kept alive", "µs", "cpu", "requests", Setup("static"), {"connections": 100, **TLS13},
        (*all_of(SERVING_FILES), Contender("nginx, files kept open", "nginx", setup={"cached": True})), (goals.below_peers(),), file=KIB),
    proxied("get-proxied-1k", "GET, 1 KiB, from a backend over TCP, kept alive on both sides, 100 connections", 100),
    proxied("get-proxied-1k-alone", "The same, 1 connection", 1, in_quick=False),
    Row("bulk", "Download of a large file", "ms/GiB", "bulk", "bulk", Setup("static"), {"connections": 1, **TLS13},
        all_of(SERVING_FILES), (goals.at_or_above("nginx"),), file=GIB, patience=4),
    storm("storm-ecdhe", "p99 of a relayed echo, quiet → during a storm of handshakes (ECDHE-RSA)", "storm", RELAYING, ECDHE_RSA),
    storm("storm-dhe", "p99 of a relayed echo, quiet → during a storm of handshakes (DHE only)", "storm", RELAYING, DHE, in_quick=False),
    storm("storm-waves-ecdhe", "p99 of a relayed echo, quiet → while 100 handshakes at a time begin at once (ECDHE-RSA)", "waves", PROXYING,
          ECDHE_RSA | AT_ONCE, in_quick=False),
    storm("storm-waves-dhe", "p99 of a relayed echo, quiet → while 100 handshakes at a time begin at once (DHE only)", "waves", PROXYING,
          DHE | AT_ONCE, in_quick=False),
    workers("workers-handshake", "Two workers, handshakes", "handshakes", Setup("hello", "rsa"), {"connections": 32}),
    workers("workers-echo", "Two workers, echo of 64 B", "echo", Setup("echo"), {"connections": 100, "depth": 16, "size": 64}),
    growth("growth-certificates", "CPU per handshake by certificates", "handshakes", Setup("hello"), {"connections": 32},
           ("1 certificate", {}), ("1,000 certificates", {"setup": {"certificates": 999}}), 1.05,
           "independent of certificates: at most 1.05"),
)


def of_crowds(crowd, relayed):
    return (
        Row("idle-echo", f"Memory of an idle connection, {crowd:,} of them (peers without echo: HTTPS)", "KB", "memory", "idle",
            Setup("echo", idle=True), {"connections": crowd, **TLS13},
            (*all_of(ECHOING), Contender("nginx", "nginx", {"role": "hello"}), Contender("haproxy", "haproxy", {"role": "hello"})),
            (goals.at_most(15.5, "KB"), goals.below_peers()), rounds=1),
        Row("idle-relay", f"Memory of an idle relayed WebSocket, {relayed:,} of them, backend on a Unix socket", "KB", "memory", "idle",
            Setup("relay", backend="unix", idle=True), {"connections": relayed, **TLS13}, all_of(RELAYING),
            (goals.at_most(17.5, "KB"), goals.below_peers()), rounds=1),
    )


def of_many(many, processes):
    """More connections than one process may have, where that is so; few have as many processes as many, of the load and of the server, which share
    its core."""
    how = f", server and load in {processes} processes each" if processes > 1 else ""
    workers = {"workers": processes}
    return (
        Row("idle-many", f"Memory of an idle connection, {many:,} of them{how}", "KB", "memory", "idle", Setup("echo", idle=True, **workers),
            {"connections": many, "sources": 4, **TLS13}, all_of(FORKING), (goals.at_most(15.5, "KB"), goals.below_peers()),
            processes=processes, rounds=1, in_quick=False),
        growth("growth-connections", f"CPU per message by connections, all in use{how}", "echo", Setup("echo", **workers), {"size": 64},
               ("100 connections", {"load": {"connections": 100}}),
               (f"{many:,} connections", {"load": {"connections": many, "sources": 4}}), 1.3, "at most 1.3 times that of 100",
               others=("bare", "uwebsockets"), processes=processes, rounds=2, patience=4),
        growth("growth-open", f"CPU per handshake by open connections{how}", "handshakes", Setup("hello", **workers), {"connections": 32},
               ("none open", {}), (f"{many:,} open", {"crowd": many}), 1.05, "independent of open connections: at most 1.05", others=("bare",),
               processes=processes),
    )


ROWS = table(DESCRIPTORS)


def is_called(row, word):
    """By its name, or the first part of it: all of "echo"."""
    return row.name == word or row.name.startswith(f"{word}-")


def chosen(words, quick=False, descriptors=DESCRIPTORS):
    rows = table(descriptors)
    for word in words:
        if not any(is_called(row, word) for row in rows):
            raise LookupError(f"no row is called {word}: see --list")
    if words:
        return [row for row in rows if any(is_called(row, word) for word in words)]
    return [row for row in rows if row.in_quick or not quick]
