"""Traffic for the NATs, and how they are configured."""

from datagrams import (DCCP, ENDS, ESP, GRE, ICMP, INSIDE, OUTSIDE, POOL, SCTP, TCP, UDP, UDPLITE, datagrams, icmp, ip4, sctp,
                       tcp, u8, udp)
from recipes import (BACKWARDS, FROM_OUTSIDE, KNOWN_ONLY, NO_SUM, OPTIONS, OVERLAP, PARTIAL, REPAIR, WRONG_SUM, answer, error,
                     fresh, outside, pieces, raw, six, turn)
from six_seeds import six_stories


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


# Of nats_more.c.
INDEPENDENT, TWICE, GROUPS, WHOLE, EXCEPTS, LEAVES, STICKY, SHORT_TIMES = (1 << n for n in range(8))
FORGETFUL, UNIQUE_IDENTS = 64, 128


def nat(workers=1, sessions=64, per_host=64, fragments=8, patient=1, addresses=2, more=None, which=0, sizes=0, events=3, six=None,
        **rest):
    """more: what is rarely wanted; six: what of IPv6 is not, and knobs."""
    first = workers - 1 | (0 if more is None else 64) | (0 if six is None else 128)
    return u8(first, sessions - 1, per_host - 1, fragments, patient ^ 1, addresses - 1) + \
        (b"" if more is None else u8(sizes, events)) + anew(more, which, six, **rest)


def anew(more=None, which=0, six=None, **rest):
    """What may change while sessions live."""
    return behaviour(**rest) + (b"" if more is None else u8(more, which)) + (b"" if six is None else u8(*six))


def configured(settings, *recipes, step=0):
    """Of the same shape as in the beginning: with more, or six, or without."""
    changes = {key: v for key, v in settings.items() if key not in ("addresses", "sessions", "workers", "sizes", "events")}
    return u8(0x80 | step) + anew(**changes) + turn(*recipes)[1:]


def readdressed(place, how, *recipes, step=0):
    """how: sessions end, stay, or move."""
    return u8(0x40 | step, place, how) + turn(*recipes)[1:]


SECONDS_31, MINUTES_2 = 5, 8  # steps, as nats.c has them


