"""The judge of all other tests: it must find what is wrong, and nothing else."""

from types import SimpleNamespace

import pytest
from scapy.all import (ICMP, IP, TCP, UDP, ICMPv6DestUnreach, ICMPv6EchoRequest, IPv6, Raw,
                       fragment, raw)

from sniffer import leaks, oversized, reassembled_faults
from wire import Packet

IP4, IP6 = IP(src="192.0.2.1", dst="192.0.2.2"), IPv6(src="2001:db8::1", dst="2001:db8::2")
QUOTED = IP4 / UDP(sport=1, dport=2) / b"quoted"
SOUND = {
    "udp": IP4 / UDP() / b"odd",
    "udp without checksum": IP4 / UDP(chksum=0) / b"odd",
    "tcp": IP4 / TCP() / b"payload",
    "tcp with options": IP4 / TCP(options=[("MSS", 1460)]),
    "ping": IP4 / ICMP() / b"payload",
    "error": IP4 / ICMP(type=3, code=4) / QUOTED,
    "udp6": IP6 / UDP() / b"odd",
    "ping6": IP6 / ICMPv6EchoRequest(data=b"payload"),
    "error6": IP6 / ICMPv6DestUnreach() / (IP6 / TCP()),
}


def with_octet_flipped(packet, at):
    octets = bytearray(raw(packet))
    octets[at] ^= 1
    return bytes(octets)


@pytest.mark.parametrize("name", SOUND)
def test_sound(name):
    assert Packet(raw(SOUND[name])).faults(judge_quoted=True) == []


@pytest.mark.parametrize("name", [n for n in SOUND if n != "udp without checksum"])
def test_wrong_transport_checksum(name):
    found = Packet(with_octet_flipped(SOUND[name], -1)).faults()
    assert len(found) == 1 and "checksum" in found[0]


def test_wrong_header_checksum():
    assert Packet(with_octet_flipped(SOUND["ping"], 8)).faults() == [
        "IPv4 header checksum %#06x is wrong" % int.from_bytes(raw(SOUND["ping"])[10:12], "big")]


def test_udp_over_ipv6_needs_a_checksum():
    assert Packet(raw(IP6 / UDP(chksum=0) / b"odd")).faults()


@pytest.mark.parametrize("inner", [
    IP4 / UDP(chksum=0x1234) / b"quoted",
    IP(src="192.0.2.1", dst="192.0.2.2", chksum=0x1234) / UDP() / b"quoted"])
def test_wrong_checksum_in_quoted_datagram(inner):
    found = Packet(raw(IP4 / ICMP(type=11) / inner)).faults(judge_quoted=True)
    assert len(found) == 1 and found[0].startswith("quoted: ")


def test_partial_checksum():
    sum_of_pseudo_header = Packet(raw(SOUND["tcp"])).pseudo(27)
    for field, faults in ((sum_of_pseudo_header, 0), (sum_of_pseudo_header ^ 1, 1)):
        octets = raw(IP4 / TCP(chksum=field) / b"payload")
        assert len(Packet(octets, partial=True).faults()) == faults


def test_fragments():
    whole = IP(raw(IP4 / UDP() / Raw(bytes(3000))))
    for packet, faults in ((whole, 0), (IP(with_octet_flipped(whole, 2000)), 1)):
        parts = [Packet(raw(part)) for part in fragment(packet, 1400)]
        assert len(parts) == 3 and not [f for p in parts for f in p.faults()]
        assert len(list(reassembled_faults(parts))) == faults


def test_leaks():
    """Of inside addresses: as source, and in what an error quotes; not in what the server sends."""
    inside, outside = IP(src="192.168.7.2", dst="192.0.2.2"), IP(src="192.0.2.1", dst="192.0.2.2")
    error = outside / ICMP(type=3) / inside
    packets = [Packet(raw(p)) for p in (inside / UDP(), outside / UDP(), error)]
    heard = SimpleNamespace(name="", packets=[*packets, Packet(raw(inside / UDP()), outgoing=True)])
    assert len(leaks(heard, "192.168.7.0/24")) == 2


@pytest.mark.parametrize("length, gso_size, faults", [
    (1460, 0, 0), (1461, 0, 1), (9000, 1460, 0), (9000, 1461, 1)])
def test_oversized(length, gso_size, faults):
    packet = Packet(raw(IP4 / TCP() / bytes(length)), gso_size=gso_size)
    assert len(list(oversized([packet]))) == faults
