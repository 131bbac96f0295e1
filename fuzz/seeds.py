"""Writes the seeds: fuzz/corpus/TARGET/*, each a story that the fuzzer would be long to find.

How the inputs are laid out stands at the head of each target and in traffic.h.
"""

import pathlib
import random
import struct

from datagrams import (ENDS, GRE, ICMP, ICMPV6, INSIDE, OUTSIDE, POOL, TCP, UDP, V6, broken, datagrams, icmp,
                       internet_sum, ip4, ip6, tcp, u16, u32, u8, udp)
from helper_seeds import helper_seeds
from kernel import MESSAGES
from link_seeds import link_seeds
from nat_seeds import nat_seeds, stories
from pcap_seeds import pcap_seeds
from plan_seeds import plan_seeds
from recipes import (BACKWARDS, FROM_OUTSIDE, KNOWN_ONLY, NO_SUM, OPTIONS, OVERLAP, PARTIAL, REPAIR, WRONG_SUM, answer, error,
                     fresh, outside, pieces, raw, turn)
from state_seeds import state_seeds
from target_seeds import error_seeds, family_seeds, fragment_seeds, model_seeds

HERE = pathlib.Path(__file__).resolve().parent
FILES_MOST, OCTETS_MOST = 500, 1 << 20


def partial(octets):
    """As a sender leaves it to its device: (octets, where the transport begins, where its checksum is)."""
    v4 = octets[0] >> 4 == 4
    start, protocol = (octets[0] & 15) * 4 if v4 else 40, octets[9 if v4 else 6]
    at = start + (16 if protocol == TCP else 6)
    addresses = octets[12:20] if v4 else octets[8:40]
    rest = addresses + u16(protocol) + u16(len(octets) - start)
    return octets[:at] + u16(internet_sum(rest)) + octets[at + 2:], start, at - start


def packet_seeds():
    how_repair, how_offload, how_partial = 1, 2, 4
    for name, octets in (*datagrams(), *broken()):
        yield name, u8(0) + bytes(5) + u16(1200, 1400) + octets
    for name in ("tcp4-data", "tcp6", "udp4", "udp6"):
        octets, start, offset = partial(dict(datagrams())[name])
        for gso in (0, 5):
            yield f"{name}-partial-{gso}", u8(how_offload | how_partial) + u16(start) + u8(offset) + u16(gso) + \
                u16(1200, 1400) + octets
    octets, start, offset = partial(dict(datagrams())["tcp4-data"])
    segment, piece = dict(datagrams())["udp4-shorter-than-ip"], dict(datagrams())["fragment4-last"]
    for name, at, off, gso, about in (("elsewhere", start + 1, offset, 0, octets), ("behind-end", start, 99, 0, octets),
                                      ("of-icmp", 20, 2, 0, dict(datagrams())["icmp4-echo"]), ("other-field", start, 6, 0, octets),
                                      ("udp-shorter", 20, 6, 0, segment), ("later-fragment", 20, 6, 0, piece)):
        yield f"offload-{name}", u8(how_offload | how_partial) + u16(at) + u8(off) + u16(gso) + u16(1200, 1400) + about
    yield "offload-segments-alone", u8(how_offload) + u16(start) + u8(offset) + u16(5) + u16(1200, 1400) + octets
    yield "offload-nothing", u8(how_offload) + u16(start) + u8(offset) + u16(0) + u16(1200, 1400) + octets
    yield "repaired", u8(how_repair) + bytes(9) + dict(datagrams())["icmp4-error-3-1"]
    yield "nothing", b""


