"""Seeds of the targets that look at one thing: model, family, error, fragment."""

import random

from datagrams import ICMP, ICMPV6, OUTSIDE, TCP, UDP, datagrams, icmp, ip6, octets_of, u8, u16, u32
from recipes import (BACKWARDS, NAT64, NAT64_40, NO_SUM, OPTIONS, PARTIAL, SIIT, WRONG_SUM, fresh, pieces, raw, six)

REMOTE = "2001:db8:f::1"
ENDS6 = {"nat64": ("2001:db8:1::2", (NAT64, OUTSIDE)), "nat64-40": ("fd00:2::2", (NAT64_40, OUTSIDE)),
         "napt66": ("fd00:2::2", REMOTE), "firewall": ("2001:db8:1::2", REMOTE), "one-to-one": ("fd00:3::2", REMOTE),
         "npt": ("fd00:4:0:1::2", REMOTE), "siit": ("2001:db8:a::1", (SIIT, OUTSIDE))}


def sent(name, protocol=UDP, **rest):
    """From inside, by an entry of that name; of IPv4 there is one."""
    if name == "napt44":
        return fresh(protocol, "10.0.0.2", OUTSIDE, **rest)
    return six(protocol, *ENDS6[name], **rest)


def model_seeds():
    """Choices as good as any, for each kind of configuration."""
    for workers in range(3):
        for mapping in range(3):
            for of_six in range(2):
                for seed in range(2):
                    chance = random.Random(f"{workers} {mapping} {of_six} {seed}")
                    head = u8(workers, mapping, (mapping + seed) % 3, of_six) + u16(chance.randrange(65536))
                    yield f"{workers}-{mapping}-{of_six}-{seed}", head + chance.randbytes(1500)


def family_seeds():
    ports, fixed_tos, sum_drops, unknown_drops = (1 << n for n in range(4))

    def head(how=0, whole=0):
        return u8(how) + u16(4321, 53) + u16(7) + u16(whole) + (u8(0) + u32(0xc0000221) + u16(1)) + (u8(9) + u32(0xcb007109) + u16(2))

    spoilt = (0, WRONG_SUM, NO_SUM, PARTIAL, OPTIONS)
    for name, protocol in (("tcp", TCP), ("udp", UDP), ("icmp", ICMP)):
        both = b"".join(sent(of, protocol, payload=9, flags=f) for of in ("napt44", "nat64")
                        for f in spoilt if not (f == PARTIAL and protocol == ICMP))
        yield f"{name}", head(ports) + both
        yield f"{name}-as-it-is", head(fixed_tos) + both
        cut = b"".join(sent(of, protocol, payload=60, flags=f | pieces(3), step=5) for of in ("napt44", "nat64")
                       for f in (0, NO_SUM))
        yield f"{name}-pieces", head(ports) + cut
        yield f"{name}-pieces-of-known", head(ports, 428) + cut
    yield "drops", head(sum_drops | unknown_drops) + sent("napt44", flags=NO_SUM) + raw(dict(datagrams())["gre4"])
    yield "long", head(ports) + b"".join(sent(of, payload=178) + sent(of, TCP, payload=180) for of in ("napt44", "nat64"))
    yield "extensions", head() + b"".join(six(UDP, *ENDS6["nat64"], flags=OPTIONS, extension=(e, r))
                                          for e, r in ((0, 0), (1, 0), (2, 0x40), (2, 0x41), (3, 0), (4, 0)))
    far = [ip6("2001:db8:1::2", "2001:db8:64::cb00:7109", UDP, bytes(len), [(44, u8(0) + u16(place) + u32(7))])
           for len, place in ((1400, 1), (1400, 8), (800, 0xff00), (64, 0xffb8), (40, 0xffc0), (72, 0xffb0), (8, 0xfff0))]
    silent = icmp(129, ends=("2001:db8:1::2", "2001:db8:64::cb00:7109"))
    yield "zeros", head() + raw(ip6("2001:db8:1::2", "2001:db8:64::cb00:7109", ICMPV6, silent))
    yield "far", head() + b"".join(raw(octets) for octets in far)
    every = [raw(octets) for _, octets in datagrams()]
    for i in range(0, len(every), 10):
        yield f"every-{i // 10}", head(ports) + b"".join(every[i:i + 10])


