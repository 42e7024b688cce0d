"""The load: `crossgate bench … --json`, and what it says."""
import json
import os
import subprocess

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
        return self.begin(mode, url, server, options).end()

    def begin(self, mode, url, server, options, gives_way=False):
        """One that runs until its `end`, or is dropped; `gives_way`: to whatever else wants its cores."""
        command = pinned(self.command(mode, url, server, options), self.cores)
        return Measurement(command, options.get("seconds", 0) + options.get("warm_up", 0) + PATIENCE, gives_way)


class Measurement:
    def __init__(self, command, seconds, gives_way):
        self.command, self.seconds = command, seconds
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if gives_way:
            os.sched_setscheduler(self.process.pid, os.SCHED_IDLE, os.sched_param(0))

    def end(self):
        try:
            out, complaints = self.process.communicate(timeout=self.seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the load did not end within {self.seconds:.0f} s") from None
        finally:
            self.drop()
        try:
            result = json.loads(out)
        except ValueError:
            said = (complaints.strip().splitlines() or ["it said nothing"])[-1]
            raise Failure(f"the load ended with {self.process.returncode}: {said[:300]}") from None
        judge(result)
        return {"command": " ".join(self.command), **result}

    def drop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def judge(result):
    """Figures of a run with errors are figures of something else."""
    errors = result.get("errors") or 0
    if errors:
        raise Failure(f"{errors} errors beside {result.get('operations')} operations: {result.get('first_error')}")
    if not result.get("operations"):
        raise Failure("nothing was done in the time")
