"""Packets that no honest host sends: each is ended under the right name, and none goes through.

Crafted with scapy, and some spoiled by hand. They are put on the kernel's end of a TUN device, so
that the gateway reads exactly these octets.
"""

import random
import socket

import pytest
from scapy.all import (ICMP, IP, TCP, UDP, ICMPv6EchoRequest, IPOption, IPOption_LSRR, IPOption_RR,
                       IPv6, Raw, raw)

import wire
from netns import until
from peers import exchange
from rig import CLIENT, CLIENT6, POOL, ROUTER, SERVER, SERVER6, WAN, Setup
from sniffer import ETH_P_IP, ETH_P_IPV6, NEEDS_CSUM, PACKET_VNET_HDR, SOL_PACKET, VNET

SETUPS = [Setup("tun", 1, True), Setup("tun", 4, True), Setup("tun", 1, False)]
PORT = 5000  # of the client, with a mapping to SERVER:6000


def spoil(packet, changes):
    """The packet with other octets, by offset, and a right IPv4 header checksum."""
    octets = bytearray(raw(packet))
    for at, octet in changes.items():
        octets[at] = octet
    octets[10:12] = b"\0\0"
    header = bytes(octets[:max(20, (octets[0] & 15) * 4)])
    octets[10:12] = (0xffff - wire.ones_sum(header)).to_bytes(2, "big")
    return bytes(octets)


def but(packet, **fields):
    """The packet with other fields."""
    packet = packet.copy()
    for name, value in fields.items():
        setattr(packet, name, value)
    return packet


def broken(ip, ip6):
    """Faults that are the same from either side: (reason, octets) each."""
    udp = ip / UDP(sport=PORT, dport=6000) / b"hostile"
    more = but(ip, flags="MF")
    return [
        ("short", raw(udp)[:1]),
        ("short", raw(udp)[:19]),
        ("short", raw(ip6 / ICMPv6EchoRequest())[:39]),
        ("version", bytes([0x15]) + raw(udp)[1:]),
        ("version", bytes(40)),
        ("header_length", spoil(udp, {0: 0x44})),
        ("short", spoil(udp, {0: 0x4f})),
        ("total_length", spoil(udp / bytes(40), {0: 0x4f, 3: 35})),
        ("total_length", spoil(udp, {3: 19})),
        ("total_length", spoil(udp, {3: 200})),
        ("total_length", raw(udp)[:-1]),
        ("total_length", raw(ip6 / ICMPv6EchoRequest(data=b"cut off"))[:-1]),
        ("header_checksum", raw(udp)[:10] + b"\xab\xcd" + raw(udp)[12:]),
        ("bad_option", raw(but(ip, options=[IPOption(b"\x94\x00\x00\x00")]) / UDP())),
        ("bad_option", raw(but(ip, options=[IPOption(b"\x94\x28\x00\x00")]) / UDP())),
        ("source_route", raw(but(ip, options=[IPOption_LSRR(routers=["9.9.9.9"])]) / UDP())),
        ("source_route", raw(but(ip, options=[IPOption_RR(routers=["0.0.0.0"])]) / UDP())),
        ("bad_fragment", raw(but(ip, frag=8191) / Raw(bytes(64)))),
        ("bad_fragment", raw(more / UDP(sport=PORT, dport=6000) / Raw(bytes(5)))),
        ("bad_extension", raw(but(ip6, nh=60) / Raw(b"\x3b\xff" + bytes(6)))),
        ("bad_extension", raw(but(ip6, nh=0) / Raw(b"\x3b"))),
        ("transport_short", raw(but(ip, proto=17) / Raw(bytes(7)))),
        ("transport_short", raw(but(ip, proto=6) / Raw(bytes(19)))),
        ("transport_short", raw(but(ip, proto=1) / Raw(bytes(3)))),
        ("transport_short", raw(but(more, proto=6) / Raw(bytes(8)))),
        ("transport_length", raw(ip / UDP(sport=PORT, dport=6000, len=7))),
        ("transport_length", raw(ip / UDP(sport=PORT, dport=6000, len=900) / b"short")),
        ("transport_length", raw(ip / TCP(sport=PORT, dport=80, dataofs=4))),
        ("transport_length", raw(ip / TCP(sport=PORT, dport=80, dataofs=15))),
        ("icmp_quote", raw(ip / ICMP(type=3, code=3) / Raw(b"\x45\0\0"))),
        ("icmp_quote", raw(ip / ICMP(type=3, code=3) / Raw(bytes(28)))),
        ("martian_source", raw(IP(src="127.0.0.1", dst=ip.dst) / UDP())),
        ("martian_source", raw(IP(src="0.0.0.0", dst=ip.dst) / UDP())),
        ("martian_source", raw(IP(src="255.255.255.255", dst=ip.dst) / UDP())),
        ("martian_source", raw(IP(src="224.0.0.5", dst=ip.dst) / UDP())),
        ("martian_source", raw(IPv6(src="::1", dst=ip6.dst) / UDP())),
        ("martian_source", raw(IPv6(src="ff02::1", dst=ip6.dst) / UDP())),
        ("martian_destination", raw(IP(src=ip.src, dst="127.0.0.1") / UDP())),
        ("martian_destination", raw(IP(src=ip.src, dst="0.0.0.0") / UDP())),
        ("martian_destination", raw(IP(src=ip.src, dst="240.0.0.1") / UDP())),
        ("martian_destination", raw(IPv6(src=ip6.src, dst="::1") / UDP())),
        ("multicast", raw(IP(src=ip.src, dst="224.0.0.251") / UDP())),
        ("multicast", raw(IP(src=ip.src, dst="255.255.255.255") / UDP())),
        ("multicast", raw(IPv6(src=ip6.src, dst="ff0e::1") / UDP())),
    ]


