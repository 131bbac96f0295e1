"""Writes the seeds: fuzz/corpus/TARGET/*, each a story that the fuzzer would be long to find.

How the inputs are laid out stands at the head of each target and in traffic.h.
"""

import pathlib
import random
import struct

from datagrams import (ENDS, GRE, ICMP, ICMPV6, INSIDE, OUTSIDE, POOL, TCP, UDP, V6, datagrams, icmp,
                       internet_sum, ip4, ip6, tcp, u16, u32, u8, udp)
from kernel import MESSAGES
from link_seeds import link_seeds
from recipes import (BACKWARDS, FROM_OUTSIDE, KNOWN_ONLY, NO_SUM, OPTIONS, OVERLAP, PARTIAL, REPAIR, WRONG_SUM, answer, error,
                     fresh, outside, pieces, raw, turn)
from six_seeds import six_stories

HERE = pathlib.Path(__file__).resolve().parent
FILES_MOST, OCTETS_MOST = 300, 1 << 20


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
    for name, octets in datagrams():
        yield name, u8(0) + bytes(5) + u16(1200, 1400) + octets
    for name in ("tcp4-data", "tcp6", "udp4", "udp6"):
        octets, start, offset = partial(dict(datagrams())[name])
        for gso in (0, 5):
            yield f"{name}-partial-{gso}", u8(how_offload | how_partial) + u16(start) + u8(offset) + u16(gso) + \
                u16(1200, 1400) + octets
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


def stories():
    """Traffic for the NAT and for the gateway: name, turns as functions of a time step's octet."""
    opening = [turn(fresh(TCP, *ENDS)), turn(answer("synack")), turn(answer("ack"))]
    yield "tcp-life", opening + [turn(answer("ack")), turn(answer("fin")), turn(answer("fin")), turn(answer("ack"))]
    yield "tcp-reset", opening + [turn(answer("rst")), turn(fresh(TCP, *ENDS, seq=9))]
    yield "tcp-blind-reset", opening + [turn(answer("rst", seq=100)), turn(answer("rst", back=1, seq=1))]
    yield "tcp-simultaneous", [turn(fresh(TCP, *ENDS)), turn(outside(TCP)), turn(answer("synack"))]
    yield "tcp-odd-flags", [turn(fresh(TCP, *ENDS, segment="none"), fresh(TCP, *ENDS, segment="ack"),
                                 fresh(TCP, *ENDS), fresh(TCP, *ENDS, segment="none"))]
    yield "udp", [turn(fresh(UDP, *ENDS, dport=53)), turn(answer()), turn(answer()),
                  turn(outside(UDP, sport=443)), turn(outside(UDP, sport=53))]
    yield "udp-sums", [turn(fresh(UDP, *ENDS, flags=f), fresh(UDP, *ENDS, payload=9, flags=f)) + turn(answer(flags=f))
                       for f in (NO_SUM, WRONG_SUM, PARTIAL, OPTIONS)]
    yield "tcp-partial", [turn(fresh(TCP, *ENDS, flags=PARTIAL, gso=100, payload=200)), turn(answer("synack"))]
    yield "ping", [turn(fresh(ICMP, *ENDS, sport=7)), turn(answer()), turn(fresh(ICMP, *ENDS, kind=13, sport=8)),
                   turn(answer()), turn(fresh(ICMP, *ENDS, kind=5), fresh(ICMP, OUTSIDE, POOL, first=FROM_OUTSIDE))]
    yield "ping-of-zeros", [turn(raw(ip4(*ENDS, ICMP, icmp(8)))), turn(answer())]
    for name, kind in (("udp", UDP), ("tcp", TCP), ("icmp", ICMP)):
        yield f"errors-{name}", [turn(fresh(kind, *ENDS)), turn(error(3), error(0, 4), error(1, 0), error(2, 0),
                                      error(quoted=28), error(quoted=20), error(flags=WRONG_SUM), error(sender=7)),
                                 turn(answer("synack") if kind == TCP else answer(), error(0, 3), error(1, 0, sender=2))]
    yield "errors-about-nothing", [turn(outside(UDP)), turn(fresh(UDP, *ENDS)), turn(raw(ip4(
        "203.0.113.1", POOL, ICMP, icmp(11, payload=ip4(POOL, OUTSIDE, UDP, udp(POOL, OUTSIDE)))), first=FROM_OUTSIDE))]
    yield "hairpin", [turn(fresh(UDP, INSIDE, OUTSIDE)), turn(fresh(UDP, "10.0.0.3", POOL, dport=5000)),
                      turn(answer()), turn(fresh(TCP, "10.0.0.3", POOL, dport=443)), turn(answer("synack"))]
    yield "hairpin-fragments", [turn(fresh(UDP, INSIDE, OUTSIDE)), turn(
        fresh(UDP, "10.0.0.3", POOL, dport=5000, payload=20, flags=pieces(3), step=5))]
    yield "forwards", [turn(outside(TCP, dport=443), outside(TCP, "192.0.2.2", dport=80), outside(UDP, "192.0.2.2")),
                       turn(answer("synack"), answer("synack", back=1), answer("synack", back=2)),
                       turn(fresh(TCP, INSIDE, OUTSIDE, sport=80), fresh(UDP, "10.0.9.2", OUTSIDE),
                            outside(UDP, "192.0.2.3", dport=53), outside(TCP, "192.0.2.0", dport=80))]
    yield "exempt", [turn(fresh(UDP, "10.0.9.2", OUTSIDE), outside(UDP, "10.0.9.2"),
                          fresh(GRE, "10.0.9.2", OUTSIDE), fresh(UDP, "172.16.0.2", OUTSIDE))]
    yield "exempt-fragments", [turn(outside(UDP, "192.0.2.3", dport=53)), turn(
        fresh(UDP, "10.0.9.2", OUTSIDE, payload=20, flags=pieces(3), step=5, dport=80))]
    yield "known-only", [turn(fresh(UDP, INSIDE, "10.0.1.2", first=KNOWN_ONLY)), turn(fresh(UDP, *ENDS)),
                         turn(fresh(UDP, *ENDS, first=KNOWN_ONLY))]
    for kind in (UDP, TCP, ICMP):
        for name, flags in (("", 0), ("-backwards", BACKWARDS), ("-overlapping", OVERLAP)):
            yield f"fragments-{kind}{name}", [
                turn(fresh(kind, *ENDS, payload=30, identification=7, flags=flags | pieces(4), step=6)),
                turn(answer("synack", flags=flags) if kind == TCP else answer(flags=flags)),
                turn(fresh(kind, *ENDS, payload=30, identification=8, flags=flags | pieces(4), step=6),
                     fresh(kind, *ENDS, payload=30, identification=8, flags=flags | pieces(4), step=6))]
    yield "fragments-tiny", [turn(fresh(TCP, *ENDS, payload=9, flags=pieces(4), step=1))]
    yield "fragments-orphaned", [turn(*[raw(ip4(*ENDS, UDP, bytes(16), identification=n, fragment=0x2003))
                                        for n in range(20)])]
    yield "many-hosts", [turn(*[fresh(UDP, f"10.0.1.{n}", OUTSIDE, sport=p) for n in range(10, 20) for p in (5000, 5001, 80)])]
    yield "many-ports", [turn(*[fresh(kind, *ENDS, sport=p, dport=53) for p in range(5000, 5008) for kind in (UDP, TCP)])]
    yield "many-remotes", [turn(*[fresh(UDP, INSIDE, f"203.0.113.{n}") for n in range(100, 140)])]
    yield "long", [turn(fresh(UDP, *ENDS, payload=250), fresh(TCP, *ENDS, payload=250))]
    yield "pauses", [turn(fresh(kind, *ENDS), step=step) for step in range(16) for kind in (UDP, TCP)]
    for name, octets in datagrams():
        yield f"raw-{name}", [turn(raw(octets), raw(octets, first=FROM_OUTSIDE), raw(octets, first=REPAIR))]


