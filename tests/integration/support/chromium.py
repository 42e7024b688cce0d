"""Chromium without a screen, driven by its own protocol (DevTools): pages, scripts, what the padlock would show, screenshots."""
import asyncio
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import threading

import websockets

from .wait import eventually

PATH = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--remote-allow-origins=*",
         "--window-size=800,600"]


# Policies of an administrator are read below /etc only, so that this one is put there in a mount namespace of the browser's own.
WITH_POLICY = """mount -t tmpfs none /etc/chromium && mkdir -p /etc/chromium/policies/managed &&
printf %s "$POLICY" >/etc/chromium/policies/managed/policy.json && exec "$@"
"""


def can_have_policy():
    return os.path.isdir("/etc/chromium") and subprocess.run([*_namespace(), "true"], capture_output=True).returncode == 0


def _namespace():
    return ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


class Chromium:
    """`env` has the HOME whose NSS store is trusted. Its profile is below `directory`. `words`: more flags; `policy`: what an
    administrator of the machine demands."""

    def __init__(self, directory, env=None, *words, policy=None):
        self._log = ""
        command = [PATH, *FLAGS, *words, f"--user-data-dir={directory}/chromium", "about:blank"]
        if policy:
            command = [*_namespace(), "sh", "-c", WITH_POLICY, "sh", *command]
            env = {**(env or os.environ), "POLICY": json.dumps(policy)}
        self.process = subprocess.Popen(command, env=env, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self._log += line

    def __enter__(self):
        found = eventually(lambda: re.search(r"DevTools listening on (ws://\S+)", self._log))
        self._browser = found[1]
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self._reader.join(60)

    def visit(self, url, *scripts, screenshot=None, timeout=60):
        """Opens the page and awaits each script, whose values are returned, behind what the browser says of the connection's
        security. A PNG goes to `screenshot`."""
        return asyncio.run(asyncio.wait_for(self._visit(url, scripts, screenshot), timeout))

    async def _visit(self, url, scripts, screenshot):
        async with websockets.connect(self._browser, max_size=None) as socket:
            tab = _Tab(socket)
            target = (await tab.ask("Target.createTarget", url="about:blank"))["targetId"]
            tab.session = (await tab.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
            for domain in ("Page", "Security", "Runtime"):
                await tab.ask(f"{domain}.enable")
            failure = (await tab.ask("Page.navigate", url=url)).get("errorText")
            assert not failure, failure
            await tab.event("Page.loadEventFired")
            values = [await tab.evaluate(script) for script in scripts]
            if screenshot:
                picture = await tab.ask("Page.captureScreenshot", format="png")
                screenshot.write_bytes(base64.b64decode(picture["data"]))
            return [tab.security, *values]


class _Tab:
    def __init__(self, socket):
        self._socket, self._number, self.session = socket, 0, None
        self.security = None
        self._events = []

    async def _next(self):
        message = json.loads(await self._socket.recv())
        if message.get("method") == "Security.visibleSecurityStateChanged":
            self.security = message["params"]["visibleSecurityState"]["securityState"]
        return message

    async def ask(self, method, **params):
        self._number += 1
        await self._socket.send(json.dumps({"id": self._number, "method": method, "params": params,
                                            **({"sessionId": self.session} if self.session else {})}))
        while True:
            message = await self._next()
            if message.get("id") == self._number:
                assert "error" not in message, message["error"]
                return message["result"]
            self._events.append(message.get("method"))

    async def event(self, method):
        while method not in self._events:
            self._events.append((await self._next()).get("method"))

    async def evaluate(self, script):
        answer = await self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")
