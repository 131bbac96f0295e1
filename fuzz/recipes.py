"""Recipes for datagrams, as traffic.h has them. Hosts and ports by their numbers in traffic.c."""

from datagrams import DCCP, ESP, GRE, ICMP, OUTSIDE, POOL, SCTP, TCP, UDP, UDPLITE, octets_of, u16, u8

HOSTS = ["10.0.0.2", "10.0.0.3", "10.0.1.2", "10.0.9.2", "172.16.0.2", "203.0.113.9", "203.0.113.10",
         "198.51.100.7", "192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3"]
PORTS = [5000, 5001, 40000, 80, 443, 53, 1023, 65535]
PROTOCOLS = [TCP, UDP, ICMP, GRE, UDPLITE, DCCP, SCTP, ESP]
SEGMENTS = {"syn": 0, "synack": 1, "ack": 2, "fin": 3, "rst": 4, "rstack": 5, "none": 64}
FRESH, ANSWER, ERROR, RAW = range(4)
FROM_OUTSIDE, REPAIR, KNOWN_ONLY, SIX = 4, 8, 16, 32
WRONG_SUM, NO_SUM, PARTIAL, OPTIONS, BACKWARDS, OVERLAP = 1, 2, 4, 8, 16, 32


# Those of six.h.
SIX_HOSTS = ["2001:db8:1::2", "2001:db8:1::3", "fd00:2::2", "fd00:2::3", "fd00:3::2", "fd00:4:0:1::2", "fd00:4:0:ffff::2",
             "2001:db8:5::2", "2001:db8:a::1", "2001:db8:f::1", "2001:db8:f::2", "2001:db8:9::1", "2001:db8:9::2",
             "2001:db8:3::2", "2001:db8:4:1::2", "2001:db8:cafe:46::2"]
NAT64, NAT64_WELL_KNOWN, NAT64_40, SIIT = range(4)


def host(address):
    return u8(HOSTS.index(address)) if address in HOSTS else u8(255) + octets_of(address)


def port(number):
    return u8(PORTS.index(number)) if number in PORTS else u8(255) + u16(number)


def pieces(count):
    return (count - 1) << 6


def recipe(kind, body, first=0, flags=0, gso=0, step=1):
    """step: how far apart the cuts are, in units of eight octets."""
    spoilt = u8(gso) if flags & PARTIAL else b""
    return u8(kind | first, flags) + body + spoilt + (u8(step - 1) if flags >> 6 else b"")


def transport(protocol, kind, sport, dport, segment, seq, other):
    """other: of what put_other() makes."""
    if protocol == ICMP:
        return u8(kind) + port(sport)
    rest = u8(SEGMENTS[segment], seq) if protocol == TCP else b"" if protocol == UDP else u8(other)
    return port(sport) + port(dport) + rest


def fresh(protocol, source, destination, sport=5000, dport=80, segment="syn", payload=0, identification=1, seq=1,
          kind=8, options=u8(148, 4, 0, 0), other=0, **rest):
    body = u8(PROTOCOLS.index(protocol), payload, identification) + host(source) + host(destination)
    if rest.get("flags", 0) & OPTIONS:
        body += options
    body += transport(protocol, kind, sport, dport, segment, seq, other)
    return recipe(FRESH, body, **rest)


def six_host(address):
    """An address, or a prefix by its number and what is embedded."""
    return u8(128 + address[0]) + host(address[1]) if isinstance(address, tuple) else u8(SIX_HOSTS.index(address))


def six(protocol, source, destination, sport=5000, dport=80, segment="syn", payload=0, kind=128, extension=(0, 0), seq=1,
        first=0, other=0, **rest):
    body = u8(PROTOCOLS.index(protocol), payload, 0) + six_host(source) + six_host(destination)
    if rest.get("flags", 0) & OPTIONS:
        body += u8(*extension)
    body += transport(protocol, kind, sport, dport, segment, seq, other)
    return recipe(FRESH, body, first=first | SIX, **rest)


def answer(segment=None, back=0, seq=0, ack=0, **rest):
    """To a datagram that arrived; segment if that is TCP's."""
    return recipe(ANSWER, u8(back) + (u8(SEGMENTS[segment], seq, ack) if segment else b""), **rest)


def error(kind=0, code=1, back=0, sender=255, quoted=255, **rest):
    """kind: of 3, 11, 12, 4."""
    return recipe(ERROR, u8(back, kind, code, sender, quoted), **rest)


def raw(octets, **rest):
    return recipe(RAW, u16(len(octets)) + octets, **rest)


def turn(*recipes, step=0):
    return u8(step, len(recipes) - 1) + b"".join(recipes)


def outside(protocol, destination=POOL, sport=80, dport=5000, **rest):
    return fresh(protocol, OUTSIDE, destination, sport, dport, first=FROM_OUTSIDE | rest.pop("first", 0), **rest)