def others_stories():
    """Of protocols beside TCP, UDP and ICMP: name, settings, turns."""
    def two(protocol, *kinds, **rest):
        """A datagram of each kind from inside and from outside in turn."""
        return [turn(fresh(protocol, *ENDS, other=k, **rest) if i % 2 == 0 else outside(protocol, other=k, **rest))
                for i, k in enumerate(kinds)]

    request, response, data, ack, close_request, close, reset, sync, listen = 0, 1, 2, 3, 5, 6, 7, 8, 10
    for name, kinds in (("life", (request, response, ack, data, data, close_request, close, reset)), ("listens", (listen, request)),
                        ("reset", (request, reset)), ("sync", (request, response, sync, sync)), ("stray", (data, data, sync, listen))):
        yield f"dccp-{name}", dict(sizes=0, more=0), two(DCCP, *kinds) + [turn(error(), outside(DCCP, "192.0.2.2", other=request))]
        yield f"dccp-{name}-bound", dict(filtering=2, mapping=2), two(DCCP, *kinds, payload=9, flags=pieces(2))
    # An INIT has the tag 0, and gives one; others have that.
    life = (0x50, 0x52, 0x5a, 0x5b, 0x53, 0x57, 0x58, 0x5e)
    for name, kinds in (("life", life), ("abort", (0x50, 0x52, 0x5a, 0x56)), ("outside-abort", (0x50, 0x56, 0x50)),
                        ("other-tag", (0x50, 0x62, 0x5a, 0x6b, 0x63, 0x66)), ("stray", (0x53, 0x53, 0x5a, 0x52))):
        yield f"sctp-{name}", dict(more=0), two(SCTP, *kinds) + [turn(error(), error(0, 4), error(quoted=28), error(1, 0, back=1))]
    both = [turn(*[fresh(SCTP, h, OUTSIDE, other=k) for h, k in ((INSIDE, 0x50), ("10.0.0.3", 0x60), ("10.0.1.2", 0x50))]),
            turn(*[outside(SCTP, other=k) for k in (0x52, 0x62, 0x72)]), turn(fresh(SCTP, "10.0.0.3", OUTSIDE, other=0x6a), error())]
    yield "sctp-shared", dict(addresses=1), both
    yield "sctp-shared-arbitrary", dict(pooling=1, more=WHOLE), both + [turn(outside(SCTP, other=0x10), outside(SCTP, "192.0.2.2", other=0))]
    yield "sctp-raw", dict(), [turn(raw(ip4(*ENDS, SCTP, sctp(1, 20, 0) + bytes(16)), first=REPAIR)), turn(
        raw(ip4(OUTSIDE, POOL, SCTP, u8(0, 80, 19, 136) + bytes(8) + u8(6, 0, 0, 4)), first=FROM_OUTSIDE))]
    hosts = (INSIDE, "10.0.0.3", "10.0.1.2")
    for name, settings in (("", {}), ("-one", dict(addresses=1)), ("-arbitrary", dict(pooling=1)), ("-whole", dict(more=WHOLE, addresses=3)),
                           ("-whole-bound", dict(more=WHOLE, filtering=2, addresses=3))):
        yield f"esp{name}", settings, [
            turn(*[fresh(ESP, h, OUTSIDE, other=1 + n) for n, h in enumerate(hosts)]), turn(outside(ESP, other=9), error()),
            turn(*[fresh(ESP, h, OUTSIDE, other=21 + n) for n, h in enumerate(hosts)], step=SECONDS_31),
            turn(outside(ESP, other=10), outside(ESP, "192.0.2.2", other=11), error(), answer(back=2)),
            turn(fresh(ESP, INSIDE, OUTSIDE, other=31), fresh(ESP, INSIDE, OUTSIDE, other=32), step=MINUTES_2),
            turn(outside(ESP, other=12), outside(ESP, other=13), error(0, 4))]
        yield f"gre{name}", settings, [
            turn(*[fresh(GRE, h, OUTSIDE, other=k) for h in hosts for k in (0, 1, 0x71)]),
            turn(*[outside(GRE, a, other=k) for a in (POOL, "192.0.2.2") for k in (0, 1, 0x71)], error(), error(0, 4)),
            turn(answer(), answer(back=3), error(1, 0))]
    yield "udplite", dict(), [turn(*[fresh(UDPLITE, *ENDS, sport=p, other=k, payload=4) for p in (5000, 5001) for k in (0, 1)]),
                              turn(answer(), answer(back=1), error(), outside(UDPLITE, other=1))]
    yield "esp-claims", dict(addresses=1), [
        turn(fresh(ESP, INSIDE, OUTSIDE, other=1)), turn(fresh(ESP, "10.0.0.3", OUTSIDE, other=2)),
        turn(fresh(ESP, "10.0.0.3", OUTSIDE, other=2), step=SECONDS_31), turn(outside(ESP, other=9), fresh(ESP, INSIDE, OUTSIDE, other=1))]


