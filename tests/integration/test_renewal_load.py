"""A certificate is renewed while thousands are connected, talk, come and go: nobody notices, and nothing is left of the old one."""
import asyncio
import os
import re
import resource

import pytest

from support.crowd import Crowd
from support.gate import ECHO, rss, web
from support.ocsp import Authority
from support.wait import eventually

from test_renewal import certbot, renewals, status

pytestmark = pytest.mark.released

RENEWALS = 9
WARM = 4  # renewals that the allocator needs to have all that it will ever need
BALLAST = 2 << 20  # bytes in each plan, so that one that is kept is seen
LIVE = "letsencrypt/live/localhost"


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip(f"at most {hard} descriptors per process here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Certificates:
    """As many as there are to be, of one authority; the first is in place."""

    def __init__(self, directory, count):
        home = directory / "authority"
        home.mkdir()
        self._directory, self.authority = directory, Authority(home, None)
        self.digests = []
        for number in range(count):
            self.authority.leaf(f"{number}", url=False)
            self.digests.append(self.authority.fingerprint(f"{number}"))
        self.put(0)

    def put(self, number):
        certbot(self._directory, self.authority[f"{number}.key"], self.authority[f"{number}.pem"], number)


def renewed(gate):
    return len(re.findall("renewed: ", gate.log))


def memory(gate):
    return max(rss(pid) for pid in gate.workers())


def descriptors(gate):
    return [len(os.listdir(f"/proc/{pid}/fd")) for pid in [gate.pid, *gate.workers()]]


async def renew_under_load(gate, certificates, crowd, talkers):
    """The resident memory of the larger worker after each renewal."""
    seen = []

    def judge(before, visitor):
        """A handshake that began behind the log line sees what the line tells of."""
        number = certificates.digests.index(visitor.shown)
        assert number >= before, f"after {before} renewals the certificate {number} was shown"
        seen.append(number)

    crowd.mark, crowd.judge = lambda: renewed(gate), judge
    sizes = []
    async with crowd.flow(talkers, comers=4):
        await crowd.progress(talkers, 4)
        for number in range(1, RENEWALS + 1):
            certificates.put(number)
            await asyncio.to_thread(eventually, lambda: renewed(gate) == number, why=f"renewal {number}")
            await crowd.progress(talkers, 20)
            sizes.append(memory(gate))
    assert set(seen) == set(range(RENEWALS + 1))
    return sizes


@pytest.mark.long
def test_thousands_of_websockets_live_through_renewals(crossgate, directory, many_descriptors, sanitized):
    count = 500 if sanitized else 2000
    certificates = Certificates(directory, RENEWALS + 1)
    gate = crossgate(web({"/": {"type": "json", "value": "x" * BALLAST}, "ws": ECHO},
                         tls={"key": f"{LIVE}/privkey.pem", "certificate": f"{LIVE}/fullchain.pem"}))
    workers = gate.workers()
    # Those who looked whether somebody listens may not have been taken leave of yet.
    eventually(lambda: not any(int(worker["connections"]) for worker in status(gate)["workers"]), why="nobody is there")
    at_first = descriptors(gate)

    async def visit():
        crowd = Crowd(gate.port, certificates.authority.client())
        await crowd.gather(count)
        sizes = await renew_under_load(gate, certificates, crowd, talkers=count // 10)
        await crowd.echo_all()
        assert {visitor.shown for visitor in crowd.visitors} == {certificates.digests[0]}
        await crowd.leave()
        return sizes
    sizes = asyncio.run(asyncio.wait_for(visit(), 380))
    assert gate.workers() == workers
    assert renewals(gate) == (RENEWALS, 0)
    # The first one lives on in those who came under it; of those between nothing is left.
    assert sanitized or max(sizes[WARM:]) < max(sizes[:WARM]) + 2 * BALLAST, sizes
    eventually(lambda: descriptors(gate) == at_first, why="each connection's descriptor is closed")
    assert not re.search("warning|error", gate.log)
