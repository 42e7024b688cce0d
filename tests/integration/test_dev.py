"""crossgate dev: HTTPS and WSS on this machine in one command, with an authority of one's own."""
import os
import shutil
import signal
import ssl
import stat
import subprocess
import threading

import pytest

from support import chromium, ports
from support.backend import Backend
from support.gate import binary, run
from support.origin import Origin
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, Wire, frame

pytestmark = pytest.mark.checked


class Dev:
    """One `crossgate dev`, of a user whose home is `home`."""

    def __init__(self, home, *words, port=None, env=None):
        self.port = port or ports.take()
        self.home = home
        self.out = self.log = ""
        runtime = home / "run"
        runtime.mkdir(exist_ok=True)
        self.env = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), **(env or {})}
        self.env.pop("XDG_DATA_HOME", None)
        self.process = subprocess.Popen([binary(), "dev", *map(str, words), "--port", str(self.port)], env=self.env, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=home)
        self._readers = [threading.Thread(target=self._read, args=("out", self.process.stdout), daemon=True),
                         threading.Thread(target=self._read, args=("log", self.process.stderr), daemon=True)]
        for reader in self._readers:
            reader.start()

    def _read(self, where, stream):
        for line in stream:
            setattr(self, where, getattr(self, where) + line)

    @property
    def authority(self):
        return self.home / ".local/share/crossgate/dev/ca.pem"

    def client(self):
        return ssl.create_default_context(cafile=self.authority)

    def __enter__(self):
        eventually(lambda: "Ctrl-C" in self.out or self.process.poll() is not None)
        assert self.process.poll() is None, self.out + self.log
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.log
        for reader in self._readers:
            reader.join(60)
        assert "Sanitizer" not in self.log and "runtime error" not in self.log, self.log
        assert not list((self.home / "run").iterdir()), "left behind"


@pytest.fixture
def home(directory):
    path = directory / "home"
    path.mkdir()
    (path / "public").mkdir()
    (path / "public/index.html").write_text("the page")
    return path