def more_stories():
    """Of what is rarely wanted, of addresses that change, and of tables that are full: name, settings, turns."""
    told = dict(stories())
    for bit, what in enumerate(("independent", "twice", "groups", "whole", "excepts", "leaves", "sticky", "short")):
        for number, story in enumerate(("udp", "tcp-life", "errors-udp", "forwards", "hairpin", "fragments-17-backwards")):
            yield f"{what}-{story}", dict(more=1 << bit | (GROUPS if what == "sticky" else 0), which=number, workers=1 + number % 3,
                                          sizes=UNIQUE_IDENTS * (number % 2), pooling=number % 2), told[story]
    syn = [fresh(TCP, *ENDS, sport=p, dport=443) for p in (5000, 5001)]
    yield "independent-both", dict(more=INDEPENDENT, filtering=0), [
        turn(fresh(UDP, *ENDS), *syn), turn(outside(TCP, sport=443), outside(UDP, sport=443, dport=5001), outside(TCP, dport=5000)),
        turn(fresh(UDP, *ENDS, sport=5001, dport=443), answer("synack"))]
    yield "independent-bound", dict(more=INDEPENDENT, tcp=2, selection=1), [turn(fresh(UDP, *ENDS)), turn(answer()), turn(*syn)]
    yield "groups-many", dict(more=GROUPS | WHOLE, forwards=0, workers=3), [
        turn(*[fresh(kind, f"203.0.113.{n}", where, sport=5000 + n, dport=port, first=FROM_OUTSIDE) for n in range(100, 112)
               for kind, where, port in ((TCP, POOL, 5001), (UDP, "192.0.2.2", 443), (UDP, POOL, 53))]),
        turn(*[answer("synack", back=n) if n % 3 == 2 else answer(back=n) for n in range(8)])]
    yield "groups-changed", dict(more=GROUPS), [turn(outside(TCP, sport=5000, dport=5001)), configured(
        dict(more=0), outside(TCP, sport=5000, dport=5001), answer("synack", back=1))]
    for kind in (UDP, ICMP):
        yield f"idents-{kind}", dict(more=0, sizes=UNIQUE_IDENTS), told[f"fragments-{kind}"]
    for name, which in (("all", 0), ("udp", 1), ("tcp", 2)):
        yield f"excepts-some-{name}", dict(more=EXCEPTS, which=which), [
            turn(*[fresh(k, INSIDE, "198.51.100.7", dport=p, payload=20, flags=f) for k in (UDP, TCP, ICMP, GRE) for p in (80, 53)
                   for f in (0, pieces(2))]), turn(answer(), fresh(UDP, "198.51.100.7", INSIDE, sport=80, first=FROM_OUTSIDE))]
    flood = [outside(TCP, "192.0.2.2", sport=p, dport=80) for p in range(6000, 6010)]
    for sizes in (1, 2):
        yield f"half-open-{sizes}", dict(more=0, sizes=sizes, per_host=40), [turn(*flood), turn(answer("synack")), turn(
            *flood, step=SECONDS_31), turn(*[answer("rst", back=n) for n in range(8)]), turn(*flood[:3])]
    knock = [outside(TCP, sport=p, dport=5000 + p % 2) for p in range(7000, 7006)]
    for sizes in (0, 16, 32, 48):
        yield f"unsolicited-{sizes}", dict(more=0, sizes=sizes), [
            turn(*knock, outside(TCP, "192.0.2.2", flags=WRONG_SUM), outside(TCP, payload=200), outside(TCP, payload=200, flags=PARTIAL)),
            turn(fresh(TCP, *ENDS, dport=7000)), turn(answer("synack"), step=SECONDS_31)]
    yield "forgetful", dict(more=0, sizes=FORGETFUL, addresses=2), [
        turn(*[outside(UDP, dport=p) for p in (5000, 5001, 1023)], outside(ICMP), outside(UDPLITE), outside(TCP)),
        turn(*[fresh(UDP, *ENDS, sport=p) for p in (5000, 5001, 5002)]), turn(outside(UDP), step=MINUTES_2)]
    full = [turn(*[fresh(k, INSIDE, f"203.0.{113 + n // 24}.{n}", sport=5000 + n * m, dport=n) for n in range(48)])
            for k, m in ((UDP, 1), (TCP, 0))]
    for seed, settings in enumerate((dict(), dict(mapping=2), dict(selection=1), dict(mapping=2, more=0, sizes=4, events=1),
                                     dict(selection=5, addresses=1), dict(selection=2, mapping=1, filtering=1))):
        yield f"full-{seed}", settings, full + [turn(*full[0:0], fresh(UDP, *ENDS), step=10)] + full
    yield "full-of-hosts", dict(mapping=1), [turn(*[fresh(UDP, f"10.0.{n}.{n * 7 % 250}", f"203.0.113.{n}", sport=5000 + n)
                                                     for n in range(k, k + 40)]) for k in (10, 50)]


