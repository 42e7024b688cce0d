"""A program at a terminal: what it shows is collected, and what somebody types is sent when it asks."""
import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

TIMEOUT = 60


def _take_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    def __init__(self, words, cwd, env=None):
        self.screen = ""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
        self.slave = slave
        self.process = subprocess.Popen(list(map(str, words)), stdin=slave, stdout=slave, stderr=slave, cwd=cwd,
                                        preexec_fn=_take_terminal, env={**os.environ, **(env or {})})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT)
        self._hang_up()
        os.close(self.master)

    def _hang_up(self):
        if self.slave is not None:
            os.close(self.slave)
            self.slave = None

    def _read(self, wait):
        """Whether there was anything."""
        is_there = bool(select.select([self.master], [], [], wait)[0])
        if is_there:
            self.screen += os.read(self.master, 65536).decode(errors="replace")
        return is_there

    def expect(self, text):
        """Waits until the text is shown; what stands before it has been read."""
        deadline = time.monotonic() + TIMEOUT
        while text not in self.screen:
            assert time.monotonic() < deadline, f"{text!r} is not shown, but {self.screen!r}"
            self._read(0.1)
        self.screen = self.screen.split(text, 1)[1]

    def type(self, text):
        os.write(self.master, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def end(self):
        """Its exit status, with all that it showed in `screen`."""
        deadline = time.monotonic() + TIMEOUT
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end: {self.screen!r}"
            self._read(0.05)
        # The kernel passes on what was written a moment later. When nobody has the other side any more there is an error behind the last of it.
        self._hang_up()
        with contextlib.suppress(OSError):
            while self._read(TIMEOUT):
                pass
        return self.process.returncode
