"""464XLAT (RFC 6877): an IPv4-only application, IPv6 in between, an IPv4-only server. Both translators are
gateways of ours.

    app 192.168.7.2 --lan0-- 192.168.7.1 clat 2001:db8:1::2 ---- 2001:db8:1::1 plat --wan0-- server

The application's address is 2001:db8:aaaa::192.168.7.2 in between. lan0 and wan0 are TUN devices; in between is a
veth pair that no kernel has an address on, whose ends are called by where they lead to.
"""

import re
import socket

import pytest

from nat64 import PREFIX, embedded
from netns import until
from peers import connect, exchange, transfer
from rig import POOL, SERVER, WAN, Network, Router, Setup, configuration
from wire import SYN, TCP, UDP, number

MIB = 1 << 20
APP, CLAT = "192.168.7.2", "192.168.7.1"
CLAT6, PLAT6 = "2001:db8:1::2", "2001:db8:1::1"
APP6, APPS6 = "2001:db8:aaaa::c0a8:702", "2001:db8:aaaa::c0a8:700/120"
NO_IPV4 = "192.0.0.8"  # what speaks for routers that have no IPv4 address (RFC 7600 section 4.8)
IP_MTU, IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 14, 10, 0
SETUPS = [Setup("tun", 1), Setup("tun", 2, False)]

pytestmark = pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)


def clat(setup, app, clamp):
    rewrite = dict(rewrite=[dict(match=f"{way} plat tcp syn", mss="clamp") for way in ("out", "in")]) if clamp else {}
    return dict(
        workers=setup.workers, control="/run/clat.sock",
        interfaces=[dict(name="lan0", type="tun", side="inside", netns=app.name, mtu=1500, offload=setup.offload,
                         address=[CLAT + "/24"], host_address=[APP + "/24"], host_routes=["0.0.0.0/0"]),
                    dict(name="plat", type="packet", side="outside", offload=setup.offload, address=[CLAT6 + "/64"])],
        routes=[dict(prefix="::/0", interface="plat", via=PLAT6)],
        nat=[dict(name="clat", type="siit", match="192.168.7.0/24", prefix=PREFIX, pool=[NO_IPV4],
                  eam=[dict(ipv4="192.168.7.0/24", ipv6=APPS6)])]) | rewrite


def plat(setup, server):
    return dict(
        workers=setup.workers, control="/run/plat.sock",
        interfaces=[dict(name="clat", type="packet", side="inside", offload=setup.offload, address=[PLAT6 + "/64"]),
                    dict(name="wan0", type="tun", side="outside", netns=server.name, mtu=1500, offload=setup.offload,
                         address=[WAN + "/24"], host_address=[SERVER + "/24"])],
        routes=[dict(prefix="2001:db8:aaaa::/64", interface="clat", via=CLAT6)],
        nat=[dict(name="plat", type="nat64", match="2001:db8:aaaa::/64", prefix=PREFIX, pool=[POOL])])


class Chain(Network):
    """Two gateways; the judge is rig's."""

    def chain(self, setup, clamp):
        self.setup, self.routers = setup, []
        self.app, self.clat, self.plat, self.server = map(self.namespace, ("app", "clat", "plat", "server"))
        for n in self.clat, self.plat:
            n.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.clat.ip(f"link add plat type veth peer name clat netns {self.plat.name}")
        self.clat.ip("link set plat up")
        self.plat.ip("link set clat up")
        for namespace, conf in ((self.clat, clat(setup, self.app, clamp)), (self.plat, plat(setup, self.server))):
            file = self.directory / f"{namespace.name}.conf"
            file.write_text(configuration(conf))
            self.routers.append(Router(self.build, file, namespace, conf["control"]))
        self.inside, self.between, self.outside = (self.sniff(*where) for where in (
            (self.app, "lan0"), (self.plat, "clat"), (self.server, "wan0")))
        return self

    def finish(self):
        try:
            faults = self.judge()
            return faults + [f"the gateway said: {line}" for r in self.routers for line in r.stop()]
        finally:
            for n in self.namespaces:
                n.remove()


@pytest.fixture
def made(isolated, build, tmp_path):
    nets = []

    def make(setup, clamp=False):
        nets.append(Chain(build, tmp_path))
        return nets[-1].chain(setup, clamp)

    yield make
    faults = [fault for n in nets for fault in n.finish()]
    assert not faults, "\n".join(faults[:20])


@pytest.fixture
def net(made, setup):
    return made(setup)


def test_udp_and_ping(net):
    a, b = net.app.udp(APP, 5000), net.server.udp(SERVER, 53)
    assert exchange(a, (SERVER, 53), b) == (POOL, 5000)
    p = net.between.wait(protocol=UDP)
    assert {p.source, p.destination} == {APP6, embedded(SERVER)}
    out = net.app.run("ping", "-n", "-c", "3", "-i", "0.02", "-W", "2", SERVER)
    assert " 3 received" in out
    a.connect((SERVER, 9))
    a.send(b"anybody?")
    with pytest.raises(ConnectionRefusedError):
        a.recv(10)
    assert net.inside.wait(type=3, code=3).inner.everyone() == {APP, SERVER}


def test_tcp(net):
    """Nobody changes the MSS: the application learns that 1500 octets are 20 too many for IPv6."""
    a = net.app.tcp(APP, 4400)
    b, seen = connect(a, (SERVER, 80), net.server.listen(SERVER, 80))
    assert seen == (POOL, 4400)
    transfer(a, b, 4 * MIB)
    transfer(b, a, 4 * MIB)
    error = net.inside.wait(type=3, code=4)
    assert error.source == CLAT and error.inner.everyone() == {APP, SERVER}
    assert number(error.payload, 6) == a.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1480
    assert max(len(p.octets) for p in net.between.packets if not p.gso_size) <= 1500


def test_clamped(made, setup):
    """Requirement 6877-C1: MTU of IPv6 less 60, so that nobody needs to learn anything."""
    net = made(setup, clamp=True)
    a = net.app.tcp(APP)
    b, _ = connect(a, (SERVER, 80), net.server.listen(SERVER, 80))
    assert set(until(lambda: [p.mss for p in net.between.packets if p.protocol == TCP and p.flags == SYN],
                     "a SYN between the gateways")) == {1440}
    transfer(a, b, MIB)
    assert not net.inside.received(type=3, code=4)


def test_large_datagrams(net):
    """Fragments of the application's, and what it allows the gateways to cut."""
    a, b = net.app.udp(APP), net.server.udp(SERVER, 53)
    for s in a, b:
        s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    for octets in (1200, 1472, 4000):
        a.sendto(bytes(octets), (SERVER, 53))
        heard, asker = b.recvfrom(65536)
        b.sendto(heard, asker)
        assert a.recv(65536) == heard == bytes(octets)
    assert max(len(p.octets) for p in net.between.packets) <= 1500


@pytest.mark.parametrize("way", ["-U", "-I", "-T"])
def test_traceroute(net, way):
    """Both gateways are seen; the one that has no IPv4 address there by one of the pool (RFC 6791)."""
    out = net.app.run("traceroute", "-n", "-q", "1", "-w", "2", "-m", "5", way, SERVER)
    assert re.findall(r"^ *\d +(\S+)", out, re.M) == [CLAT, NO_IPV4, SERVER], out