def coalesce_seeds():
    """What the device takes; how, ends, size of the payload; for a change, which octet and its new value."""
    is_udp, is_v6, df, is_partial, is_super, last, changed, wrong = (1 << n for n in range(8))
    kinds = {"tcp4": 0, "tcp6": is_v6, "udp4": is_udp, "udp6": is_udp | is_v6, "tcp4-df": df}
    for name, kind in kinds.items():
        run = u8(kind, 0, 100)
        yield f"{name}-run", u8(7) + run * 5 + u8(kind | last, 0, 99)
        yield f"{name}-two", u8(7) + (run + u8(kind, 1, 100)) * 4 + run + u8(kind, 2, 100) + run
        yield f"{name}-full", u8(7) + run * 64
        yield f"{name}-not-taken", u8(1) + run * 3
        yield f"{name}-partial", u8(7) + run + u8(kind | is_partial, 0, 100) * 2 + run
        yield f"{name}-supers", u8(7) + u8(kind | is_super, 0, 100) * 3 + run + u8(kind | is_super | last, 0, 100) + run
        yield f"{name}-wrong", u8(7) + run * 2 + u8(kind | wrong, 0, 100) + run * 2
        yield f"{name}-sizes", u8(7) + b"".join(u8(kind, 0, size) for size in (99, 100, 100, 33, 33, 0, 1, 1, 2, 1))
        yield f"{name}-last", u8(7) + run * 2 + u8(kind | last, 0, 100) + run * 2
        for at, to in ((1, 2), (6, 0x20), (0, 0x46), (8, 3), (7, 3)):
            yield f"{name}-octet-{at}-{to}", u8(7) + run + u8(kind | changed, 0, 100, at, to) + run * 2
    for at, to in ((33, 0x90), (33, 0x80), (33, 0x50), (32, 0x50), (32, 0x81), (31, 78), (39, 1), (40, 2), (9, 1)):
        change = u8(changed, 0, 100, at, to)
        yield f"tcp4-octet-{at}-{to}", u8(7) + change + u8(0, 0, 100) * 2 + change + u8(0, 0, 100) * 2


def segment_seeds():
    """How, flags, kind, segment size, where the checksum is, octets to add."""
    how_fit, needs_checksum = 1, 1
    wholes = {
        "tcp4": ip4(*ENDS, TCP, tcp(*ENDS, flags=0x99, options=u8(1) * 12)),
        "tcp6": ip6(*V6, TCP, tcp(*V6, flags=0x19)),
        "udp4": ip4(*ENDS, UDP, udp(*ENDS)),
        "udp6": ip6(*V6, UDP, udp(*V6)),
        "udp6-chain": ip6(*V6, UDP, udp(*V6), [(60, u8(0, 1, 4, 0, 0, 0, 0))]),
        "tcp4-options": ip4(*ENDS, TCP, tcp(*ENDS, flags=0x10), u8(1, 1, 1, 0)),
        "icmp4": dict(datagrams())["icmp4-echo"],
        "fragment4-first": dict(datagrams())["fragment4-first"],
    }
    for name, octets in wholes.items():
        for gso, more in ((0, 0), (0, 900), (1448, 1448), (1448, 4000), (1, 30), (536, 65535)):
            yield f"{name}-{gso}-{more}", u8(how_fit, 0, 1 if gso else 0) + u16(gso) + u8(0, 0) + u16(more) + octets
    octets, start, offset = partial(wholes["udp4"])
    yield "as-it-is", u8(0, needs_checksum, 0) + u16(0) + u8(start, offset) + u16(0) + octets
    yield "udp-shorter-than-ip", u8(0, needs_checksum, 0) + u16(0) + u8(start, offset) + u16(0) + \
        partial(dict(datagrams())["udp4-shorter-than-ip"])[0]


