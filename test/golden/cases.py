"""Writes the golden cases: cases.py [DIRECTORY], the folder of this file if not given.

A case is a configuration, captures that come in, and captures that must leave. What must leave is
worked out here packet by packet, by hand and with scapy's checksums; nothing of ours has a part in it.
"""

import pathlib
import struct
import sys

from scapy.all import ICMP, IP, TCP, UDP, Ether, ICMPv6EchoReply, ICMPv6EchoRequest, IPv6, Raw, fragment

LAN, WAN = "lan0", "wan0"
A, B, HOST = "192.168.7.2", "192.168.7.3", "192.168.7.20"
POOL, REMOTE, STRANGER, HOP = "203.0.113.5", "198.51.100.9", "198.51.100.7", "198.51.100.1"
START = 1_700_000_000

CONFIGURATION = """workers = 1; control = ""; unique_idents = false;
interfaces = (
	{ name = "lan0"; type = "tun"; side = "inside"; address = [ "192.168.7.1/24", "2001:db8:7::1/64" ]; },
	{ name = "wan0"; type = "packet"; device = "eth0"; side = "outside"; address = [ "203.0.113.1/24", "2001:db8:f::1/64" ]; }
);
routes = ( { prefix = "0.0.0.0/0"; interface = "wan0"; via = "203.0.113.254"; },
           { prefix = "::/0"; interface = "wan0"; via = "2001:db8:f::fe"; }%s );
nat = ( { %s } );
"""
HOME = 'name = "home"; match = "192.168.7.0/24"; type = "napt44"; pool = [ "203.0.113.5" ];'


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


