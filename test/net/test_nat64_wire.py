"""Rows of RFC 7915 on the wire, field by field: scapy makes what is sent, and says what must come out."""

import pytest
from scapy.all import (ICMP, IP, UDP, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig,
                       ICMPv6ParamProblem, ICMPv6TimeExceeded, IPOption_LSRR, IPOption_NOP, IPOption_Router_Alert,
                       IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, raw)

import wire
from nat64 import HOST, ROUTER6, embedded, translate
from netns import until
from peers import exchange
from rig import POOL, SERVER, WAN, Setup
from test_hostile import Thrower

PORT, FAR_PORT = 5000, 6000
SERVER6 = embedded(SERVER)
OUT6, OUT4 = IPv6(src=HOST, dst=SERVER6), IP(src=POOL, dst=SERVER)
BACK4, BACK6 = IP(src=SERVER, dst=POOL), IPv6(src=SERVER6, dst=HOST)
ASK, REPLY = UDP(sport=PORT, dport=FAR_PORT), UDP(sport=FAR_PORT, dport=PORT)
ROUTER = "198.51.100.1"  # on the way to the server
TEXT = b"field by field"

pytestmark = pytest.mark.parametrize("setup", [Setup("tun", 1, False)], ids=str, indirect=True)


class Bench:
    """What is thrown in at one side, and what comes out at the other."""

    def __init__(self, net):
        self.net = net
        self.up = Thrower(net.client, "lan0", net.inside), net.outside
        self.down = Thrower(net.server, "wan0", net.outside), net.inside

    def through(self, way, packet):
        throw, there = way
        before = len(there.received())
        throw(raw(packet))
        return until(lambda: there.received()[before:], f"{packet.summary()} to come out")

    def ends(self, way, packet):
        """It is dropped: a datagram behind it comes out, and nothing else."""
        throw, there = way
        before = len(there.received())
        throw(raw(packet))
        last = OUT6 / ASK / b"behind it" if way is self.up else BACK4 / REPLY / b"behind it"
        throw(raw(last))
        until(lambda: any(p.data == b"behind it" for p in there.received()[before:]), "what is behind it")
        return [p.data for p in there.received()[before:]] == [b"behind it"]


@pytest.fixture
def bench(prepared, setup):
    net = translate(prepared(setup))
    for namespace, device in ((net.client, "lan0"), (net.server, "wan0")):
        namespace.sysctl(f"net.ipv6.conf.{device}.router_solicitations", 0)
    assert exchange(net.client.udp(HOST, PORT), (SERVER6, FAR_PORT), net.server.udp(SERVER, FAR_PORT)) == (POOL, PORT)
    return Bench(net)


def same(p, expected):
    """All octets, but the identification of IPv4, which is the gateway's choice."""
    if expected.version == 4:
        expected = expected.copy()
        expected.id = p.id
    return p.octets == raw(expected)


def test_header_to_ipv6(bench):
    """Section 4.1: every field, every traffic class."""
    for tos in range(0, 256, 5):
        p, = bench.through(bench.down, IP(src=SERVER, dst=POOL, tos=tos, ttl=57, flags="DF", id=7) / REPLY / TEXT)
        assert same(p, IPv6(src=SERVER6, dst=HOST, tc=tos, fl=0, hlim=56) / REPLY / TEXT), tos


def test_header_to_ipv4(bench):
    """Section 5.1, with extension headers that IPv4 has no counterpart of."""
    for tc in range(0, 256, 5):
        p, = bench.through(bench.up, IPv6(src=HOST, dst=SERVER6, tc=tc, fl=0xabcde, hlim=57) / ASK / TEXT)
        assert same(p, IP(src=POOL, dst=SERVER, tos=tc, ttl=56) / ASK / TEXT), tc
    spent = IPv6ExtHdrRouting(type=2, segleft=0, addresses=["2001:db8::7"])
    for headers in (IPv6ExtHdrHopByHop(), IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(), spent):
        p, = bench.through(bench.up, IPv6(src=HOST, dst=SERVER6, tc=0xb8) / headers / ASK / TEXT)
        assert same(p, IP(src=POOL, dst=SERVER, tos=0xb8, ttl=63) / ASK / TEXT), headers.summary()


def test_options_vanish(bench):
    """Section 4.1: IPv4 options are ignored; a route that the sender chose is refused, as without translation."""
    options = [IPOption_NOP(), IPOption_Router_Alert(alert=1)]
    p, = bench.through(bench.down, IP(src=SERVER, dst=POOL, tos=0xb8, options=options) / REPLY / TEXT)
    assert same(p, IPv6(src=SERVER6, dst=HOST, tc=0xb8, hlim=63) / REPLY / TEXT)
    assert bench.ends(bench.down, IP(src=SERVER, dst=POOL, options=[IPOption_LSRR(routers=["192.0.2.1"])]) / REPLY)


