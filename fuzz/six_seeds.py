"""Stories of IPv6 for the NATs."""

from datagrams import (DCCP, ESP, GRE, ICMP, ICMPV6, OUTSIDE, POOL, SCTP, TCP, UDP, UDPLITE, icmp, ip4, ip6, tcp, u8, u16, u32,
                       udp)
from recipes import (BACKWARDS, FROM_OUTSIDE, KNOWN_ONLY, NAT64, NAT64_40, NO_SUM, OPTIONS, PARTIAL, REPAIR, SIIT, WRONG_SUM,
                     answer, error, fresh, outside, pieces, raw, six, turn)


def six_stories():
    """The same for entries of IPv6: name, turns."""
    remote, embedded = "2001:db8:f::1", (NAT64, OUTSIDE)
    ends = {"nat64": ("2001:db8:1::2", embedded), "nat64-40": ("fd00:2::2", (NAT64_40, OUTSIDE)),
            "napt66": ("fd00:2::2", remote), "firewall": ("2001:db8:1::2", remote), "one-to-one": ("fd00:3::2", remote),
            "npt": ("fd00:4:0:1::2", remote), "siit": ("2001:db8:a::1", (SIIT, OUTSIDE)), "exempt": ("2001:db8:5::2", remote)}
    for name, pair in ends.items():
        yield f"{name}-tcp", [turn(six(TCP, *pair)), turn(answer("synack")), turn(answer("ack")), turn(answer("ack")),
                              turn(answer("fin")), turn(answer("fin")), turn(answer("ack"))]
        yield f"{name}-udp", [turn(six(UDP, *pair, flags=f, payload=9)) + turn(answer(flags=f))
                              for f in (0, NO_SUM, WRONG_SUM, PARTIAL)]
        yield f"{name}-ping", [turn(six(ICMP, *pair, sport=7)), turn(answer()), turn(answer())]
        yield f"{name}-errors", [turn(six(UDP, *pair, payload=20)), turn(*[error(k, c, sender=s, quoted=q) for k, c, s, q in (
            (0, 4, 255, 255), (1, 100, 255, 80), (1, 10, 9, 255), (2, 0, 7, 30), (3, 0, 255, 60), (0, 0x4f, 255, 200))]),
            turn(answer()), turn(error(0, 3), error(0, 4), error(1, 0, sender=5), error(2, 0), error(0, 0x44))]
        for kind in (UDP, TCP, ICMP):
            yield f"{name}-fragments-{kind}", [
                turn(six(kind, *pair, payload=60, flags=pieces(3) | BACKWARDS, step=9)),
                turn(answer("synack", flags=pieces(3)) if kind == TCP else answer(flags=pieces(3) | NO_SUM))]
    yield "siit-applications", [turn(fresh(UDP, "10.46.0.2", OUTSIDE, payload=30)), turn(answer()),
                                turn(fresh(ICMP, "10.46.0.2", OUTSIDE)), turn(answer(), error(0, 4))]
    yield "siit-from-outside", [turn(outside(TCP, "198.18.0.1", dport=443), outside(UDP, "198.18.0.1", flags=NO_SUM)),
                                turn(answer("synack"), answer(back=1)), turn(error(0, 1, sender=2))]
    yield "six-hairpin", [turn(six(UDP, "2001:db8:1::2", embedded)), turn(six(UDP, "2001:db8:1::3", (NAT64, POOL), dport=5000),
                          six(UDP, "fd00:2::2", "2001:db8:9::1"), six(UDP, "fd00:3::2", "2001:db8:3::2"),
                          six(UDP, "fd00:4:0:1::2", "2001:db8:4:1::2"), six(UDP, "2001:db8:a::1", (SIIT, "198.18.0.1")))]
    yield "six-forwards", [turn(six(TCP, remote, "2001:db8:9::1", dport=443, first=FROM_OUTSIDE),
                                six(UDP, remote, "2001:db8:1::3", dport=53, first=FROM_OUTSIDE), outside(TCP, "192.0.2.3")),
                           turn(answer("synack"), answer(back=1), answer("synack", back=2))]
    yield "six-extensions", [turn(*[six(UDP, *pair, flags=OPTIONS, extension=(e, r)) for pair in ends.values()
                                    for e, r in ((0, 0), (1, 0), (2, 0x40), (2, 0x41), (3, 0), (4, 0))])]
    yield "six-wrong", [turn(six(TCP, "fd00:4:0:ffff::2", remote), six(UDP, (NAT64, OUTSIDE), remote),
                             *[six(UDP, "2001:db8:1::2", (p, a)) for p in range(4)
                               for a in ("127.0.0.1", "240.0.0.1", "255.255.255.255", "10.0.0.2", "8.8.8.8")])]
    yield from others(ends)
    yield from errors(ends)
    yield from fragments(ends)