def behaviour(pace=0, mapping=0, filtering=0, selection=0, pooling=0, hairpin=0, refresh=0, parity=0, ports=0, low=0,
              forwards=63, tcp=0, conflict=0, exhausted=0, unsolicited=0, errors=0, block=0, blocks=3, dynamic=0,
              per_host_ports=0, rate=0, per_mapping=0, short=0, alone=0):
    return u8(pace, mapping, filtering, selection, pooling, hairpin, refresh, parity, ports, low, forwards, tcp, conflict,
              exhausted, unsolicited, errors, block, blocks, dynamic, per_host_ports, rate, per_mapping, short, alone)


def nat(workers=1, sessions=64, per_host=64, fragments=8, patient=1, addresses=2, **rest):
    return u8(workers - 1, sessions - 1, per_host - 1, fragments, patient ^ 1, addresses - 1) + behaviour(**rest)


def six_nat(wanted=0, knobs=0, workers=1, **rest):
    return u8(0x80 | (workers - 1)) + nat(**rest)[1:] + u8(wanted, knobs)


def nat_seeds():
    told = dict(stories())
    for number, (name, turns) in enumerate(told.items()):
        yield name, nat(workers=1 + number % 3, mapping=number % 3, filtering=number // 3 % 3,
                        selection=number % 3) + b"".join(turns)
    for name, settings in (("narrow", dict(ports=1, parity=1)), ("low", dict(low=1, ports=0)), ("arbitrary", dict(pooling=1)),
                           ("few-sessions", dict(sessions=5)), ("few-per-host", dict(per_host=2)), ("impatient", dict(patient=0)),
                           ("sequential", dict(selection=2, ports=3)), ("no-fragments", dict(fragments=0)),
                           ("no-hairpin", dict(hairpin=2)),
                           ("hairpin-as-it-is", dict(hairpin=1)), ("soft", dict(pooling=2, ports=1)),
                           ("even", dict(selection=3, ports=1)), ("neighbours", dict(selection=4, tcp=9)),
                           ("blocks", dict(selection=5, blocks=1)), ("plan", dict(selection=6, addresses=4, dynamic=3)),
                           ("refused", dict(conflict=2, exhausted=1, errors=1)), ("overload", dict(ports=3, exhausted=3)),
                           ("limited", dict(per_host_ports=3, rate=5, unsolicited=1, short=1, alone=1)),
                           ("inbound", dict(refresh=1)), ("one-address", dict(addresses=1)), ("random", dict(selection=1))):
        for story in ("many-ports", "ping-of-zeros", "hairpin", "fragments-17-backwards", "pauses"):
            yield f"{story}-{name}", nat(**settings) + b"".join(told[story])
    for number, (name, turns) in enumerate(six_stories()):
        # Knobs one after the other; all entries, or all but the exempt hosts'.
        yield name, six_nat(workers=1 + number % 3, filtering=number % 3, mapping=number // 3 % 3, wanted=number % 2 << 5,
                            knobs=number * 5) + b"".join(turns)
    again = u8(0x80) + behaviour(pace=3, filtering=1, forwards=1)
    yield "configured-anew", nat() + b"".join(told["udp"]) + again + told["udp"][0][1:] + b"".join(told["forwards"])
    yield "configured-over", nat(forwards=0, selection=0) + turn(fresh(TCP, INSIDE, OUTSIDE, sport=443)) + \
        u8(0x80) + behaviour() + turn(outside(TCP, dport=443))[1:]


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