def moves():
    """Other addresses in the pool: name, settings, turns."""
    opened = [fresh(UDP, *ENDS), fresh(TCP, *ENDS), fresh(ICMP, *ENDS, sport=7), fresh(SCTP, *ENDS, other=0x50), fresh(GRE, *ENDS),
              fresh(ESP, *ENDS, other=3), fresh(UDP, "10.0.0.3", OUTSIDE, sport=5001), fresh(UDP, "10.0.1.2", POOL, dport=5000),
              outside(TCP, dport=443)]
    old, new = ([outside(UDP, a), outside(TCP, a, segment="synack"), outside(SCTP, a, other=0x52), outside(GRE, a), outside(ESP, a, other=9),
                 outside(UDP, a, dport=5001), fresh(UDP, "10.0.1.2", a, dport=5000), error(), answer(back=1)]
                for a in (POOL, "192.0.2.3"))
    for place, addresses in ((0, 1), (0, 2), (1, 2)):
        for how in range(3):
            for selection in (0, 5):
                yield f"moves-{place}-of-{addresses}-{how}-{selection}", dict(
                    addresses=addresses, selection=selection, more=0, events=2 + how % 2, patient=how != 1, workers=1 + place), [
                    turn(*opened), readdressed(place, how, *old, *new), turn(*opened), turn(*new, *old, step=MINUTES_2),
                    readdressed(place, how, *new, *old, *opened), turn(*new, step=SECONDS_31)]
    yield "moves-twice", dict(addresses=2, more=LEAVES), [
        turn(*opened), readdressed(1, 2, *old), readdressed(1, 1, *new), readdressed(0, 2, *opened), turn(*new, *old)]
    yield "moves-six", dict(addresses=1, six=(0, 0)), [
        turn(six(UDP, "2001:db8:1::2", (0, OUTSIDE)), six(ICMP, "2001:db8:1::2", (0, OUTSIDE)), six(TCP, "2001:db8:1::3", (1, OUTSIDE))),
        turn(answer(), answer(back=1), error()), readdressed(0, 2, outside(UDP), outside(UDP, "192.0.2.3"), error(), answer("synack")),
        turn(answer(), answer("synack", back=1))]


def either(protocol, **rest):
    """To either of two places of the pool."""
    return [outside(protocol, a, **rest) for a in ("192.0.2.0", POOL)]