def back(pair, protocol, **rest):
    """From the remote host to the inside one, or to what stands for it."""
    inside, _ = pair
    place = {"fd00:3::2": "2001:db8:3::2", "fd00:4:0:1::2": "2001:db8:4:1::2", "fd00:2::2": "2001:db8:9::1"}.get(inside, inside)
    return six(protocol, "2001:db8:f::1", place, sport=80, dport=5000, first=FROM_OUTSIDE | rest.pop("first", 0), **rest)


def others(ends):
    """Protocols that are seldom: from inside and from outside, and errors about them."""
    kinds = {SCTP: (0x50, 0x52, 0x5a, 0x5b, 0x53, 0x56), ESP: (1, 2, 3), DCCP: (0, 1, 3, 7), GRE: (0, 1, 0x71), UDPLITE: (0, 1)}
    for name in ("nat64", "napt66", "firewall", "one-to-one", "npt", "siit", "exempt"):
        pair = ends[name]
        yield f"{name}-others", [
            turn(*[six(p, *pair, other=k[0], flags=f) for p, k in kinds.items() for f in (0, pieces(2))]),
            turn(*[back(pair, p, other=k[-1]) for p, k in kinds.items()], error(2), error(0, 4), error(quoted=24)),
            *[turn(*[six(p, *pair, other=k) if i % 2 == 0 else back(pair, p, other=k) for i, k in enumerate(every)], error(0, 4))
              for p, every in kinds.items()],
            turn(*[answer(back=n) for n in range(4)], *[error(1, 4, back=n, quoted=255) for n in range(4)], step=5)]
        yield f"{name}-begun-outside", [
            turn(*[back(pair, p, other=k[0], kind=k6) for p, k in {**kinds, TCP: (0,), UDP: (0,), ICMP: (0,)}.items()
                   for k6 in (128, 129, 1)]),
            turn(*[back(pair, UDP, extension=(2, 0x40), flags=OPTIONS), back(pair, TCP, first=KNOWN_ONLY), back(pair, UDP, flags=pieces(3))]),
            turn(answer(), answer(back=1), answer("synack", back=2), error(), error(2)), turn(back(pair, TCP), step=5)]