def helper_seeds():
    """Numbers of texts as in fuzz_helper.c."""
    inside, outside, syn, ack = 0, 1, 2, 16
    ready, port, low, eprt, pasv_reply, epsv_reply, pasv, epsv, auth, secured, noop, more, last = range(13)
    request, start, started, dial, dialled, own = range(13, 19)

    def say(side, text, flags=ack, seq=0, acknowledged=0, room=0, step=0, octets=b""):
        return u8(side, text, len(octets)) + octets + u8(flags, seq, acknowledged, room, step)

    def opened(port_number, filtering, serves=0):
        first, second = (outside, inside) if serves else (inside, outside)
        return (u8(port_number) + (u8(serves) if port_number < 2 else b"") + u8(filtering, filtering)
                + say(first, 255, syn) + say(second, 255, syn | ack) + say(first, 255))

    piece = [say(inside, own, octets=p) for p in (b"PO", b"RT 10,0,0,1", b"1,19,137\r", b"\nNOOP\r\n")]
    greeted = opened(0, 2) + say(outside, ready)
    for name, line in ("port", port), ("low", low), ("eprt", eprt):
        yield name, greeted + say(inside, line) + say(outside, noop) + say(inside, noop)
    yield "pieces", greeted + b"".join(piece)
    yield "again", greeted + say(inside, port) + say(inside, port, seq=252 - 24) + say(inside, noop)
    yield "ahead", greeted + say(inside, port, seq=253) + say(inside, port)
    yield "no-room", greeted + say(inside, port, room=255) + say(inside, port)
    yield "end", greeted + piece[0] + say(inside, 255, ack | 1)
    yield "tls", greeted + say(inside, auth) + say(outside, secured) + say(inside, port)
    yield "late", greeted + say(inside, port) + say(inside, noop, step=255)
    served = opened(0, 1, 1) + say(inside, ready)
    yield "passive", served + say(outside, pasv) + say(inside, pasv_reply) + say(outside, epsv) + say(inside, epsv_reply)
    yield "long-reply", served + say(outside, pasv) + say(inside, more) + say(inside, pasv_reply) + say(inside, last)
    yield "tftp", u8(2, 2, 2) + say(inside, request) + say(outside, 255) + say(inside, request, step=200)
    called = opened(3, 2) + say(inside, start) + say(outside, started)
    yield "pptp", called + say(inside, dial) + say(outside, dialled) + say(inside, dial, seq=252 - 14)


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
    "nfqueue": nfqueue_seeds,
}


def main():
    for target, seeds in TARGETS.items():
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        seeds = list(seeds())
        names, octets = {name for name, _ in seeds}, sum(len(octets) for _, octets in seeds)
        assert len(names) == len(seeds) < FILES_MOST and octets < OCTETS_MOST
        for old in folder.iterdir():
            if old.name not in names:
                old.unlink()
        for name, content in seeds:
            (folder / name).write_bytes(content)
        print(f"{target:8} {len(seeds):4} files {octets:7} octets")


if __name__ == "__main__":
    main()
