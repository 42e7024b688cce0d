"""The load: `crossgate bench … --json`, and what it says."""
import json
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass

from .programs import Failure, pinned

PATIENCE = 120  # seconds, besides those that were asked for


def words_of(options):
    """{"handshake_rate": 5} becomes --handshake-rate 5."""
    words = []
    for name, value in options.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return words


class Load:
    """One generator, on cores of its own."""

    def __init__(self, program, cores, roots):
        self.program, self.cores, self.roots = str(program), cores, roots

    def command(self, mode, url, server, options):
        words = [self.program, "bench", mode, url, "--ca", str(self.roots), "--json", *words_of(options)]
        return words + (["--server", str(server)] if server else [])

    def run(self, mode, url, server, options):
        """One measurement: the generator's own object, with the command that made it."""
        with self.running(mode, url, server, options) as wait:
            return wait()

    @contextmanager
    def running(self, mode, url, server, options, gives_way=False):
        """The same, begun. Nothing is left running."""
        command = [*(["chrt", "--idle", "0"] if gives_way else []), *pinned(self.command(mode, url, server, options), self.cores)]
        seconds = options.get("seconds", 0) + options.get("warm_up", 0) + PATIENCE
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=hold_interrupts)
        try:
            yield Begun(process, command, seconds)
        finally:
            process.kill()
            process.communicate()


@dataclass(frozen=True)
class Begun:
    """A generator that runs: call it to wait for its end, or to end it early."""
    process: subprocess.Popen
    command: list
    seconds: float      # that it has

    def wait_until_ready(self):
        """Of one that was told to wait: until all of its connections are there, or it has given them up."""
        said = self.process.stderr.readline().strip()
        if said != "ready":
            raise Failure(f"the load was not ready: {said or 'it said nothing'}")

    def begin(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def __call__(self, early=False):
        if early:
            self.process.send_signal(signal.SIGINT)
        try:
            said, trouble = self.process.communicate(timeout=self.seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the load did not end within {self.seconds:.0f} s") from None
        return {"command": " ".join(self.command), **judged(said, trouble, self.process.returncode)}


def hold_interrupts():
    """The load asks for them when it reports, and ends with what it has; before its first report they would end it with nothing."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def judged(said, trouble, status):
    try:
        result = json.loads(said)
    except ValueError:
        last = (trouble.strip().splitlines() or ["it said nothing"])[-1]
        raise Failure(f"the load ended with {status}: {last[:300]}") from None
    judge(result)
    return result


def judge(result):
    """Figures of a run with errors are figures of something else. A download need not end within the time."""
    errors = result.get("errors") or 0
    if errors:
        raise Failure(f"{errors} errors beside {result.get('operations')} operations: {result.get('first_error')}")
    if not result.get("operations") and not result.get("bytes"):
        raise Failure("nothing was done in the time")
