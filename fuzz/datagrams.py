"""Datagrams of every kind, made from the RFCs with nothing of the router's."""

import struct

TCP, UDP, ICMP, GRE, ICMPV6 = 6, 17, 1, 47, 58
DCCP, ESP, SCTP, UDPLITE = 33, 50, 132, 136
INSIDE, OUTSIDE, POOL = "10.0.0.2", "203.0.113.9", "192.0.2.1"


def u8(*numbers):
    return bytes(n & 255 for n in numbers)


def u16(*numbers):
    return struct.pack(f">{len(numbers)}H", *numbers)


def u32(*numbers):
    return struct.pack(f">{len(numbers)}I", *numbers)


def octets_of(address):
    if ":" not in address:
        return bytes(map(int, address.split(".")))
    head, _, tail = address.partition("::")
    words = [[int(w, 16) for w in part.split(":") if w] for part in (head, tail)]
    return u16(*words[0], *[0] * (8 - len(words[0]) - len(words[1])), *words[1])


def internet_sum(octets):
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def sealed(octets, at, before=b""):
    return octets[:at] + u16(~internet_sum(before + octets) & 0xffff) + octets[at + 2:]


def ip4(source, destination, protocol, payload, options=b"", fragment=0, identification=1, ttl=64):
    header = u8(0x45 + len(options) // 4, 0) + u16(20 + len(options) + len(payload), identification, fragment)
    header += u8(ttl, protocol) + u16(0) + octets_of(source) + octets_of(destination) + options
    return sealed(header, 10) + payload


def ip6(source, destination, protocol, payload, extensions=(), hops=64):
    """Extensions: (type, octets behind the next header field)."""
    chain, following = b"", protocol
    for kind, octets in reversed(extensions):
        chain, following = u8(following) + octets + chain, kind
    return u32(6 << 28) + u16(len(chain) + len(payload)) + u8(following, hops) + octets_of(source) + \
        octets_of(destination) + chain + payload


def pseudo(source, destination, protocol, length):
    rest = u16(length) if ":" not in source else u32(length)
    return octets_of(source) + octets_of(destination) + u16(protocol) + rest


def udp(source, destination, payload=b"payload", ports=(5000, 53), checksum=True):
    segment = u16(*ports, 8 + len(payload), 0) + payload
    if not checksum:
        return segment
    return sealed(segment, 6, pseudo(source, destination, UDP, len(segment)))


def tcp(source, destination, flags=2, payload=b"", options=b"", ports=(5000, 80), seq=1, ack=0):
    segment = u16(*ports) + u32(seq, ack) + u8((5 + len(options) // 4) << 4, flags) + u16(65535, 0, 0)
    segment += options + payload
    return sealed(segment, 16, pseudo(source, destination, TCP, len(segment)))


def icmp(kind, code=0, rest=bytes(4), payload=b"", ends=None):
    message = u8(kind, code) + u16(0) + rest + payload
    return sealed(message, 2, pseudo(*ends, ICMPV6, len(message)) if ends else b"")


def dccp(offset, long, covers=0, kind=0):
    """A header of that many words, if it is long with a sequence number of 48 bits; of all types."""
    return u16(5000, 80) + u8(offset, covers) + u16(1) + u8(kind << 1 | long, 0) + bytes(6 if long else 2)


def sctp(chunk, length=16, tag=1):
    return u16(5000, 80) + u32(tag, 0) + u8(chunk, 0) + u16(length)


MSS = u8(2, 4) + u16(1460)
V6 = ("2001:db8::1", "2001:db8:f::9")
ENDS = (INSIDE, OUTSIDE)


def datagrams():
    """Of every kind that the parser tells apart."""
    query = ip4(*ENDS, UDP, udp(*ENDS))
    yield "udp4", query
    yield "udp4-no-checksum", ip4(*ENDS, UDP, udp(*ENDS, checksum=False))
    yield "udp4-padded", query + b"padding"
    yield "udp4-shorter-than-ip", ip4(*ENDS, UDP, udp(*ENDS) + b"tail")
    yield "tcp4-syn", ip4(*ENDS, TCP, tcp(*ENDS, options=MSS + u8(1, 3, 3, 7)))
    yield "tcp4-syn-odd-mss", ip4(*ENDS, TCP, tcp(*ENDS, options=u8(1) + MSS + u8(1, 1, 0)))
    yield "tcp4-syn-authenticated", ip4(*ENDS, TCP, tcp(*ENDS, options=MSS + u8(29, 4, 0, 0)))
    yield "tcp4-syn-broken-option", ip4(*ENDS, TCP, tcp(*ENDS, options=u8(8, 44, 1, 1)))
    yield "tcp4-data", ip4(*ENDS, TCP, tcp(*ENDS, flags=0x18, payload=b"GET / HTTP/1.0\r\n\r\n", ack=1))
    yield "icmp4-echo", ip4(*ENDS, ICMP, icmp(8, rest=u16(7, 1), payload=b"ping"))
    yield "icmp4-reply", ip4(*ENDS, ICMP, icmp(0, rest=u16(7, 1)))
    yield "icmp4-timestamp", ip4(*ENDS, ICMP, icmp(13, rest=u16(7, 1), payload=bytes(12)))
    yield "icmp4-redirect", ip4(*ENDS, ICMP, icmp(5, 1, octets_of(POOL), query))
    for kind, code in ((3, 1), (3, 4), (11, 0), (12, 0)):
        yield f"icmp4-error-{kind}-{code}", ip4(OUTSIDE, INSIDE, ICMP, icmp(kind, code, u16(0, 576), query))
    yield "icmp4-error-short", ip4(OUTSIDE, INSIDE, ICMP, icmp(3, 1, payload=query[:28]))
    yield "icmp4-error-about-error", ip4(OUTSIDE, INSIDE, ICMP, icmp(
        11, payload=ip4(*ENDS, ICMP, icmp(3, 3, payload=query))))
    yield "icmp4-error-about-fragment", ip4(OUTSIDE, INSIDE, ICMP, icmp(
        11, payload=ip4(*ENDS, UDP, b"fragment" * 2, fragment=3)))
    for name, options in (("nop", u8(1, 1, 1, 0)), ("record-route", u8(7, 7, 4, 0, 0, 0, 0, 0)),
                          ("source-route", u8(131, 7, 4) + octets_of(POOL) + u8(0)), ("broken", u8(148, 9, 0, 0))):
        yield f"option4-{name}", ip4(*ENDS, UDP, udp(*ENDS), options)
    yield "fragment4-first", ip4(*ENDS, UDP, udp(*ENDS, bytes(16)), fragment=0x2000)
    yield "fragment4-middle", ip4(*ENDS, UDP, bytes(16), fragment=0x2003)
    yield "fragment4-last", ip4(*ENDS, UDP, b"x", fragment=3)
    yield "fragment4-over-flags", ip4(*ENDS, TCP, bytes(8), fragment=1)
    yield "gre4", ip4(*ENDS, GRE, bytes(12))
    yield "no-payload4", ip4(*ENDS, 200, b"")
    yield "udp6", ip6(*V6, UDP, udp(*V6))
    yield "tcp6", ip6(*V6, TCP, tcp(*V6, options=MSS))
    yield "icmp6-echo", ip6(*V6, ICMPV6, icmp(128, rest=u16(7, 1), payload=b"ping", ends=V6))
    yield "icmp6-too-big", ip6(*V6, ICMPV6, icmp(2, rest=u32(1280), payload=ip6(*V6, UDP, udp(*V6)), ends=V6))
    yield "icmp6-unreachable", ip6(*V6, ICMPV6, icmp(1, 4, payload=ip6(*V6, TCP, tcp(*V6)), ends=V6))
    for name, chain in (("hop-by-hop", [(0, u8(0, 1, 4, 0, 0, 0, 0))]), ("routing0", [(43, u8(2, 0, 1) + bytes(20))]),
                        ("options", [(60, u8(1, 1, 12) + bytes(12))]), ("authentication", [(51, u8(4) + bytes(22))]),
                        ("fragment-first", [(44, u8(0) + u16(1) + u32(7))]),
                        ("fragment-last", [(44, u8(0) + u16(8) + u32(7))]),
                        ("many", [(60, u8(0, 1, 4, 0, 0, 0, 0))] * 9)):
        yield f"chain6-{name}", ip6(*V6, UDP, udp(*V6), chain)


def broken():
    """What the parser refuses, and the rest of what it looks at."""
    query, segment = ip4(*ENDS, UDP, udp(*ENDS)), tcp(*ENDS)
    yield "empty", b""
    yield "version-5", u8(0x55) + bytes(40)
    yield "header4-cut", query[:19]
    yield "header4-of-16", u8(0x44) + query[1:]
    yield "header4-longer-than-all", u8(0x4f) + query[1:24]
    yield "header4-wrong-sum", query[:10] + u8(query[10] ^ 1) + query[11:]
    yield "length4-beyond-end", query[:2] + u16(2000) + query[4:]
    yield "length4-below-header", query[:2] + u16(19) + query[4:]
    yield "option4-beyond-header", ip4(*ENDS, UDP, udp(*ENDS), u8(148, 44, 0, 0))
    yield "option4-in-last-octet", ip4(*ENDS, UDP, udp(*ENDS), u8(1, 1, 1, 7))
    yield "option4-of-nothing", ip4(*ENDS, UDP, udp(*ENDS), u8(148, 1, 0, 0))
    yield "fragment4-beyond-65535", ip4(*ENDS, UDP, bytes(80), fragment=0x1fff)
    yield "header6-cut", ip6(*V6, UDP, udp(*V6))[:39]
    yield "length6-beyond-end", ip6(*V6, UDP, udp(*V6))[:-1]
    for name, chain in (("cut", [(60, u8(0))]), ("beyond-end", [(60, u8(9, 0, 0, 0, 0, 0, 0))]),
                        ("late-hop-by-hop", [(60, u8(0, 1, 4, 0, 0, 0, 0)), (0, u8(0, 1, 4, 0, 0, 0, 0))]),
                        ("fragment-twice", [(44, bytes(7))] * 2), ("fragment-of-seven", [(44, u8(0) + u16(1) + u32(7))]),
                        ("fragment-far", [(44, u8(0) + u16(0xfff8) + u32(7))]),
                        ("routing-left", [(43, u8(0, 2, 1, 0, 0, 0, 0))]), ("routing-type-4", [(43, u8(0, 4, 1, 0, 0, 0, 0))]),
                        ("esp", [(50, bytes(7))])):
        yield f"chain6-{name}", ip6(*V6, UDP, b"" if name == "cut" else udp(*V6, b"seven!!"), chain)
    for name, option, where in (("silent", 0x5e, V6[1]), ("told", 0x9e, V6[1]), ("told-all", 0x9e, "ff02::1"),
                                ("told-one", 0xde, V6[1]), ("not-told-all", 0xde, "ff02::1"), ("known", 5, V6[1])):
        yield f"option6-{name}", ip6(V6[0], where, UDP, udp(V6[0], where), [(0, u8(0, option, 2, 0, 0, 1, 0))])
    yield "option6-cut", ip6(*V6, UDP, udp(*V6), [(0, u8(0, 1, 3, 0, 0, 0, 5))])
    yield "tcp4-cut", ip4(*ENDS, TCP, segment[:16])
    yield "tcp4-of-seven", ip4(*ENDS, TCP, segment[:7])
    yield "tcp4-header-short", ip4(*ENDS, TCP, segment[:12] + u8(0x40) + segment[13:])
    yield "tcp4-header-beyond-end", ip4(*ENDS, TCP, segment[:12] + u8(0xf0) + segment[13:])
    yield "udp4-longer-than-ip", ip4(*ENDS, UDP, u16(5000, 53, 99, 1))
    yield "udp4-of-seven-octets", ip4(*ENDS, UDP, u16(5000, 53, 7, 1))
    for name, octets in (("cut", u16(5000, 53, 8)), ("no-sum", u16(5000, 53, 0, 0)), ("all", u16(5000, 53, 0, 1)),
                         ("header", u16(5000, 53, 8, 1) + b"rest"), ("seven", u16(5000, 53, 7, 1)),
                         ("beyond-end", u16(5000, 53, 99, 1))):
        yield f"udplite4-{name}", ip4(*ENDS, UDPLITE, octets)
    for name, octets in (("cut", bytes(8)), ("short", dccp(3, 0)), ("long", dccp(4, 1)), ("long-cut", dccp(3, 1)[:12]),
                         ("offset-short", dccp(2, 1)), ("offset-beyond-end", dccp(9, 1)), ("covers-part", dccp(4, 1, 2) + bytes(9)),
                         ("covers-more", dccp(4, 1, 15))):
        yield f"dccp4-{name}", ip4(*ENDS, DCCP, octets)
    for name, octets in (("cut", sctp(3)[:15]), ("data", sctp(0) + bytes(12)), ("init", sctp(1, 20) + bytes(16)),
                         ("init-cut", sctp(1, 20)), ("chunk-of-three", sctp(3, 3))):
        yield f"sctp4-{name}", ip4(*ENDS, SCTP, octets)
    yield "esp4-cut", ip4(*ENDS, ESP, bytes(7))
    yield "gre4-call", ip4(*ENDS, GRE, u16(0x3001, 0x880b, 4, 7, 0, 1) + bytes(4))
    yield "gre4-call-cut", ip4(*ENDS, GRE, u16(0x3001, 0x880b))
    yield "icmp6-in-ipv4", ip4(*ENDS, ICMPV6, icmp(128))
    yield "icmp4-in-ipv6", ip6(*V6, ICMP, icmp(8))
    yield "icmp6-redirect", ip6(*V6, ICMPV6, icmp(137, payload=bytes(32), ends=V6))
    yield "icmp4-cut", ip4(*ENDS, ICMP, bytes(7))
    for name, quote in (("version-6", ip6(*V6, UDP, udp(*V6))), ("cut", query[:19]), ("tcp", ip4(*ENDS, TCP, segment)[:28]),
                        ("tcp-padded", ip4(*ENDS, TCP, segment[:8] + bytes(100))),
                        ("dccp", ip4(*ENDS, DCCP, dccp(4, 1))[:28]), ("sctp", ip4(*ENDS, SCTP, sctp(0) + bytes(12))[:28]),
                        ("udplite", ip4(*ENDS, UDPLITE, u16(5000, 53, 99, 1))), ("esp", ip4(*ENDS, ESP, bytes(8))),
                        ("short", ip4(*ENDS, UDP, bytes(7))), ("beyond-end", query[:2] + u16(1500) + query[4:])):
        yield f"icmp4-quotes-{name}", ip4(OUTSIDE, INSIDE, ICMP, icmp(11, payload=quote))