FROM_INSIDE = broken(IP(src=CLIENT, dst=SERVER), IPv6(src=CLIENT6, dst=SERVER6)) + [
    ("spoofed", raw(IP(src="10.9.9.9", dst=SERVER) / UDP())),
    ("spoofed", raw(IP(src=SERVER, dst=SERVER) / UDP())),
    ("spoofed", raw(IP(src=POOL, dst=POOL) / UDP(sport=PORT, dport=PORT))),
    ("spoofed", raw(IP(src=POOL, dst=SERVER) / UDP(sport=PORT, dport=6000))),
    ("spoofed", raw(IP(src=ROUTER, dst=SERVER) / UDP())),
    ("spoofed", raw(IPv6(src="2001:db8:bad::1", dst=SERVER6) / UDP())),
    ("multicast", raw(IP(src=CLIENT, dst="203.0.113.255") / ICMP())),
    ("ttl_exceeded", raw(IP(src=CLIENT, dst=SERVER, ttl=1) / UDP())),
    ("ttl_exceeded", raw(IP(src=CLIENT, dst=SERVER, ttl=0) / UDP())),
    ("ttl_exceeded", raw(IPv6(src=CLIENT6, dst=SERVER6, hlim=1) / UDP())),
    ("no_transport", raw(IP(src=CLIENT, dst=SERVER, proto=51) / Raw(bytes(12)))),
    ("icmp_not_a_query", raw(IP(src=CLIENT, dst=SERVER) / ICMP(type=42))),
    ("tcp_flags", raw(IP(src=CLIENT, dst=SERVER) / TCP(flags="SF"))),
    ("tcp_flags", raw(IP(src=CLIENT, dst=SERVER) / TCP(flags="SR"))),
    ("tcp_flags", raw(IP(src=CLIENT, dst=SERVER) / TCP(flags=0))),
    ("tcp_no_session", raw(IP(src=CLIENT, dst=SERVER) / TCP(flags="A"))),
    ("tcp_no_session", raw(IP(src=CLIENT, dst=SERVER) / TCP(flags="R"))),
    ("icmp_no_session", raw(IP(src=CLIENT, dst=SERVER) / ICMP(type=3, code=3)
                            / IP(src=SERVER, dst=CLIENT) / UDP(sport=1, dport=2))),
    ("local_no_service", raw(IP(src=CLIENT, dst=ROUTER) / UDP(dport=53))),
    ("local_no_service", raw(IP(src=CLIENT, dst=ROUTER) / TCP(dport=22))),
]