def test_fragments(bench):
    """Sections 4.1 and 5.1: offsets and the identification, whose upper half is zero."""
    datagram = raw(BACK4 / REPLY / bytes(480))[20:]
    first, = bench.through(bench.down, IP(src=SERVER, dst=POOL, id=0xbeef, flags="MF", proto=17) / datagram[:248])
    second, = bench.through(bench.down, IP(src=SERVER, dst=POOL, id=0xbeef, frag=31, proto=17) / datagram[248:])
    for p, offset, more in ((first, 0, 1), (second, 31, 0)):
        assert raw(IPv6(p.octets)[IPv6ExtHdrFragment])[:8] == raw(
            IPv6ExtHdrFragment(nh=17, offset=offset, m=more, id=0xbeef))[:8]
        assert (p.source, p.destination, p.ttl) == (SERVER6, HOST, 63)


def quoting(packet):
    """What the server got, as an error quotes it."""
    return OUT4 / ASK / packet


def quoted6(packet):
    return OUT6 / ASK / packet


ERRORS = [
    (ICMP(type=3, code=0), ICMPv6DestUnreach(code=0)),
    (ICMP(type=3, code=1), ICMPv6DestUnreach(code=0)),
    (ICMP(type=3, code=3), ICMPv6DestUnreach(code=4)),
    (ICMP(type=3, code=13), ICMPv6DestUnreach(code=1)),
    (ICMP(type=3, code=2), ICMPv6ParamProblem(code=1, ptr=6)),
    (ICMP(type=3, code=4, nexthopmtu=1400), ICMPv6PacketTooBig(mtu=1420)),
    (ICMP(type=3, code=4, nexthopmtu=576), ICMPv6PacketTooBig(mtu=1280)),
    (ICMP(type=3, code=4, nexthopmtu=9000), ICMPv6PacketTooBig(mtu=1500)),
    (ICMP(type=11, code=0), ICMPv6TimeExceeded(code=0)),
    (ICMP(type=11, code=1), ICMPv6TimeExceeded(code=1)),
    (ICMP(type=12, code=0, ptr=8), ICMPv6ParamProblem(code=0, ptr=7)),
    (ICMP(type=12, code=0, ptr=12), ICMPv6ParamProblem(code=0, ptr=8)),
]
SILENT = [ICMP(type=3, code=14), ICMP(type=4), ICMP(type=5), ICMP(type=12, code=1), ICMP(type=12, code=0, ptr=10)]


def test_errors_to_ipv6(bench):
    """Section 4.2, of a router on the way; what it quotes is what the client has sent (section 4.3)."""
    for error, expected in ERRORS:
        p, = bench.through(bench.down, IP(src=ROUTER, dst=POOL) / error / quoting(TEXT))
        assert (p.source, p.destination, p.ttl) == (embedded(ROUTER), HOST, 63)
        got = bytearray(p.payload)
        got[2:4] = b"\0\0"
        wanted = bytearray(raw(expected.__class__(raw(expected))))
        wanted[2:4] = b"\0\0"
        assert bytes(got[:8]) == bytes(wanted[:8]), error.summary()
        inner = bytearray(p.payload[8:])
        inner[7] = 64  # a hop limit that nobody must be right about
        assert bytes(inner) == raw(quoted6(TEXT)), error.summary()
    for error in SILENT:
        assert bench.ends(bench.down, IP(src=ROUTER, dst=POOL) / error / quoting(TEXT)), error.summary()


def test_refused(bench):
    """A hop limit that ends here, and a routing header that is not spent (section 5.1)."""
    throw, inside = bench.up[0], bench.net.inside
    throw(raw(IPv6(src=HOST, dst=SERVER6, hlim=1) / ASK / TEXT))
    error = inside.wait(protocol=wire.ICMPV6, type=3)
    assert error.source == ROUTER6 and error.octets[48:] == raw(IPv6(src=HOST, dst=SERVER6, hlim=1) / ASK / TEXT)
    udp = raw(OUT6 / ASK / TEXT)[40:]  # summed up with the destination that the header has, as the sniffer does
    throw(raw(OUT6 / IPv6ExtHdrRouting(nh=17, type=2, segleft=1, addresses=["2001:db8::7"]) / udp))
    error = inside.wait(protocol=wire.ICMPV6, type=4)
    assert (error.code, wire.number(error.payload, 4, 4)) == (0, 43)
    throw, outside = bench.down[0], bench.net.outside
    throw(raw(IP(src=SERVER, dst=POOL, ttl=1) / REPLY / TEXT))
    error = outside.wait(protocol=wire.ICMP, type=11)
    assert error.source in (WAN, POOL) and error.inner.everyone() == {SERVER, POOL}


def test_echo(bench):
    """Sections 4.2 and 5.2: type, code, identifier and sequence."""
    p, = bench.through(bench.up, OUT6 / ICMPv6EchoRequest(id=77, seq=3, data=TEXT))
    assert same(p, IP(src=POOL, dst=SERVER, ttl=63) / ICMP(type=8, id=wire.number(p.payload, 4), seq=3) / TEXT)
    ident = wire.number(p.payload, 4)
    p, = bench.through(bench.down, BACK4 / ICMP(type=0, id=ident, seq=3) / TEXT)
    assert same(p, IPv6(src=SERVER6, dst=HOST, hlim=63) / ICMPv6EchoReply(id=77, seq=3, data=TEXT))
