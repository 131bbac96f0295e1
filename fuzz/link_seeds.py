"""Ethernet frames for fuzz_link.c: ARP and neighbour discovery, behind any tags."""

from datagrams import ICMPV6, icmp, ip6, octets_of, u16, u8


def link_seeds():
    """Steps: a frame (how, length, octets), a neighbour that is wanted, time."""
    repair, ours, second = 1, 2, u8(2) + u16(1000)
    mac, us, everybody, group = u8(2, 0, 0, 0, 0, 2), u8(2, 0, 0, 0, 0, 1), u8(255) * 6, u8(0x33, 0x33, 255, 0, 0, 2)
    target, peer, all_nodes = octets_of("fd00::2"), "fe80::2", "ff02::1"

    def frame(to, kind, octets, how=0, tags=b""):
        whole = to + mac + tags + u16(kind) + octets
        return u8(0, how, len(whole)) + whole

    def arp(operation, sender, asked):
        return u16(1, 0x800) + u8(6, 4) + u16(operation) + mac + octets_of(sender) + bytes(6) + octets_of(asked)

    def nd(kind, flags, source, destination, option=u8(1, 1) + mac):
        ends = (source, destination)
        return ip6(*ends, ICMPV6, icmp(kind, 0, u8(flags, 0, 0, 0), target + option, ends), hops=255)

    frames = {
        "arp-request": frame(everybody, 0x806, arp(1, "10.0.0.3", "10.0.0.1"), ours),
        "arp-reply": frame(us, 0x806, arp(2, "10.0.0.3", "10.0.0.1")),
        "arp-probe": frame(everybody, 0x806, arp(1, "0.0.0.0", "10.0.0.1"), ours),
        "arp-announcement": frame(everybody, 0x806, arp(1, "10.0.0.3", "10.0.0.3")),
        "solicitation": frame(group, 0x86dd, nd(135, 0, peer, "ff02::1:ff00:2"), ours),
        "solicitation-unicast": frame(us, 0x86dd, nd(135, 0, peer, "fd00::2"), ours),
        "probe": frame(group, 0x86dd, nd(135, 0, "::", "ff02::1:ff00:2", b""), ours),
        "advertisement": frame(us, 0x86dd, nd(136, 0x60, "fd00::2", peer, u8(2, 1) + mac)),
        "advertisement-bare": frame(us, 0x86dd, nd(136, 0x40, "fd00::2", peer, b"")),
        "advertisement-timid": frame(us, 0x86dd, nd(136, 0, "fd00::2", all_nodes, u8(2, 1) + mac)),
        "options": frame(us, 0x86dd, nd(136, 0x60, "fd00::2", peer, u8(14, 1) + bytes(6) + u8(2, 1) + mac)),
        "wrong-sum": frame(us, 0x86dd, nd(136, 0x60, "fd00::2", peer, u8(2, 1) + mac)[:-1] + u8(9), repair),
    }
    tags = {"one": u16(0x8100, 0x6064), "two": u16(0x88a8, 200, 0x8100, 100), "three": u16(0x8100, 1) * 3,
            "none": u16(0x8100, 0xe000)}
    for name, octets in frames.items():
        version = 3 if "arp" in name else 2
        yield name, u8(1, version) + second + octets + u8(1, version) + second * 31 + u8(1, version) + second * 4
    for name, octets in tags.items():
        yield f"tags-{name}", frame(everybody, 0x806, arp(1, "10.0.0.3", "10.0.0.1"), ours, octets) + u8(1, 3) + second
    yield "scan", b"".join(u8(1, n) for n in range(256)) + second * 4
    yield "cut", frame(us, 0x86dd, nd(136, 0x60, "fd00::2", peer, u8(2, 1) + mac))[:60]
