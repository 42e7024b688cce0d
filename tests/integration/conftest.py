import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from support import pki as pki_module
from support.gate import Gate, document, is_sanitized


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory):
    """One directory per run, common to all processes of the run, short enough for Unix sockets."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def pki(run_directory):
    return pki_module.shared(run_directory / "pki")


@pytest.fixture(scope="session")
def sanitized():
    """Whether the program carries sanitizers: then its memory is not a measure."""
    return is_sanitized()


@pytest.fixture
def directory():
    """A directory that unprivileged workers can reach."""
    path = Path(tempfile.mkdtemp(prefix="crossgate-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def crossgate(directory):
    """crossgate(transport…, workers=2, words=(), limits={…}, …) starts the program; its end is checked after the test."""
    gates = []

    def start(*transports, workers=2, words=(), env=None, files=None, kind="router", config=None, home=None, wait=True, **extension):
        home = home or (directory / f"node{len(gates)}" if gates else directory)
        home.mkdir(exist_ok=True)
        gate = Gate(home)
        gates.append(gate)
        gate.start(config or document(*transports, kind=kind, **extension), workers, words, env, files, wait)
        return gate

    start.gates = gates
    yield start
    troubles = []
    for gate in gates:
        try:
            gate.stop()
        except AssertionError as trouble:
            troubles.append(str(trouble))
    assert not troubles, "\n".join(troubles)


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the program said."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and "crossgate" in getattr(item, "funcargs", {}):
        for gate in item.funcargs["crossgate"].gates:
            report.sections.append((f"crossgate {gate.directory}", gate.out + gate.log[-8000:]))


def pytest_collection_modifyitems(items):
    """Long tests are spread over the first half of all, so that no process gets many of them, or is left alone with one in the end."""
    long = [item for item in items if item.get_closest_marker("long")]
    short = [item for item in items if not item.get_closest_marker("long")]
    step = len(short) // 2 // max(1, len(long))
    for place, item in enumerate(long):
        short.insert(place * (step + 1), item)
    items[:] = short


def pytest_configure():
    # Started with signals ignored (nohup, background shells), children would ignore them, too.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
