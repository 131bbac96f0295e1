"""Seeds of target pcap: captures of each format, byte order, resolution and link type, whole and broken."""

import struct

from datagrams import ENDS, UDP, V6, ip4, ip6, udp

IP4, IP6 = ip4(*ENDS, UDP, udp(*ENDS)), ip6(*V6, UDP, udp(*V6))
MAC = bytes.fromhex("020000000001" "020000000002")
ETHERNET = MAC + b"\x08\x00" + IP4
LINKS = {
    "null": (0, b"\x02\0\0\0" + IP4), "null-other": (0, b"\0\0\0\x1e" + IP6), "loop": (108, b"\0\0\0\x18" + IP6),
    "ethernet": (1, ETHERNET), "ethernet-group": (1, b"\xff" * 6 + ETHERNET[6:]),
    "ethernet-vlans": (1, MAC + bytes.fromhex("88a800c881000064") + b"\x86\xdd" + IP6),
    "ethernet-arp": (1, MAC + b"\x08\x06" + bytes(28)), "ethernet-short": (1, MAC),
    "raw-bsd": (12, IP4), "raw": (101, IP6), "ipv4": (228, IP4), "ipv6": (229, IP6), "unknown": (105, IP4),
    "cooked": (113, struct.pack(">HHH8sH", 0, 1, 6, bytes(8), 0x800) + IP4),
    "cooked-outgoing": (113, struct.pack(">HHH8sH", 4, 1, 6, bytes(8), 0x86dd) + IP6),
    "cooked-short": (113, bytes(14)), "cooked2-short": (276, bytes(11)),
    "cooked2": (276, struct.pack(">HHIHBB8s", 0x86dd, 0, 1, 1, 2, 6, bytes(8)) + IP6),
    "cooked2-for-another": (276, struct.pack(">HHIHBB8s", 0x800, 0, 1, 1, 3, 6, bytes(8)) + IP4),
}


def pcap(packets, order="<", magic=0xa1b2c3d4, link=1, snaplen=65535, version=2):
    """packets: (seconds, parts, octets, and how many there were on the wire)."""
    file = struct.pack(order + "IHHiIII", magic, version, 4, 0, 0, snaplen, link)
    for seconds, parts, octets, length in packets:
        file += struct.pack(order + "IIII", seconds, parts, len(octets), length) + octets
    return file


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order):
    return block(order, 0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))


def interface(order, link, options=b"", snaplen=0):
    return block(order, 1, struct.pack(order + "HHI", link, 0, snaplen) + options)


def packet(order, number, stamp, octets, options=b""):
    head = struct.pack(order + "IIIII", number, stamp >> 32, stamp & 0xffffffff, len(octets), len(octets))
    return block(order, 6, head + octets + bytes(-len(octets) % 4) + options)


def pcap_seeds():
    two = [(1, 5, ETHERNET, len(ETHERNET)), (2, 999999, ETHERNET[:40], len(ETHERNET))]
    for name, order in (("little", "<"), ("big", ">")):
        yield f"{name}", pcap(two, order)
        yield f"{name}-ns", pcap(two, order, 0xa1b23c4d)
        end = option(order, 0, b"")
        fine = option(order, 9, b"\x09") + option(order, 14, struct.pack(order + "q", -5)) + end
        yield f"ng-{name}", section(order) + interface(order, 1) + packet(order, 0, 10 ** 15, ETHERNET) + \
            interface(order, 101, fine) + packet(order, 1, 10 ** 18, IP4, option(order, 2, struct.pack(order + "I", 1)) + end) + \
            packet(order, 0, 7, ETHERNET, option(order, 2, struct.pack(order + "I", 2))) + \
            block(order, 5, bytes(12)) + block(order, 3, struct.pack(order + "I", len(ETHERNET)) + ETHERNET)
        yield f"ng-{name}-old", section(order) + interface(order, 101) + \
            block(order, 2, struct.pack(order + "HHIIII", 0, 3, 0, 9, len(IP4), len(IP4)) + IP4)
        yield f"ng-{name}-cut", section(order) + interface(order, 101, snaplen=20) + \
            block(order, 3, struct.pack(order + "I", len(IP4)) + IP4[:20])
    for name, (link, octets) in LINKS.items():
        yield f"link-{name}", pcap([(1, 1, octets, len(octets))], ">", link=link)
    for resolution in (0, 3, 9, 12, 19, 20, 0x80, 0x8a, 0xbf, 0xc0):
        yield f"ng-resolution-{resolution}", section("<") + interface("<", 101, option("<", 9, bytes([resolution]))) + \
            packet("<", 0, 5 << 33, IP4)
    yield "ng-sections", (section("<") + interface("<", 101) + packet("<", 0, 5, IP4)) + \
        (section(">") + interface(">", 229) + packet(">", 0, 6, IP6))
    yield "ng-offset-beyond", section("<") + interface("<", 101, option("<", 14, struct.pack("<q", 2 ** 62))) + packet("<", 0, 5, IP4)
    yield "ng-no-interface", section("<") + packet("<", 0, 5, IP4)
    yield "ng-option-too-long", section("<") + interface("<", 101, struct.pack("<HH", 9, 400))
    yield "ng-ends-differ", section("<") + interface("<", 101)[:-1] + b"\x01"
    yield "too-long", pcap([(1, 1, ETHERNET, 1)])[:-1]
    yield "record-cut", pcap([(1, 1, ETHERNET, 1)]) + bytes(9)
    yield "ng-block-cut", section("<") + interface("<", 101) + packet("<", 0, 5, IP4)[:-6]
    yield "ng-head-cut", section("<") + interface("<", 101) + bytes(9)
    yield "huge", pcap([])[:24] + struct.pack("<IIII", 1, 1, 0xffffffff, 0xffffffff)
    yield "late", pcap([(1, 10 ** 6, IP4, 1)])
    yield "version", pcap(two, version=3)
    yield "gzip", b"\x1f\x8b\x08\0"
    yield "header-only", pcap([])
    yield "header-cut", pcap([])[:23]