def ways():
    """Which worker, which address, which port; and entries that are rare: name, settings, turns."""
    told = dict(stories())
    quick = dict(forwards=0, workers=3)
    for name in ("many-ports", "many-hosts", "errors-udp", "fragments-17", "hairpin", "ping"):
        yield f"by-ports-{name}", quick, told[name]
        yield f"by-hosts-{name}", quick | dict(more=0, which=0x70), told[name]
    control = [turn(*[fresh(TCP, h, OUTSIDE, sport=p, dport=d) for h in (INSIDE, "10.0.9.2") for p in (5000, 5001) for d in (21, 1723)]),
               turn(*[answer("synack", back=n) for n in range(4)], *[outside(TCP, sport=p, dport=5000) for p in (21, 1723)], fresh(GRE, *ENDS, other=0x71),
                    outside(GRE, other=0x71), outside(UDP, sport=69), error(), error(back=3))]
    for forwards in (0, 63):
        yield f"helped-{forwards}", dict(forwards=forwards, workers=3, more=GROUPS, which=0x70, alone=1), control
    host, counterpart = "172.16.0.2", "192.0.3.2"
    for filtering in (0, 1, 2):
        yield f"one-to-one-4-{filtering}", dict(alone=1, filtering=filtering, workers=1 + filtering, forwards=filtering and 63), [
            turn(*[fresh(p, host, OUTSIDE, other=0x50, kind=k) for p in (UDP, TCP, ICMP, GRE, SCTP, ESP, DCCP) for k in (8, 0)]),
            turn(*[outside(p, counterpart, other=0x52, kind=k, segment=s) for p in (UDP, TCP, ICMP, GRE, SCTP, ESP, DCCP)
                   for k, s in ((0, "synack"), (8, "syn"))]),
            turn(*[outside(p, "192.0.3.9", sport=443) for p in (UDP, TCP, SCTP, GRE)], error(), error(2), error(back=3), error(0, 4, back=5)),
            turn(*[fresh(p, host, "192.0.3.9") for p in (UDP, GRE)], *[fresh(p, INSIDE, counterpart) for p in (UDP, TCP)]),
            configured(dict(alone=0), outside(UDP, counterpart), fresh(UDP, host, OUTSIDE), outside(UDP, counterpart, sport=99), step=2)]
    for name, settings in (("overload", dict(ports=3, exhausted=3)), ("overload-bound", dict(ports=3, exhausted=3, mapping=2)),
                           ("soft-few", dict(ports=3, pooling=2, exhausted=2)), ("sequential-few", dict(ports=1, conflict=1)),
                           ("arbitrary-few", dict(ports=1, pooling=1, selection=1, exhausted=2)), ("forward-all", dict(ports=3, mapping=2))):
        yield f"hosts-{name}", settings, [turn(*[fresh(k, f"10.0.{n}.7", f"203.0.113.{n % 9}", sport=40000 + n % 3) for n in range(12)
                                                 for k in (UDP, TCP)]), turn(*[answer("synack", back=n) if n % 2 == 0 else answer(back=n)
                                                                               for n in range(6)], *either(UDP, dport=40000))] * 2
    many = [fresh(UDP, h, f"203.0.113.{n}", sport=5000 + n) for n in range(20) for h in (INSIDE, "10.0.0.3")]
    idle, rested = 10, 8
    for blocks in (0, 1, 3):
        for size in (0, 1):
            settings = dict(selection=5, block=size, blocks=blocks, addresses=2, more=0, mapping=2, ports=0)
            yield f"blocks-{blocks}-{size}", settings, [
                turn(*many), turn(*many[:9], step=idle), turn(*many[:30], step=1), turn(*many[20:], step=idle), turn(*many[3:5], step=rested),
                configured(settings | dict(selection=1), *many[:6]), configured(settings, *many[:9], step=2),
                configured(settings | dict(selection=6, dynamic=1), *many[5:20]), turn(*many[:9], step=idle), turn(many[0], step=idle)]
    yield "blocks-few", dict(selection=5, ports=0, addresses=1, sessions=8, more=0, mapping=2), [turn(*many[:20]), turn(
        *many[20:], step=10), turn(*many[10:30], step=10), turn(*many[:9], step=9)]
    yield "plan-changes", dict(selection=6, addresses=4, dynamic=2, more=0), [
        turn(*many[:20]), configured(dict(selection=5, more=0), *many[10:30]), configured(dict(selection=0, more=0), *many[:5], step=10),
        configured(dict(selection=6, dynamic=0, more=0), *many[:9], step=10)]
    segment = [turn(fresh(TCP, *ENDS, seq=1)), turn(answer("synack")), turn(answer("ack"))]
    quotes = [raw(ip4("203.0.113.1", POOL, ICMP, icmp(3, 1, payload=ip4(POOL, OUTSIDE, TCP, tcp(POOL, OUTSIDE, seq=s), o)), o2), first=FROM_OUTSIDE)
              for s in (0x01010101, 0x7f000000, 0x01020101) for o in (b"", u8(131, 7, 4, 1, 2, 3, 4, 0)) for o2 in (b"", u8(7, 7, 4, 0, 0, 0, 0, 0))]
    inner = [raw(ip4(INSIDE, OUTSIDE, ICMP, icmp(3, 3, payload=ip4(OUTSIDE, INSIDE, TCP, tcp(OUTSIDE, INSIDE, ports=(80, 5000), seq=s), o))))
             for s in (0, 1) for o in (b"", u8(131, 7, 4, 1, 2, 3, 4, 0))]
    odd = [raw(ip4(a, POOL, ICMP, icmp(3, 1, payload=q)), first=FROM_OUTSIDE) for a in ("203.0.113.1", "240.0.0.1") for q in (
        ip4(POOL, OUTSIDE, ICMP, icmp(11)), ip4(POOL, OUTSIDE, UDP, udp(POOL, OUTSIDE))[:22], ip4(INSIDE, OUTSIDE, UDP, udp(*ENDS)),
        ip4(POOL, OUTSIDE, ICMP, icmp(0)), ip4(POOL, OUTSIDE, 200, bytes(8)))]
    for errors_off in (0, 1):
        yield f"errors-odd-{errors_off}", dict(errors=errors_off, addresses=2), segment + [turn(*quotes), turn(*inner), turn(*odd)]
        yield f"errors-of-all-{errors_off}", dict(errors=errors_off, six=(0, 0)), told["errors-tcp"] + told["errors-udp"] + told["errors-icmp"]
    knocks = [outside(TCP, "192.0.2.2", sport=p, dport=80) for p in range(6000, 6040)]
    closes = [answer("rst", back=n, first=0) for n in range(8)]
    yield "half-open-gaps", dict(sessions=8, per_host=8, forwards=2), [turn(*knocks[n:n + 3], *closes, step=6) for n in range(0, 36, 3)]
    yield "half-open-again", dict(sessions=2, per_host=2, forwards=2), [turn(knocks[n % 2], answer("rst"), outside(
        TCP, "192.0.2.2", sport=6000, dport=80, segment="rst"), step=1) for n in range(20)]
    yield "pieces-many", dict(fragments=1), [turn(*[fresh(UDP, *ENDS, payload=30, identification=n, flags=pieces(4) | f, step=s)
                                                    for n in range(6) for f, s in ((0, 3), (BACKWARDS, 2), (OVERLAP, 4))]), turn(*[raw(ip4(
        *ENDS, UDP, bytes(8), identification=9, fragment=0x2000 | (k * 2 + 1))) for k in range(20)]), turn(*[raw(ip4(
            *ENDS, UDP, bytes(16 if k % 3 else 8), identification=10, fragment=(0x2000 if k else 0) | k)) for k in (9, 1, 5, 3, 7, 1, 0, 2)])]
    yield "pieces-odd", dict(alone=1, six=(0x20, 0)), [turn(*[raw(ip4(a, b, p, bytes(16), identification=20 + n, fragment=0x2000)) for n, (a, b, p) in enumerate((
        ("240.0.0.1", OUTSIDE, UDP), (INSIDE, "240.0.0.2", UDP), (*ENDS, ICMP), (*ENDS, 200), ("172.16.0.2", OUTSIDE, ICMP), (*ENDS, TCP)))],
        *[raw(ip4("172.16.0.2", OUTSIDE, ICMP, icmp(k, payload=bytes(16))[:16], identification=40 + k, fragment=0x2000), first=0) for k in (0, 3, 5, 8)])]
    yield "nameless", dict(sessions=1, six=(0, 0)), [turn(*[six(UDP, "2001:db8:1::2", (0, f"203.0.113.{n}"), flags=f) for n in range(8) for f in (0, pieces(2))],
                                                          *[six(UDP, f, t) for f in ("fd00:2::2", "fd00:3::2") for t in ("2001:db8:f::1", "2001:db8:f::2")])]
    yield "nat64-strangers", dict(six=(0, 0), addresses=2), [
        turn(*[six(p, "2001:db8:1::2", (0, OUTSIDE), kind=128) for p in (UDP, TCP, ICMP)]),
        turn(*either(UDP, sport=443), *either(UDP, sport=80, flags=NO_SUM), *either(TCP, sport=443), *either(ICMP, kind=0), *either(ICMP, kind=8),
             *[fresh(UDP, a, POOL, dport=5000, first=FROM_OUTSIDE) for a in ("10.0.0.9", "127.0.0.1", "203.0.113.77")], *either(SCTP), *either(GRE)),
        turn(answer(), answer(back=1), error(), error(back=2))]
    for wanted in (0x01, 0xd1, 0xde, 0x41):
        yield f"six-some-{wanted}", dict(six=(wanted, 0xc1), forwards=0, workers=3), [
            turn(*[six(p, f, t) for p in (UDP, TCP) for f in ("2001:db8:1::2", "fd00:2::2", "fd00:3::2") for t in ("2001:db8:f::1", (0, OUTSIDE))]),
            turn(answer(), answer("synack", back=3), error()), configured(dict(six=(0x1f, 0)), *[
                six(UDP, f, t) for f in ("2001:db8:1::2", "fd00:2::2") for t in ((0, OUTSIDE), (1, OUTSIDE), "2001:db8:f::1")]),
            turn(answer(), six(UDP, (0, OUTSIDE), "2001:db8:f::1"), *either(UDP), step=2), configured(dict(six=(0, 0)), *either(UDP, sport=443))]


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
        yield name, nat(workers=1 + number % 3, filtering=number % 3, mapping=number // 3 % 3,
                        six=(number % 2 << 5, number * 5)) + b"".join(turns)
    again = u8(0x80) + behaviour(pace=3, filtering=1, forwards=1)
    yield "configured-anew", nat() + b"".join(told["udp"]) + again + told["udp"][0][1:] + b"".join(told["forwards"])
    yield "configured-over", nat(forwards=0, selection=0) + turn(fresh(TCP, INSIDE, OUTSIDE, sport=443)) + \
        u8(0x80) + behaviour() + turn(outside(TCP, dport=443))[1:]
    for name, settings, turns in (*more_stories(), *others_stories(), *moves(), *ways()):
        yield name, nat(**settings) + b"".join(turns)
