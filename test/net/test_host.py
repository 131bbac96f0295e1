"""The host beside the gateway: thousands of translated connections at an address that both use, and
the host's own as if nobody else was there; nothing left behind; nothing untranslated."""

import resource
import socket

import pytest

from netns import until
from peers import connect, exchange, transfer
from rig import CLIENT, CLIENT_B, ROUTER, SERVER, WAN, Router, Setup, configuration
from test_lifecycle import furnish, state
from wire import ICMP, RST, TCP

UDP_SESSIONS, TCP_SESSIONS = 7000, 3000
SETUPS = [Setup("shared", 2), Setup("nfqueue", 2)]
RANGE = "/proc/sys/net/ipv4/ip_local_port_range"


@pytest.fixture
def descriptors(isolated):
    """As many sockets as the test needs."""
    wanted = UDP_SESSIONS + 2 * TCP_SESSIONS + 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard if hard in (resource.RLIM_INFINITY, max(hard, wanted)) else wanted))
    except (ValueError, PermissionError):
        pytest.skip(f"a limit of {hard} descriptors, and no right to raise it")
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def make_room(namespace):
    """Ports for so many connections to one endpoint."""
    namespace.sysctl("net.ipv4.ip_local_port_range", "10000 60000")
    namespace.sysctl("net.core.somaxconn", TCP_SESSIONS)


def hosts_talk(net):
    """The host's own conversations, both ways, at the address that it shares."""
    for one, other, address in ((net.gateway, net.server, SERVER), (net.server, net.gateway, WAN)):
        source = WAN if address == SERVER else SERVER
        assert " 2 received" in one.run("ping", "-c", "2", "-i", "0.02", "-I", source, address)
        listener, b = other.listen(address, 22), other.udp(address, 123)
        for _ in range(8):
            a = one.tcp(source)
            transfer(a, connect(a, (address, 22), listener)[0], 1 << 16)
            exchange(one.udp(source), (address, 123), b)
        listener.close()
        b.close()


class Crowd:
    """Many translated connections, each of which can be heard from again."""

    def __init__(self, net):
        self.net = net
        self.udp_server = net.server.udp(SERVER, 53)
        self.udp = [self._greet(n) for n in range(UDP_SESSIONS)]
        listener = net.server.tcp(SERVER, 80)
        listener.listen(TCP_SESSIONS)
        self.tcp = [self._connect(listener, n) for n in range(TCP_SESSIONS)]

    def _client(self, kind, number):
        """Sockets without a port of their own until they speak."""
        s = self.net.client.socket(socket.AF_INET, kind)
        s.bind(((CLIENT, CLIENT_B)[number % 2], 0))
        return s

    def _greet(self, number):
        s = self._client(socket.SOCK_DGRAM, number)
        s.connect((SERVER, 53))
        s.send(number.to_bytes(4, "big"))
        octets, source = self.udp_server.recvfrom(100)
        assert int.from_bytes(octets, "big") == number
        return s, source

    def _connect(self, listener, number):
        s = self._client(socket.SOCK_STREAM, number)
        s.connect((SERVER, 80))
        return s, listener.accept()[0]

    def answer(self, every=1):
        """From outside to inside and back."""
        for s, source in self.udp[::every]:
            self.udp_server.sendto(b"still there?", source)
            assert s.recv(100) == b"still there?"
        for s, peer in self.tcp[::every]:
            peer.send(b"still there?")
            assert s.recv(100) == b"still there?"


@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_thousands_of_connections_beside_the_host(descriptors, prepared, setup):
    """ENV-2: no reset, no error of the kernel's to anybody's peer; and afterwards the host as it was."""
    net = prepared(setup)
    for namespace in net.namespaces:
        furnish(namespace)
        until(lambda: "tentative" not in namespace.run("ip", "-6", "address"), "addresses to settle")
    make_room(net.client)
    make_room(net.server)
    before = [(state(n), n.run("cat", RANGE)) for n in net.namespaces]
    net.start(limits=dict(sessions=1 << 17, sessions_per_host=1 << 16))
    crowd = Crowd(net)
    assert net.router.ask("status")["sessions"] >= UDP_SESSIONS + TCP_SESSIONS
    hosts_talk(net)
    crowd.answer()
    hosts_talk(net)
    crowd.answer(every=10)
    heard = net.outside.received()
    assert not [p for p in heard if p.protocol == TCP and p.flags & RST]
    assert {p.type for p in heard if p.protocol == ICMP} <= {0, 8}, "more than pings"
    net.router.stop()
    assert [(state(n), n.run("cat", RANGE)) for n in net.namespaces] == before



@pytest.fixture
def forwarding(prepared):
    """A host that forwards, with Ethernet on both sides of its gateway."""
    net = prepared(Setup("shared"))
    net.gateway.ip(f"link add lan0 type veth peer name lan0 netns {net.client.name}")
    net.gateway.ip("link set lan0 up")
    net.client.ip(f"address add {CLIENT}/24 dev lan0")
    net.client.ip("link set lan0 up")
    mac = net.gateway.ask_ip("link show lan0")[0]["address"]
    net.client.ip(f"neighbour replace {ROUTER} lladdr {mac} dev lan0 nud permanent")
    net.client.ip(f"route add default via {ROUTER}")
    for key in ("ip_forward", "conf.all.forwarding"):
        net.gateway.sysctl(f"net.ipv4.{key}", 1)
    for device in ("all", "lan0"):
        net.gateway.sysctl(f"net.ipv4.conf.{device}.rp_filter", 0)
    return net.start(lan=dict(type="packet"))


def leaked(net):
    """What has come out with a source of inside."""
    return [p for p in net.outside.received() if p.source == CLIENT]


def crash(net):
    net.router.process.kill()
    net.router.process.wait()
    until(lambda: "router_" not in net.gateway.run("nft", "list", "tables").replace("_lockdown", ""),
          "the guard to be gone")


def test_nothing_leaks_under_lockdown(forwarding, build):
    """2827-V21: in a crash, while it is down, during its start, a reload and its end."""
    net = forwarding
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    exchange(a, (SERVER, 53), b)
    crash(net)
    a.sendto(b"who hears this?", (SERVER, 53))
    until(lambda: leaked(net), "the host to forward, which is what is to be forbidden")
    until(lambda: b.recv(100) == b"who hears this?", "it to arrive")
    net.outside.packets.clear()

    rules = net.directory / "lockdown.nft"
    rules.write_text(net.gateway.run(f"{build}/router", "lockdown", "-c", net.conf))
    for _ in range(2):  # loading it again replaces it
        net.gateway.run("nft", "-f", rules)
    for end in (crash, lambda net: net.router.stop()):
        for _ in range(20):
            a.sendto(b"nobody should", (SERVER, 53))
        restart(net)
        until(lambda: exchanged(a, b), "the gateway to work")
        net.reload(unique_idents=False)
        until(lambda: exchanged(a, b), "the gateway to work")
        end(net)
        for _ in range(20):
            a.sendto(b"nobody should", (SERVER, 53))
    assert not leaked(net)
    restart(net)


def restart(net):
    net.conf.write_text(configuration(net.values))
    net.router = Router(net.build, net.conf, net.gateway)


def exchanged(a, b):
    """Whatever came before is skipped."""
    for s in (a, b):
        drain(s)
    try:
        return exchange(a, (SERVER, 53), b)
    except (AssertionError, TimeoutError):
        return None


def drain(s):
    s.setblocking(False)
    try:
        while s.recv(65536):
            pass
    except BlockingIOError:
        pass
    s.settimeout(1)