def test_directory_is_served_over_https(home):
    with Dev(home, "public") as dev:
        assert f"https://localhost:{dev.port}/" in dev.out and str(home / "public") in dev.out
        assert dev.log == ""  # no notes on a configuration that nobody has written
        for host, name in (("127.0.0.1", "localhost"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
            with Wire(dev.port, dev.client(), host=host, server_name=name) as wire:
                answer = wire.request("/")
                assert answer.body == b"the page" and answer.get("Cache-Control") == "max-age=0"
        # What was changed is seen at once.
        (home / "public/index.html").write_text("another page")
        with Wire(dev.port, dev.client()) as wire:
            assert wire.request("/").body == b"another page"


def test_current_directory_is_listed(home):
    with Dev(home) as dev, Wire(dev.port, dev.client()) as wire:
        listing = wire.request("/").body
        assert b"public" in listing and b".local" not in listing


def test_files_first_then_the_application(home):
    with Backend() as backend, Dev(home, "public", "--proxy", backend.port) as dev:
        with Wire(dev.port, dev.client()) as wire:
            assert wire.request("/").body == b"the page"
        with WebSocketWire(dev.port, dev.client()) as wire:
            wire.open("/socket?x=1").send(frame(TEXT, "hello"))
            assert wire.message() == (TEXT, b"hello")
        assert [path for path, _ in backend.requests] == ["/socket?x=1"]
        assert backend.requests[0][1]["X-Forwarded-Proto"] == "https"


@pytest.mark.parametrize("form", ["{port}", "localhost:{port}", "http://127.0.0.1:{port}", "http://localhost:{port}/", "http://[::1]:{port}/base"])
def test_application_alone(home, form):
    """It may be late, and listen on one of localhost's addresses only."""
    port = ports.take()
    with Dev(home, "--proxy", form.format(port=port)) as dev:
        assert f"everything from {'port ' if form == '{port}' else ''}{form.format(port=port)}" in dev.out
        with Wire(dev.port, dev.client()) as wire:
            assert wire.request("/api?x=1").status == 503
        if "::1" in form:
            return
        with Origin(port=port) as origin, Wire(dev.port, dev.client()) as wire:
            assert wire.request("/api?x=1", "POST", body=b"order").body == b"hello"
            assert [request.target for request in origin.requests] == ["/api?x=1"]


def test_authority_is_made_once_and_is_good_for_private_names_only(home):
    with Dev(home, "public") as dev:
        first = dev.authority.read_bytes()
        key = dev.authority.with_name("ca.key")
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
        text = subprocess.run(["openssl", "x509", "-in", dev.authority, "-noout", "-text"], capture_output=True, text=True).stdout
        assert "CA:TRUE, pathlen:0" in text and "DNS:localhost" in text and "IP:127.0.0.0/255.0.0.0" in text
        leaf = ssl.get_server_certificate(("127.0.0.1", dev.port))
    with Dev(home, "public", "--name", "my.app.localhost", "--name", "10.1.2.3") as dev:
        assert dev.authority.read_bytes() == first
        assert ssl.get_server_certificate(("127.0.0.1", dev.port)) != leaf
        assert "https://my.app.localhost:" in dev.out
        for name in ("my.app.localhost", "10.1.2.3"):
            with Wire(dev.port, dev.client(), server_name=name) as wire:
                assert wire.request("/").body == b"the page"


def test_authority_near_its_end_is_made_anew(home):
    with Dev(home, "public") as dev:
        pass
    key = dev.authority.with_name("ca.key")
    subprocess.run(["openssl", "x509", "-in", dev.authority, "-signkey", key, "-days", "29", "-out", home / "short.pem"],
                   check=True, capture_output=True)
    os.replace(home / "short.pem", dev.authority)
    old = key.read_bytes()
    with Dev(home, "public") as dev, Wire(dev.port, dev.client()) as wire:
        assert wire.request("/").body == b"the page" and key.read_bytes() != old


def test_names_of_the_network_are_in_the_certificate(home):
    with Dev(home, "public", "--lan") as dev:
        with Wire(dev.port, dev.client()) as wire:
            assert wire.request("/").body == b"the page"
        listening = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True).stdout if shutil.which("ss") else ""
        assert not listening or f"0.0.0.0:{dev.port}" in listening


@pytest.mark.parametrize("words, said", [
    (("nowhere",), "nowhere cannot be served"),
    (("3000",), "crossgate dev --proxy 3000"),
    (("public/index.html",), "is no directory"),
    (("a", "b"), "surplus"),
    (("--port", "0"), "--port"),
    (("--proxy", "localhost"), "write a port, or a URL"),
    (("--proxy", "ws://x"), "write a port, or a URL"),
    (("--proxy", "ws://x:80"), "write a port, or a URL"),
    (("--proxy", "http://"), "write a port, or a URL"),
    (("--proxy", "http://x:99999"), "write a port, or a URL"),
    (("--name", "example.com"), "is not for development"),
    (("--name", "8.8.8.8"), "is not for development"),
    (("--name", "https://a.localhost"), "leave the scheme out"),
    (("--stores", "windows"), "--stores"),
])
def test_mistakes_are_told(home, words, said):
    (home / "run").mkdir(exist_ok=True)
    env = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run")}
    done = run("dev", *words, cwd=home, env=env)
    assert done.returncode in (1, 2) and said in done.stderr, done.stderr
    assert not list((home / "run").iterdir())


def test_port_that_is_in_use_is_told(home):
    with Origin() as origin:
        (home / "run").mkdir(exist_ok=True)
        env = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run")}
        done = run("dev", "public", "--port", origin.port, cwd=home, env=env)
        assert done.returncode == 1 and "in use" in done.stderr
        assert not list((home / "run").iterdir())


# Trust

def nss(home):
    listed = subprocess.run(["certutil", "-L", "-d", f"sql:{home}/.pki/nssdb"], capture_output=True, text=True)
    return [line for line in listed.stdout.splitlines() if "crossgate-dev" in line]


def test_trust_of_firefox_and_chromium_and_back(home):
    profile = home / ".mozilla/firefox/abc.default"
    profile.mkdir(parents=True)
    subprocess.run(["certutil", "-N", "-d", f"sql:{profile}", "--empty-password"], check=True)
    with Dev(home, "public", "--trust", "--stores", "nss") as dev:
        assert "Firefox and Chromium: the development authority is trusted" in dev.out
        assert len(nss(home)) == 1 and nss(home)[0].split()[-1] == "C,,"
        listed = subprocess.run(["certutil", "-L", "-d", f"sql:{profile}"], capture_output=True, text=True).stdout
        assert "crossgate-dev" in listed
    with Dev(home, "public", "--trust", "--stores", "nss"):
        assert len(nss(home)) == 1
    done = run("dev", "--untrust", "--stores", "nss", env=dev.env)
    assert done.returncode == 0 and not nss(home), done.stderr
    done = run("dev", "--untrust", "--stores", "nss", env=dev.env)
    assert done.returncode == 0


def test_store_that_cannot_be_changed_keeps_nobody_from_serving(home):
    """A database that is none."""
    profile = home / ".mozilla/firefox/broken"
    profile.mkdir(parents=True)
    (profile / "cert9.db").write_text("no database")
    with Dev(home, "public", "--trust", "--stores", "nss") as dev, Wire(dev.port, dev.client()) as wire:
        assert wire.request("/").body == b"the page"
        assert "certutil could not change all databases" in dev.log and "curl --cacert" in dev.out
        assert len(nss(home)) == 1


@pytest.mark.long
def test_trust_of_java_and_back(home):
    keytool = shutil.which("keytool")
    if not keytool:
        pytest.skip("no Java here")
    java = home / "java"
    (java / "bin").mkdir(parents=True)
    (java / "lib/security").mkdir(parents=True)
    (java / "bin/keytool").symlink_to(keytool)
    store = java / "lib/security/cacerts"
    subprocess.run([keytool, "-genkeypair", "-keystore", store, "-storepass", "changeit", "-alias", "other", "-dname", "CN=other",
                    "-keyalg", "EC"], check=True, capture_output=True)

    def listed():
        return subprocess.run([keytool, "-list", "-keystore", store, "-storepass", "changeit"], capture_output=True, text=True).stdout

    with Dev(home, "public", "--trust", "--stores", "java", env={"JAVA_HOME": str(java)}) as dev:
        assert "Java: the development authority is trusted" in dev.out and "crossgate-dev" in listed()
    assert run("dev", "--untrust", "--stores", "java", env=dev.env, timeout=60).returncode == 0
    assert "crossgate-dev" not in listed() and "other" in listed()


# In a mount namespace of its own, so that this machine's store stays as it is.
SYSTEM = """set -e
mount --make-rprivate /
mount -t tmpfs none /usr/local/share/ca-certificates
cp -a /etc/ssl "$HOME/ssl" && mount --bind "$HOME/ssl" /etc/ssl
"$CROSSGATE" dev public --port "$PORT" --trust --stores system >out 2>err &
for i in $(seq 300); do grep -q Ctrl-C out && break; sleep 0.1; done
curl -sS "https://localhost:$PORT/"
"$CROSSGATE" dev --untrust --stores system >/dev/null
curl -sS "https://localhost:$PORT/" >/dev/null 2>&1 && echo "still trusted"
kill -INT $! && wait $!
ls -A /usr/local/share/ca-certificates
"""


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.isdir("/usr/local/share/ca-certificates"), reason="wants root, and Debian's store")
@pytest.mark.long
def test_trust_of_the_system_and_back(home):
    if subprocess.run(["unshare", "--mount", "mount", "--make-rprivate", "/"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespaces here")
    env = {**os.environ, "HOME": str(home), "CROSSGATE": binary(), "PORT": str(ports.take())}
    env.pop("XDG_DATA_HOME", None)
    done = subprocess.run(["unshare", "--mount", "bash", "-c", SYSTEM], cwd=home, env=env, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "the page"), done.stdout + done.stderr + (home / "err").read_text()


ECHO_ON_PAGE = """new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${location.host}/socket`)
    socket.onopen = () => socket.send("padlock")
    socket.onmessage = event => { document.body.textContent = `echo: ${event.data}`; resolve(event.data) }
    socket.onerror = () => reject(new Error("no WebSocket"))
})"""


@pytest.mark.skipif(not chromium.PATH, reason="no Chromium here")
def test_chromium_shows_a_padlock_and_a_script_echoes(home):
    with Backend() as backend, Dev(home, "public", "--proxy", backend.port, "--trust", "--stores", "nss") as dev:
        picture = home / "page.png"
        with chromium.Chromium(home, {**dev.env, "XDG_RUNTIME_DIR": str(home)}) as browser:
            security, title, echo = browser.visit(f"https://localhost:{dev.port}/", "document.body.textContent", ECHO_ON_PAGE,
                                                  screenshot=picture)
        assert (security, title.strip(), echo) == ("secure", "the page", "padlock")
        assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 1000


@pytest.mark.skipif(not chromium.PATH, reason="no Chromium here")
def test_chromium_without_trust_refuses(home):
    with Dev(home, "public") as dev, chromium.Chromium(home, {**dev.env, "XDG_RUNTIME_DIR": str(home)}) as browser:
        with pytest.raises(AssertionError, match="ERR_CERT_AUTHORITY_INVALID"):
            browser.visit(f"https://localhost:{dev.port}/")
