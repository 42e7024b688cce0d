"""RFC 6455 and RFC 7692 over wss, frame by frame: one program for all tests of a process, with its fixtures from tests/integration."""
import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

INTEGRATION = Path(__file__).resolve().parents[1] / "integration"
sys.path[:0] = [str(INTEGRATION), str(Path(__file__).parent)]
_spec = importlib.util.spec_from_file_location("integration_fixtures", INTEGRATION / "conftest.py")
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
run_directory, pki = _fixtures.run_directory, _fixtures.pki

from play import ALONE, LIMITS, TAKEOVER  # noqa: E402
from support.backend import Backend, reverseproxy  # noqa: E402
from support.gate import ECHO, Gate, document, web  # noqa: E402
from support.wire import WebSocketWire  # noqa: E402



class Door:
    def __init__(self, gate, pki):
        self.gate, self.pki = gate, pki

    def open(self, path, headers=()):
        return WebSocketWire(self.gate.port, self.pki.client()).open(path, headers)


@pytest.fixture(scope="session")
def door(pki):
    """A gate that echoes by itself and through a relay, and with options on paths of their own. Its end is the leak test."""
    directory = Path(tempfile.mkdtemp(prefix="crossgate-"))
    directory.chmod(0o755)
    with Backend() as backend:
        gate = Gate(directory)
        try:
            gate.start(document(web({
                "echo": ECHO,
                "relay": reverseproxy(backend),
                "polite": {**ECHO, "options": {"echo_close_codereason": True}},
                "fragments": {**ECHO, "options": {"auto_fragment_size": 1300}},
                "limits": {**ECHO, "options": LIMITS},
                "packed": {**ECHO, "options": TAKEOVER},
                "alone": {**ECHO, "options": ALONE},
                "packed-relay": reverseproxy(backend, options=TAKEOVER, backend_options=TAKEOVER),
                "alone-relay": reverseproxy(backend, options=ALONE, backend_options=ALONE),
            }, tls=pki.tls("ec"))), workers=2)
            yield Door(gate, pki)
        finally:
            gate.stop()
            shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(params=["/echo", "/relay"])
def path(request):
    return request.param


@pytest.fixture(params=["whole", "octets"])
def cut(request):
    """How frames are sent: as they are, or one byte per TLS record."""
    return request.param