def worker_seeds():
    for number, (name, turns) in enumerate(stories()):
        workers, cuts, forwards = number % 3, number // 3 % 2, "forward" in name or number % 2
        yield name, u8(workers, cuts, 63, 7, number % 3, number // 2 % 3, number % 3, forwards, number // 4 % 2) + \
            b"".join(turns)
    own = [raw(ip4(INSIDE, "10.0.0.1", ICMP, icmp(8, rest=u16(7, 1)))), raw(ip4(INSIDE, "10.0.0.1", UDP, udp(INSIDE, "10.0.0.1"))),
           raw(ip4(INSIDE, OUTSIDE, UDP, udp(*ENDS), ttl=1)), fresh(UDP, INSIDE, "203.0.113.10"),
           raw(ip4(OUTSIDE, "198.51.100.1", ICMP, icmp(8, rest=u16(7, 1))), first=FROM_OUTSIDE),
           raw(ip4(INSIDE, "255.255.255.255", UDP, udp(*ENDS))), raw(ip4("127.0.0.1", OUTSIDE, UDP, udp(*ENDS))),
           raw(ip4(INSIDE, OUTSIDE, UDP, udp(*ENDS, bytes(1000)), fragment=0x4000)),
           raw(ip6("fd00:7::2", "fd00:7::1", ICMPV6, icmp(128, ends=("fd00:7::2", "fd00:7::1")))),
           raw(ip6("fd00:7::2", V6[1], UDP, udp("fd00:7::2", V6[1]), hops=1)),
           raw(ip6("fd00:7::2", V6[1], UDP, udp("fd00:7::2", V6[1])))]
    for cuts in (0, 1):
        yield f"router-itself-{cuts}", u8(0, cuts, 63, 7, 0, 0, 0, 1, 1) + turn(*own)


# Prefixes

def fib_seeds():
    chance = random.Random(4632)

    def prefix(version, octets, length, place=0):
        return u8((version == 6) | place << 1) + u32(octets) + u8(length)

    def sets(prefixes):
        return b"".join(u8(0) + prefix(*p) + u16(1 + n) for n, p in enumerate(prefixes))

    def drops(prefixes):
        return b"".join(u8(1) + prefix(*p) for p in prefixes)

    def look(prefixes):
        return b"".join(u8(2) + prefix(*p)[:-1] for p in prefixes)

    nested = [(4, 0x0a0a0a0a, n) for n in range(6, 33)]
    nested6 = [(6, 0x20010db8, n) for n in range(6, 129)]
    beside = [(4, 0xc0000200 + 4 * n, 30) for n in range(64)]
    spread = [(4, chance.getrandbits(32), chance.choice([12, 16, 19, 24, 24, 24, 30, 32])) for _ in range(150)]
    spread6 = [(6, chance.getrandbits(32), chance.choice([32, 48, 64, 128]), chance.randrange(4)) for _ in range(150)]
    for name, prefixes in (("nested4", nested), ("nested6", nested6), ("beside4", beside), ("spread4", spread),
                           ("spread6", spread6), ("default4", [(4, 0, 0)]), ("default6", [(6, 0, 0)])):
        shuffled = chance.sample(prefixes, len(prefixes))
        yield name, u8(0xf0) + sets(prefixes) + look(prefixes)
        if name.startswith("spread"):
            yield f"{name}-listed", u8(0x0f) + sets(shuffled[:40])
        yield f"{name}-removed", u8(0) + sets(shuffled) + u8(3) + drops(prefixes[::2]) + u8(3) + \
            sets(prefixes[::3]) + drops(prefixes) + u8(3)


# Texts

INTERFACES = 'interfaces = ( { name = "lan0"; type = "mem"; side = "inside"; address = [ "192.168.7.1/24" ]; },\n' \
    ' { name = "wan0"; type = "mem"; side = "outside"; address = [ "203.0.113.1/24", "2001:db8::1/64" ]; mtu = 1400; } );\n'
NAT = 'nat = ( { name = "home"; match = "192.168.7.0/24"; type = "napt44"; pool = [ "203.0.113.5-203.0.113.9" ]; } );\n'


def conf_seeds():
    parts = {
        "least": "",
        "routes": 'routes = ( { prefix = "0.0.0.0/0"; interface = "wan0"; via = "203.0.113.254"; metric = 100; },\n'
                  ' { prefix = "10.0.0.0/8"; type = "blackhole"; }, { prefix = "::/0"; interface = "wan0"; via = "2001:db8::fe"; } );',
        "routes-shared": "routes = ( " + ", ".join('{ prefix = "0.0.0.0/0"; interface = "wan0"; '
                                                   f'via = "203.0.113.{n}"; }}' for n in range(20, 24)) + " );",
        "limits": "workers = 2; seed = 7; limits = { sessions = 1000; sessions_per_host = 10; fragments = 4; };",
        "timeouts": "timeouts = { udp = 120; tcp_established = 7440; tcp_transitory = 240; icmp = 60; fragment = 2; };",
        "timeouts-short": "timeouts = { udp = 1; allow_short = true; tcp_opening = 4; };",
        "forwards": 'forwards = ( { proto = "tcp"; external = "203.0.113.5:8080"; internal = "192.168.7.2:80"; },\n'
                    ' { proto = "tcp+udp"; external = "203.0.113.6:50000-50099"; internal = "192.168.7.2"; } );',
        "rewrite": 'rewrite = ( { match = "out wan0 tcp syn"; mss = "clamp"; }, { match = "in lan0"; dscp = 8; ttl = 64; } );',
        "import": 'import_routes = [ "main", "100", "0x70", "nowhere", "local" ];',
        "later": 'clock = "virtual";',
        "unknown-key": 'worker = 1; limits = { session = 5; };',
        "wrong-types": 'workers = "two"; limits = ( 1, 2 ); routes = { };',
        "comments": "# one\n// two\n/* three */ workers = 1;",
        "unterminated": '/* workers = 1;',
        "numbers": "workers = 0x2; seed = 99999999999L; limits = { sessions = 2147483648; };",
        "include": '@include "other.conf"\n',
        "text": 'control = "/tmp/\\x41\\n\\"socket\\"" " and more";',
    }
    for name, text in parts.items():
        yield name, (INTERFACES + NAT + text + "\n").encode()
    yield "two-nats", (INTERFACES + 'nat = ( { name = "open"; match = "10.0.0.0/8"; type = "none"; },\n { name = "home"; '
                       'match = "192.168.7.0/24"; type = "napt44"; pool = [ "interface:wan0" ]; ports = "1024-65535"; '
                       'low_ports = "512-1023"; mapping = "address-dependent"; filtering = "address-and-port-dependent"; '
                       'port_selection = "random"; pooling = "arbitrary"; hairpin = "off"; refresh = "both"; } );\n').encode()
    yield "tun", b'interfaces = ( { name = "lan0"; type = "tun"; side = "inside"; netns = "lan"; host_routes = [ "default" ];\n' \
        b' address = [ "10.0.0.1/24" ]; host_address = [ "10.0.0.2/24" ]; queues = 2; offload = false; },\n' \
        b' { name = "wan0"; type = "packet"; device = "eth0"; side = "outside"; } );\n' + \
        NAT.replace("203.0.113.5-203.0.113.9", "interface:wan0").encode()
    yield "example", (HERE.parent / "router.conf").read_bytes()
    yield "empty", b""
    yield "deep", b"a = " + b"(" * 200 + b")" * 200 + b";"
    yield "zero-octet", b"workers = 1;\0"


def ctl_seeds():
    requests = ['{"command": "%s"}' % name for name in
                ("version", "status", "interfaces", "routes", "sessions", "mappings", "counters", "nothing")]
    keys = ['"proto": "udp"', '"inside": "10.0.0.2:5000"', '"outside": "192.0.2.1"', '"remote": "203.0.113.9:53"',
            '"state": "-"', '"limit": 1', '"limit": 0', '"limit": -1', '"proto": "gre"', '"inside": "::1"', '"state": 3',
            '"outside": "192.0.2.1:99999"', '"remote": "1:2:3"', '"limit": 1e400', '"nothing": null']
    for number, request in enumerate(requests):
        yield f"{number}-{request.split(chr(34))[3]}", u8(255) + request.encode() + b"\n"
    for number, key in enumerate(keys):
        yield f"key-{number}", u8(255) + b'{"command": "sessions", %s}\n' % key.encode()
    yield "all-keys", u8(255) + b'{"command": "sessions", %s}\n' % ", ".join(keys[:6]).encode()
    yield "all-together", u8(255) + "\n".join(requests).encode() + b"\n"
    yield "in-pieces", u8(0) + "\n".join(requests[:3]).encode() + b"\n"
    yield "too-long", u8(255) + b'{"command": "' + b"x" * 4200 + b'"}\n{"command": "version"}\n'
    yield "no-newline", u8(255) + b'{"command": "version"}'
    yield "no-json", u8(255) + b"status\n\n[]\n\"x\"\n{\n"
    yield "twice", u8(255) + b'{"command": "version", "command": "status"}\n'
    yield "no-text", u8(255) + b'{"command": "\xff\xfe\\u0000\\ud800"}\n{"command": 7}\n'
    yield "deep", u8(255) + b"[" * 3000 + b"\n"


def netlink_seeds():
    raw, made, listed, begin, end = 0, 1, 2, 0, 1
    types = {number: place for place, number in enumerate((16, 17, 20, 21, 28, 29, 24, 25, 32, 33))}
    messages = {name: bytes.fromhex(text) for name, text in MESSAGES.items()}

    def say(*names):
        return b"".join(u8(raw) + u16(len(messages[name])) + messages[name] for name in names)

    def remade(name, length):
        """Cut off there, and of that length."""
        kind, flags = struct.unpack("=HH", messages[name][4:8])
        body = messages[name][16:length]
        return u8(made, types[kind]) + u16(flags, len(body)) + body

    alone, whole = u8(0), u8(15)
    for name, octets in messages.items():
        yield name, whole + say("link", name)
        yield f"{name}-cut", alone + u8(raw) + u16(len(octets) // 2) + octets[:len(octets) // 2]
        yield f"{name}-made", alone + remade(name, len(octets))
        yield f"{name}-shorter", alone + remade(name, len(octets) - 4)
    lists = b"".join(u8(listed, begin, subject) + say(*names) + u8(listed, end, subject) for subject, names in
                     enumerate((["link"], ["address"], ["neighbour"], ["rule"], ["route", "route-ways"], ["route6-ways"])))
    yield "lists", whole + lists
    yield "lists-twice", whole + lists + lists
    yield "changes", whole + lists + say("route-blackhole", "route-gone", "route6-gone", "route-next-hop", "link-gone")
    yield "nothing", b""


def nfqueue_seeds():
    """Attributes as the kernel gives them, the numbers in them in network order; then what it never says."""
    packet_hdr, mark, stamp, device, address, payload, info, whole_len = 1, 3, 4, 5, 9, 10, 14, 13
    said = dict(datagrams())
    head = u8(packet_hdr) + u16(7) + u32(41) + u16(0x0800) + u8(0)
    front = u8(device) + u16(4) + u32(2) + u8(address) + u16(12) + u16(6, 0) + bytes(8)
    packet, refused = u8(1) + u16(0x0300), u8(1) + u16(2)

    def of(octets, *flags):
        infos = b"".join(u8(info) + u16(4) + u32(f) for f in flags)
        return u8(3) + head + front + infos + u8(payload) + u16(len(octets)) + octets

    for name in ("tcp4-data", "udp4", "tcp6", "udp6", "icmp4-error-3-1"):
        yield name, packet + of(said[name])
    yield "partial", packet + of(said["tcp4-data"], 1)
    yield "large", packet + of(said["tcp4-data"] + bytes(2000), 3)
    yield "marked", packet + u8(0) + head + u8(mark) + u16(4) + u32(7) + u8(stamp) + u16(16) + bytes(16) + \
        u8(whole_len) + u16(4) + u32(70000) + u8(payload) + u16(4) + bytes(4)
    yield "without-datagram", packet + u8(0) + head
    yield "without-number", packet + u8(0) + front + u8(payload) + u16(4) + bytes(4)
    yield "short-number", packet + u8(0) + u8(packet_hdr) + u16(6) + bytes(6)
    yield "short-info", packet + u8(0) + head + u8(info) + u16(2) + bytes(2)
    yield "beyond-the-end", packet + u8(0) + head + u8(payload) + u16(400) + bytes(4)
    yield "refused", refused + u8(0) + bytes(20)
    yield "unknown-type", u8(1) + u16(0x0301) + of(said["udp4"])
    header = struct.pack("<IHHII", 20, 0x0300, 0, 0, 0) + u8(2, 0, 0, 3)
    for name, octets in (("plain", header), ("short-header", header[:15]), ("short-body", header[:18]),
                         ("long-claim", struct.pack("<I", 1 << 31) + header[4:]),
                         ("small-claim", struct.pack("<I", 3) + header[4:]),
                         ("empty-attribute", header + bytes(4))):
        yield f"message-{name}", u8(0) + octets


TARGETS = {
    "packet": packet_seeds, "nat": nat_seeds, "worker": worker_seeds, "segment": segment_seeds, "fib": fib_seeds,
    "coalesce": coalesce_seeds, "link": link_seeds,
    "conf": conf_seeds, "ctl": ctl_seeds, "helper": helper_seeds, "netlink": netlink_seeds,
    "model": model_seeds, "family": family_seeds, "error": error_seeds, "fragment": fragment_seeds,
    "nfqueue": nfqueue_seeds, "pcap": pcap_seeds, "plan": plan_seeds,
    "state": state_seeds,
}


def main():
    for target, seeds in TARGETS.items():
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        seeds = list(seeds())
        names, octets = {name for name, _ in seeds}, sum(len(octets) for _, octets in seeds)
        assert len(names) == len(seeds) < FILES_MOST and octets < OCTETS_MOST
        for old in folder.iterdir():
            if old.name not in names and not old.name.startswith("capture-"):  # those are of captures.py
                old.unlink()
        for name, content in seeds:
            (folder / name).write_bytes(content)
        print(f"{target:8} {len(seeds):4} files {octets:7} octets")


if __name__ == "__main__":
    main()