FROM_OUTSIDE = broken(IP(src=SERVER, dst=POOL), IPv6(src=SERVER6, dst=CLIENT6)) + [
    ("no_mapping", raw(IP(src=SERVER, dst=POOL) / UDP(sport=6000, dport=4444))),
    ("no_mapping", raw(IP(src=SERVER, dst=POOL) / TCP(dport=80))),
    ("no_mapping", raw(IP(src=SERVER, dst=POOL) / ICMP(type=0, id=99))),
    ("filtered", raw(IP(src="203.0.113.66", dst=POOL) / UDP(sport=6000, dport=PORT))),
    ("ttl_exceeded", raw(IP(src=SERVER, dst=POOL, ttl=1) / UDP(sport=6000, dport=PORT))),
    ("icmp_no_session", raw(IP(src=SERVER, dst=POOL) / ICMP(type=3, code=3)
                            / IP(src=POOL, dst=SERVER) / UDP(sport=1, dport=2))),
    ("icmp_checksum", raw(IP(src=SERVER, dst=POOL) / ICMP(type=3, code=3, chksum=0xbad)
                          / IP(src=POOL, dst=SERVER) / UDP(sport=PORT, dport=6000))),
    ("outside_transit", raw(IP(src=SERVER, dst="198.51.100.77") / UDP())),
    ("local_no_service", raw(IP(src=SERVER, dst=WAN) / UDP(dport=53))),
    ("local_no_service", raw(IP(src=SERVER, dst=WAN) / TCP(dport=22))),
    ("spoofed", raw(IP(src=POOL, dst=POOL) / UDP(sport=PORT, dport=PORT))),
    ("spoofed", raw(IP(src=POOL, dst=POOL) / TCP(sport=PORT, dport=PORT))),
    ("spoofed", raw(IP(src=WAN, dst=POOL) / UDP(sport=6000, dport=PORT))),
    ("multicast", raw(IP(src=SERVER, dst="192.168.7.255") / ICMP())),
    ("multicast", raw(IP(src=SERVER, dst="203.0.113.255") / ICMP())),
    ("spoofed", raw(IP(src=CLIENT, dst=POOL) / UDP(sport=6000, dport=PORT))),
]


class Thrower:
    """Puts octets on the kernel's end of a device."""

    def __init__(self, namespace, device, sniffer):
        self.device, self.sniffer = device, sniffer
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)

    def __call__(self, octets, header=b""):
        self.sniffer.crafted.add(octets)
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, int(bool(header)))
        protocol = ETH_P_IPV6 if octets[0] >> 4 == 6 else ETH_P_IP
        self.socket.sendto(header + octets, (self.device, protocol))


def moved(router, before):
    """The counters of drops that changed."""
    now = router.counters()
    return {name for name in now if now[name] != before[name]
            and name not in ("sent", "local", "errors_sent", "handed_off", "hairpinned", "pieces")}


def faults_of(net, throw, victim, cases):
    """Throw all cases; what did not end as it should."""
    for reason, octets in cases:
        before, heard = net.router.counters(), len(victim.received(version=4))
        throw(octets)
        try:
            found = until(lambda: moved(net.router, before), "a counter")
        except AssertionError:
            found = set()
        if found != {reason}:
            yield f"{octets.hex()} ended as {found or 'nothing'}, not as {reason}"
        if len(victim.received(version=4)) != heard:
            yield f"{octets.hex()} ({reason}) was forwarded: {victim.received(version=4)[-1]}"


@pytest.fixture
def open_net(net):
    """With a mapping of the client for what comes from outside to aim at, and a quiet kernel."""
    for namespace, device in ((net.client, "lan0"), (net.server, "wan0")):
        namespace.sysctl(f"net.ipv6.conf.{device}.router_solicitations", 0)
    exchange(net.client.udp(CLIENT, PORT), (SERVER, 6000), net.server.udp(SERVER, 6000))
    return net


@pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
class TestHostile:
    def test_from_inside(self, open_net):
        throw = Thrower(open_net.client, "lan0", open_net.inside)
        faults = list(faults_of(open_net, throw, open_net.outside, FROM_INSIDE))
        assert not faults, "\n".join(faults)

    def test_from_outside(self, open_net):
        throw = Thrower(open_net.server, "wan0", open_net.outside)
        faults = list(faults_of(open_net, throw, open_net.inside, FROM_OUTSIDE))
        assert not faults, "\n".join(faults)

    def test_no_answer_to_hostility(self, open_net):
        """RFC 1812 section 4.3.2.7: errors are not sent about these; ABU-6: nor to the outside."""
        heard = len(open_net.outside.received())
        throw = Thrower(open_net.server, "wan0", open_net.outside)
        for reason, octets in FROM_OUTSIDE:
            if reason != "ttl_exceeded":
                throw(octets)
        until(lambda: open_net.router.counters()["spoofed"], "the last of them")
        assert not open_net.outside.received()[heard:]

    def test_overlapping_fragments(self, open_net):
        throw = Thrower(open_net.client, "lan0", open_net.inside)
        ip = IP(src=CLIENT, dst=SERVER, id=99)
        whole = raw(UDP(sport=PORT, dport=6000, len=72, chksum=0) / bytes(64))
        throw(raw(but(ip, flags="MF", proto=17) / whole[:48]))
        throw(raw(but(ip, frag=3, proto=17) / whole[24:]))
        until(lambda: open_net.router.counters()["fragment_overlap"], "the overlap to be seen")


@pytest.mark.parametrize("setup", SETUPS[:2], ids=str, indirect=True)
def test_lies_about_offloads(open_net):
    """A checksum to be completed where no checksum is."""
    throw = Thrower(open_net.client, "lan0", open_net.inside)
    octets = raw(IP(src=CLIENT, dst=SERVER) / UDP(sport=PORT, dport=6000) / bytes(100))
    cases = [VNET.pack(NEEDS_CSUM, 0, 0, 0, start, at)
             for start, at in ((20, 16), (24, 2), (28, 6), (60, 6))]
    for header in cases:
        before, heard = open_net.router.counters(), len(open_net.outside.received(version=4))
        throw(octets, header)
        assert until(lambda: moved(open_net.router, before), header.hex()) == {"bad_offload"}
        assert len(open_net.outside.received(version=4)) == heard


def repaired(octets):
    """The datagram with right checksums, as far as it has any; None if it is not readable."""
    octets = bytearray(octets)
    try:
        if octets[0] >> 4 == 4:
            length = max(20, (octets[0] & 15) * 4)
            octets[10:12] = b"\0\0"
            octets[10:12] = (0xffff - wire.ones_sum(bytes(octets[:length]))).to_bytes(2, "big")
        p = wire.Packet(bytes(octets))
        at = p.transport + wire.CHECKSUM_AT[p.protocol]
        octets[at:at + 2] = b"\0\0"
        payload = bytes(octets[p.transport:p.end])
        total = (wire.ones_sum(payload) + p.pseudo(len(payload))) % 0xffff
        octets[at:at + 2] = (0xffff - total).to_bytes(2, "big")
    except (IndexError, KeyError, ValueError):
        return None
    return bytes(octets)


def noise(chance, samples):
    """A valid datagram with up to four octets changed, checksums right again, perhaps cut off."""
    octets = bytearray(chance.choice(samples))
    for _ in range(chance.randrange(5)):
        octets[chance.randrange(min(len(octets), 64))] = chance.randrange(256)
    octets = repaired(octets) or bytes(octets)
    return octets[:chance.randint(1, len(octets))] if chance.random() < 0.1 else octets


@pytest.mark.parametrize("setup", SETUPS[:2], ids=str, indirect=True)
def test_noise(open_net):
    """Thousands of almost valid packets from both sides: each is forwarded with right checksums,
    or counted; and the gateway still works afterwards."""
    net, chance = open_net, random.Random(1812)
    sides = ((net.client, "lan0", net.inside, FROM_INSIDE),
             (net.server, "wan0", net.outside, FROM_OUTSIDE))
    for namespace, device, sniffer, cases in sides:
        throw = Thrower(namespace, device, sniffer)
        for _ in range(3000):
            throw(noise(chance, [octets for _, octets in cases]))
    exchange(net.client.udp(CLIENT, 5001), (SERVER, 6001), net.server.udp(SERVER, 6001))