class Raws:
    """Raw IP, as pcap in nanoseconds, big-endian."""
    ending = "pcap"

    def octets(self, packets):
        yield struct.pack(">IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 101)
        for time, packet in packets:
            yield struct.pack(">IIII", *divmod(time, 10 ** 9), len(packet), len(packet)) + packet


class Frames:
    """Ethernet, as pcap in microseconds, little-endian."""
    ending = "pcap"
    broadcast = [bytes(IP(src=B, dst=REMOTE) / UDP(sport=1, dport=1))]

    def octets(self, packets):
        yield struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
        for time, packet in packets:
            kind = 0x0800 if packet[0] >> 4 == 4 else 0x86dd
            # The shortest frame of Ethernet is 60 octets long.
            to = "ff:ff:ff:ff:ff:ff" if packet in self.broadcast else "02:00:00:00:00:01"
            frame = bytes(Ether(dst=to, src="02:00:00:00:00:02", type=kind) / Raw(packet)).ljust(60, b"\0")
            yield struct.pack("<IIII", time // 10 ** 9, time % 10 ** 9 // 1000, len(frame), len(frame)) + frame


class Cooked:
    """Linux cooked, with what left, too, on one of two interfaces of a pcapng file."""
    ending = "pcapng"

    def octets(self, packets):
        yield block("<", 0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
        yield block("<", 1, struct.pack("<HHI", 101, 0, 0))
        yield block("<", 1, struct.pack("<HHIHHB3xHH", 113, 0, 0, 9, 1, 9, 0, 0))
        for time, packet in packets:
            kind = 0x0800 if packet[0] >> 4 == 4 else 0x86dd
            for came in (4, 0):
                cooked = struct.pack(">HHH8sH", came, 1, 6, bytes(8), kind) + packet
                yield block("<", 6, struct.pack("<IIIII", 1, time >> 32, time & 0xffffffff, len(cooked), len(cooked)) + cooked)
            yield block("<", 0xbad, b"of no meaning here")


def stamp(second):
    return START * 10 ** 9 + round(second * 10 ** 6) * 1000


class Case:
    """What comes in at which second, by which interface, and what has to leave then, if anything."""

    def __init__(self, name, nat=HOME, routes="", more="", formats=(Raws, Raws)):
        self.name, self.formats = name, dict(zip((LAN, WAN), formats))
        self.configuration = CONFIGURATION % (routes, nat) + more
        self.came, self.left, self.verdicts = {LAN: [], WAN: []}, {LAN: [], WAN: []}, []

    def comes(self, second, interface, packet, verdict, *leaving):
        self.came[interface].append((stamp(second), bytes(packet)))
        self.happens(second, interface, verdict, *leaving)

    def happens(self, second, interface, verdict, *leaving):
        """By whatever came, or, where interface is -, as time goes by."""
        self.verdicts.append(f"{second:g} {interface} {verdict}")
        for way, out in leaving:
            self.left[way].append((stamp(second), bytes(out)))

    def passes(self, second, interface, packet, after):
        """It is sent on by the other interface, as it is after translation."""
        self.comes(second, interface, packet, "sent", (WAN if interface == LAN else LAN, after))

    def write(self, directory):
        folder = directory / self.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "router.conf").write_text(self.configuration)
        (folder / "verdicts").write_text("".join(line + "\n" for line in self.verdicts))
        for interface in (LAN, WAN):
            form = self.formats[interface]()
            (folder / f"in-{interface}.{form.ending}").write_bytes(b"".join(form.octets(self.came[interface])))
            (folder / f"out-{interface}.pcap").write_bytes(b"".join(Raws().octets(self.left[interface])))


def udp(src, sport, dst, dport, text=b"hello", ttl=64, **more):
    return IP(src=src, dst=dst, ttl=ttl, **more) / UDP(sport=sport, dport=dport) / Raw(text)


def tcp(src, sport, dst, dport, flags, seq, ack, text=b"", ttl=64):
    return IP(src=src, dst=dst, ttl=ttl) / TCP(sport=sport, dport=dport, flags=flags, seq=seq, ack=ack) / Raw(text)


def home():
    case = Case("home", formats=(Frames, Cooked))
    case.passes(0, LAN, udp(A, 5000, REMOTE, 53), udp(POOL, 5000, REMOTE, 53, ttl=63))
    case.passes(0.02, WAN, udp(REMOTE, 53, POOL, 5000, b"world", 50), udp(REMOTE, 53, A, 5000, b"world", 49))
    # Nobody has asked for this, nor is there anybody.
    case.comes(0.5, WAN, udp(STRANGER, 53, POOL, 5000), "dropped filtered")
    case.comes(0.6, WAN, udp(STRANGER, 53, POOL, 6000), "dropped no_mapping")
    ends, outside = (A, 40000, REMOTE, 80), (POOL, 40000, REMOTE, 80)
    back, inwards = (REMOTE, 80, POOL, 40000), (REMOTE, 80, A, 40000)
    case.passes(1, LAN, tcp(*ends, "S", 100, 0), tcp(*outside, "S", 100, 0, ttl=63))
    case.passes(1.1, WAN, tcp(*back, "SA", 900, 101), tcp(*inwards, "SA", 900, 101, ttl=63))
    case.passes(1.2, LAN, tcp(*ends, "A", 101, 901), tcp(*outside, "A", 101, 901, ttl=63))
    case.passes(1.3, LAN, tcp(*ends, "PA", 101, 901, b"GET"), tcp(*outside, "PA", 101, 901, b"GET", 63))
    case.passes(1.4, WAN, tcp(*back, "PA", 901, 104, b"it" * 700), tcp(*inwards, "PA", 901, 104, b"it" * 700, 63))
    case.passes(1.5, LAN, tcp(*ends, "FA", 104, 2301), tcp(*outside, "FA", 104, 2301, ttl=63))
    case.passes(1.6, WAN, tcp(*back, "FA", 2301, 105), tcp(*inwards, "FA", 2301, 105, ttl=63))
    case.passes(1.7, LAN, tcp(*ends, "A", 105, 2302), tcp(*outside, "A", 105, 2302, ttl=63))
    case.passes(2, LAN, IP(src=A, dst=REMOTE) / ICMP(type=8, id=5000, seq=1) / Raw(b"ping"),
                IP(src=POOL, dst=REMOTE, ttl=63) / ICMP(type=8, id=5000, seq=1) / Raw(b"ping"))
    case.passes(2.1, WAN, IP(src=REMOTE, dst=POOL) / ICMP(type=0, id=5000, seq=1) / Raw(b"ping"),
                IP(src=REMOTE, dst=A, ttl=63) / ICMP(type=0, id=5000, seq=1) / Raw(b"ping"))
    # A UDP checksum that was never sent stays so.
    case.passes(3, LAN, IP(src=B, dst=REMOTE) / UDP(sport=5001, dport=53, chksum=0) / Raw(b"none"),
                IP(src=POOL, dst=REMOTE, ttl=63) / UDP(sport=5001, dport=53, chksum=0) / Raw(b"none"))
    # The gateway as a host.
    case.comes(4, LAN, IP(src=A, dst="192.168.7.1") / ICMP(type=8, id=1, seq=1) / Raw(b"you"), "local",
               (LAN, IP(src="192.168.7.1", dst=A, ttl=64) / ICMP(type=0, id=1, seq=1) / Raw(b"you")))
    case.comes(5, LAN, IP(src="10.1.2.3", dst=REMOTE) / UDP(), "dropped spoofed")
    # RFC 1812 section 5.3.4: what came to everybody on the link is for nobody else.
    case.comes(6, LAN, IP(src=B, dst=REMOTE) / UDP(sport=1, dport=1), "dropped multicast")
    # RFC 4787 REQ-5: five minutes by default, and REQ-6: from inside only.
    case.passes(300, LAN, udp(A, 5000, REMOTE, 53), udp(POOL, 5000, REMOTE, 53, ttl=63))
    case.passes(599, WAN, udp(REMOTE, 53, POOL, 5000), udp(REMOTE, 53, A, 5000, ttl=63))
    case.comes(601, WAN, udp(REMOTE, 53, POOL, 5000), "dropped no_mapping")
    return case


def forward():
    case = Case("forward", formats=(Frames, Raws), more='forwards = ( { proto = "tcp"; external = "203.0.113.5:8080"; '
                'internal = "192.168.7.20:80"; } );\n')
    there, inside = (REMOTE, 7000, POOL, 8080), (REMOTE, 7000, HOST, 80)
    case.passes(0, WAN, tcp(*there, "S", 1, 0), tcp(*inside, "S", 1, 0, ttl=63))
    case.passes(0.1, LAN, tcp(HOST, 80, REMOTE, 7000, "SA", 9, 2), tcp(POOL, 8080, REMOTE, 7000, "SA", 9, 2, ttl=63))
    # RFC 5382 REQ-8: from inside, by its outside name; the other host sees the outside one of the first.
    case.comes(1, LAN, tcp(A, 7000, POOL, 8080, "S", 1, 0), "sent", (LAN, tcp(POOL, 7000, HOST, 80, "S", 1, 0, ttl=63)))
    case.comes(1.1, LAN, tcp(HOST, 80, POOL, 7000, "SA", 9, 2), "sent", (LAN, tcp(POOL, 8080, A, 7000, "SA", 9, 2, ttl=63)))
    return case


def pieces():
    """RFC 4787 REQ-14: in the order that they come in, once the first has come."""
    case = Case("pieces", formats=(Raws, Cooked))
    text = bytes(range(256)) * 6
    whole, after = udp(A, 5000, REMOTE, 53, text, id=7), udp(POOL, 5000, REMOTE, 53, text, ttl=63, id=7)
    before, leaving = fragment(whole, 600), fragment(after, 600)
    case.comes(0, LAN, before[1], "held")
    case.comes(0.1, LAN, before[2], "held")
    case.comes(0.2, LAN, before[0], "sent", (WAN, leaving[0]), (WAN, leaving[1]), (WAN, leaving[2]))
    # In order; and what nobody begins.
    whole, after = udp(REMOTE, 53, POOL, 5000, text, id=8), udp(REMOTE, 53, A, 5000, text, ttl=63, id=8)
    for n, (b, a) in enumerate(zip(fragment(whole, 600), fragment(after, 600))):
        case.passes(1 + n / 10, WAN, b, a)
    case.comes(2, WAN, fragment(udp(REMOTE, 53, POOL, 5000, text, id=9), 600)[1], "held")
    case.happens(32, "-", "dropped fragment")
    return case


def unsolicited():
    """RFC 5382 REQ-4: six seconds of silence, as the other half of a simultaneous open may come yet."""
    case = Case("unsolicited")
    ends = (REMOTE, 7000, POOL, 40000)
    case.comes(0, WAN, tcp(*ends, "S", 1, 0), "dropped no_mapping")
    case.comes(1, WAN, tcp(REMOTE, 7000, POOL, 40001, "S", 1, 0), "dropped no_mapping")
    case.passes(3, LAN, tcp(A, 40001, REMOTE, 7000, "S", 9, 0), tcp(POOL, 40001, REMOTE, 7000, "S", 9, 0, ttl=63))
    case.happens(6, "-", "sent", (WAN, IP(src=POOL, dst=REMOTE, id=0, flags="DF") / ICMP(type=3, code=3) / tcp(*ends, "S", 1, 0)))
    # Long after that: everything has an end.
    case.comes(90000, WAN, udp(STRANGER, 53, POOL, 5000), "dropped no_mapping")
    return case


def errors():
    """RFC 5508 REQ-4: what they quote is translated back, and its checksums with it."""
    case = Case("errors", formats=(Raws, Raws))
    came, left = udp(A, 5000, REMOTE, 53), udp(POOL, 5000, REMOTE, 53, ttl=63)
    case.passes(0, LAN, came, left)
    # The host sees its own datagram, one hop older.
    quoted = udp(A, 5000, REMOTE, 53, ttl=63)
    case.passes(1, WAN, IP(src=HOP, dst=POOL) / ICMP(type=11, code=0) / left,
                IP(src=HOP, dst=A, ttl=63) / ICMP(type=11, code=0) / quoted)
    case.passes(2, WAN, IP(src=REMOTE, dst=POOL) / ICMP(type=3, code=3) / Raw(bytes(left)[:28]),
                IP(src=REMOTE, dst=A, ttl=63) / ICMP(type=3, code=3) / Raw(bytes(quoted)[:28]))
    case.comes(3, WAN, IP(src=REMOTE, dst=POOL) / ICMP(type=3, code=3) / udp(POOL, 5002, REMOTE, 53), "dropped icmp_no_session")
    # RFC 1812 section 4.3.2: of our own, from the address by which it came, and about what came.
    short = udp(A, 5000, REMOTE, 53, ttl=1)
    case.comes(4, LAN, short, "dropped ttl_exceeded",
               (LAN, IP(src="192.168.7.1", dst=A, ttl=64, id=0, flags="DF") / ICMP(type=11, code=0) / short))
    return case


def nat64():
    """RFC 7915 sections 4 and 5: the header of the other family; RFC 6052: the addresses."""
    case = Case("nat64", nat='name = "six"; match = "2001:db8:7::/64"; type = "nat64"; pool = [ "203.0.113.5" ]; '
                'prefix = "2001:db8:64::/96";')
    host, name = "2001:db8:7::2", f"2001:db8:64::{REMOTE}"
    text = bytes(1300)
    case.passes(0, LAN, IPv6(src=host, dst=name, hlim=64, tc=8) / UDP(sport=5000, dport=53) / Raw(text),
                IP(src=POOL, dst=REMOTE, ttl=63, tos=8, id=0, flags="DF") / UDP(sport=5000, dport=53) / Raw(text))
    case.passes(0.1, WAN, udp(REMOTE, 53, POOL, 5000, text, 50, tos=4, flags="DF"),
                IPv6(src=name, dst=host, hlim=49, tc=4) / UDP(sport=53, dport=5000) / Raw(text))
    case.passes(2, LAN, IPv6(src=host, dst=name) / ICMPv6EchoRequest(id=5000, seq=3, data=text),
                IP(src=POOL, dst=REMOTE, ttl=63, id=0, flags="DF") / ICMP(type=8, id=5000, seq=3) / Raw(text))
    case.passes(2.1, WAN, IP(src=REMOTE, dst=POOL, flags="DF") / ICMP(type=0, id=5000, seq=3) / Raw(text),
                IPv6(src=name, dst=host, hlim=63) / ICMPv6EchoReply(id=5000, seq=3, data=text))
    return case


def prefixes():
    """RFC 6296 section 3.1 to 3.4, with its own example: addresses change, and no transport checksum."""
    case = Case("prefixes", nat='name = "npt"; match = "fd01:203:405::/48"; type = "nptv6"; prefix = "2001:db8:1::/48";',
                routes=', { prefix = "fd01:203:405::/48"; interface = "lan0"; via = "2001:db8:7::2"; }')
    inside, outside, remote = "fd01:203:405:1::1234", "2001:db8:1:d550::1234", "2001:db8:a::9"
    went = IPv6(src=inside, dst=remote) / UDP(sport=5000, dport=53) / Raw(b"hello")
    sum_of_it = IPv6(bytes(went))[UDP].chksum
    case.passes(0, LAN, went, IPv6(src=outside, dst=remote, hlim=63) / UDP(sport=5000, dport=53, chksum=sum_of_it) / Raw(b"hello"))
    came = IPv6(src=remote, dst=outside) / TCP(sport=80, dport=40000, flags="S")
    sum_of_it = IPv6(bytes(came))[TCP].chksum
    case.passes(1, WAN, came, IPv6(src=remote, dst=inside, hlim=63) / TCP(sport=80, dport=40000, flags="S", chksum=sum_of_it))
    return case


def main():
    directory = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent)
    for case in (home(), forward(), pieces(), unsolicited(), errors(), nat64(), prefixes()):
        case.write(directory)


if __name__ == "__main__":
    main()