def error_seeds():
    about, router, wrong_sum, length, options, changed, wrong_end = (1 << n for n in range(7))

    def report(kind, code, word=0, which=0, how=0, quote=2000, filled=0, extension=b"", change=b"", sender=b"", room=64):
        return u8(about | how, which, kind, code) + u32(word) + sender + u16(quote) + u8(filled, len(extension) // 4) + \
            extension + change + u8(room)

    structure = u16(0x2000, 0) + u16(8, 0x0101) + u32(0x00d8e101)
    for name in ("napt44", *ENDS6):
        for protocol in (UDP, TCP, ICMP):
            across = name.startswith("nat64") or name in ("siit", "napt44")
            kinds = [(3, c) for c in (0, 1, 3, 4, 9, 13)] + [(11, 0), (12, 0), (4, 0)] if across else \
                [(1, c) for c in (0, 1, 4, 5)] + [(2, 0), (3, 0), (4, 0), (4, 1)]
            body = u8(0) + sent(name, protocol, payload=30)
            body += b"".join(report(k, c, quote=q) for (k, c), q in zip(kinds, (2000, 28, 27, 60, 48, 2000, 100, 2000, 99)))
            kind = 3 if across else 1
            body += report(kind, 1, how=length, filled=64, extension=structure) + report(kind, 3, how=length, filled=35, extension=structure)
            body += report(kind, 1, how=length, filled=64, extension=structure * 5, room=0) + report(kind, 1, quote=128, filled=35)
            body += report(kind, 1, how=wrong_sum) + report(kind, 1, how=changed, change=u8(9, 1)) + report(kind, 1, how=wrong_end)
            yield f"{name}-{protocol}", u16(1400, 1500) + body
    yield "routers", u16(0, 0) + u8(0) + sent("napt44") + u8(0) + sent("nat64") + u8(0) + sent("napt66") + \
        report(3, 1, how=router, sender=octets_of("198.51.100.7")) + report(3, 1, which=1, how=router, sender=octets_of("203.0.113.10")) + \
        report(1, 0, which=2, how=router, sender=u8(9)) + report(11, 0, how=options, sender=u8(7, 3, 4, 0)) + \
        report(3, 4, 1400, which=1) + report(2, 0, 1400, which=2) + report(12, 0, 8 << 24, which=1)


def fragment_seeds():
    def whole(name, protocol=UDP, **rest):
        return u8(0) + sent(name, protocol, **rest)

    def piece(which, begin, units, how=0):
        return u8(1, which, how, begin, units - 1)

    def every(which, step, *order):
        return u8(2, which, 0, step - 1, *order)

    later, lie, other = u8(3, 1), 2, 16
    for name in ("napt44", *ENDS6):
        for protocol in (UDP, TCP, ICMP):
            yield f"{name}-{protocol}", u8(15) + whole(name, protocol, payload=60) + every(1, 10) + every(1, 20, 1, 1, 0) + \
                every(1, 13, 3, 2, 1) + every(1, 7, 5, 1, 3, 0, 1)
    yield "no-checksum", u8(15) + whole("napt44", flags=NO_SUM, payload=40) + every(1, 9, 2, 1) + whole("nat64", flags=NO_SUM, payload=40) + \
        every(2, 9, 2, 1)
    yield "overlap", u8(15) + whole("napt44", payload=90) + piece(1, 2, 4) + piece(1, 5, 4) + piece(1, 0, 2) + piece(1, 0, 4, other) + \
        piece(1, 1, 2, other) + piece(1, 4, 99, other)
    yield "repeated", u8(15) + whole("napt44", payload=90) + piece(1, 2, 8) + piece(1, 2, 4) + piece(1, 2, 8) + piece(1, 6, 4) + \
        piece(1, 0, 2) + piece(1, 10, 99)
    yield "two-ends", u8(15) + whole("nat64", payload=90) + piece(1, 70, 20) + piece(1, 20, 4, lie) + piece(1, 10, 4, lie | other) + \
        piece(1, 30, 4, other) + piece(1, 10, 4, lie | other)
    yield "limit", u8(2) + whole("napt44", payload=90) + piece(1, 9, 4) + piece(1, 9, 4, other) + piece(1, 9, 4, 2 * other) + u8(3, 4) + \
        piece(1, 9, 4, 3 * other) + piece(1, 0, 9, 3 * other)
    yield "stretches", u8(15) + whole("napt66", payload=200) + b"".join(piece(1, 2 + 2 * i, 1) for i in range(14)) + piece(1, 3, 1) + piece(1, 0, 2)
    yield "late", u8(15) + whole("napt44", payload=90) + piece(1, 9, 99) + u8(3, 7) + piece(1, 9, 99) + later + piece(1, 0, 9) + u8(3, 8) + piece(1, 0, 9)
