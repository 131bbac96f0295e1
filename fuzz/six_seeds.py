"""Stories of IPv6 for the NATs."""

from datagrams import ICMP, OUTSIDE, POOL, TCP, UDP
from recipes import (BACKWARDS, FROM_OUTSIDE, NAT64, NAT64_40, NO_SUM, OPTIONS, PARTIAL, SIIT, WRONG_SUM, answer, error, fresh,
                     outside, pieces, six, turn)


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