def errors(ends):
    """Quotes and errors that are not as they should be."""
    for name in ("nat64", "firewall", "siit", "napt66", "one-to-one"):
        pair = ends[name]
        shapes = [error(k, c, sender=s, quoted=q, flags=f) for k, c, s, q, f in (
            (0, 1, 255, 255, WRONG_SUM), (0, 1, 255, 24, 0), (0, 1, 255, 10, 0), (1, 3, 9, 255, 0), (1, 200, 9, 120, 0), (3, 0x44, 255, 99, 0),
            (3, 0x46, 255, 99, 0), (2, 0x41, 255, 200, 0), (0, 0x50, 255, 255, 0), (3, 2, 255, 255, 0), (0, 2, 255, 255, pieces(2)))]
        yield f"{name}-wrong-errors", [turn(six(TCP, *pair, payload=40)), turn(*shapes), turn(answer("synack")), turn(*shapes, error(
            0, 1, back=1)), turn(six(ICMP, *pair, sport=7), six(UDP, *pair, flags=NO_SUM)), turn(*shapes), turn(answer()), turn(*shapes)]
    quote = ip4("198.18.0.1", OUTSIDE, UDP, udp("198.18.0.1", OUTSIDE))
    for name, code in (("protocol", (3, 2)), ("too-big", (3, 4)), ("pointer", (12, 0)), ("options", (12, 1)), ("source-route", (3, 5))):
        yield f"siit-told-{name}", [turn(*[raw(ip4(OUTSIDE, "198.18.0.1", ICMP, icmp(*code, rest, quote[:length])), first=FROM_OUTSIDE)
                                           for rest in (u16(0, 0), u16(0, 1400), u8(0, 8, 0, 0), u8(16, 0, 0, 0)) for length in (60, 28, 24)])]
    seen = ("2001:db8:f::1", "2001:db8:a::1")
    about = ip6("2001:db8:46::cb00:7109", "2001:db8:a::1", UDP, udp("2001:db8:46::cb00:7109", "2001:db8:a::1", bytes(90)))
    for name, source in (("router", "2001:db8:a::99"), ("embedded", "2001:db8:46::c633:6407")):
        yield f"siit-tells-{name}", [turn(*[raw(ip6(source, "2001:db8:46::cb00:7109", ICMPV6, icmp(
            kind, code, u32(rest), about, ends=(source, "2001:db8:46::cb00:7109")))) for kind, code, rest in (
                (1, 0, 0), (1, 3, 0), (2, 0, 1300), (3, 0, 0), (4, 0, 6), (4, 1, 6), (4, 0, 0), (1, 0, 0x10000000), (137, 0, 0))])]
    yield "family-headers", [turn(
        *[raw(ip4(OUTSIDE, "198.18.0.1", UDP, udp(OUTSIDE, "198.18.0.1"), o), first=FROM_OUTSIDE)
          for o in (u8(131, 7, 4, 1, 2, 3, 4, 0), u8(1, 137, 7, 8, 1, 2, 3, 4), u8(7, 7, 4, 1, 2, 3, 4, 0))],
        *[raw(ip4(OUTSIDE, "198.18.0.1", p, bytes(16)), first=FROM_OUTSIDE) for p in (0, 2, 43, 44, 51, 58, 60, 135)],
        *[raw(ip6("2001:db8:a::1", "2001:db8:46::cb00:7109", UDP, udp(*seen), [(43, u8(kind, left) + bytes(4))]))
          for kind, left in ((2, 0), (2, 1), (4, 0), (4, 1))],
        raw(ip6("2001:db8:a::1", "2001:db8:46::cb00:7109", ICMP, icmp(8))), raw(ip6("2001:db8:a::1", "2001:db8:46::cb00:7109", 51, bytes(24))))]
    flood = ("2001:db8:1::2", "2001:db8:f::1")
    yield "firewall-quotes", [turn(raw(ip6(*flood, TCP, tcp(*flood)))), turn(*[raw(ip6("2001:db8:f::2", flood[0], ICMPV6, icmp(
        1, 0, payload=ip6(*flood, TCP, tcp(*flood, seq=seq)), ends=("2001:db8:f::2", flood[0]))), first=FROM_OUTSIDE)
        for seq in (1, 2, 1 << 30)])]


def fragments(ends):
    """Pieces without a first, twice, too many of them, and of what may not be cut."""
    for name in ("nat64", "firewall", "siit", "npt"):
        pair = ends[name]
        yield f"{name}-pieces", [turn(*[six(p, *pair, payload=90, flags=f, step=s, other=0, kind=k) for p, k in (
            (UDP, 0), (ICMP, 128), (ICMP, 1), (SCTP, 0), (ESP, 0)) for f, s in (
                (pieces(4), 9), (pieces(4) | BACKWARDS, 9), (pieces(3) | NO_SUM, 9), (pieces(2), 1)) ])]
    yield "four-pieces-to-six", [turn(*[outside(p, "198.18.0.1", payload=90, flags=f | pieces(3), step=9, kind=k, identification=n)
                                        for n, (p, k, f) in enumerate(((UDP, 0, 0), (UDP, 0, NO_SUM), (UDP, 0, BACKWARDS | NO_SUM),
                                                                       (ICMP, 8, 0), (ICMP, 3, BACKWARDS), (TCP, 0, 0), (SCTP, 0, 0))) ])]
