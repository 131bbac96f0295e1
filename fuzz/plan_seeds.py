"""Configurations for the library, and what is wrong with them."""

from datagrams import ENDS, GRE, ICMP, INSIDE, OUTSIDE, POOL, TCP, UDP, octets_of, u16, u32, u8
from recipes import FROM_OUTSIDE, answer, error, fresh, outside, six

PARTS = ["config", "policy", "forward", "eam", "eam_by6", "pool", "pool6"]
OCTETS = ["prefix", "match", "translated", "prefixes0", "prefixes1", "to_prefix", "seen", "real", "external", "internal",
          "source", "external6", "internal6", "v4", "v6", "address", "address6", "one_to_one"]
FIELDS = {  # as in fuzz_plan.c
    "config": "worker workers sessions per_host fragments half_open held_ports forgetful unsolicited unique_idents events "
              "event_mask udp hold policies pool forwards mtu_inside mtu_outside",
    "policy": "prefix len version type match translated prefixes0 prefixes1 prefix_count eams lowest_mtu fixed_tos "
              "no_checksum_drops blocks_ipsec blocks_ping drops_zero_ids to_prefix to_len to_protocol to_first to_last one_to_one "
              "pool_first pool_count left on_change first last low_first low_last udp_mapping udp_filtering tcp_mapping "
              "tcp_filtering selection conflict parity independent block_size blocks dynamic pooling hairpin refresh exhausted "
              "unsolicited errors_off helpers ports_per_host rate burst per_mapping short udp seen real twice_len",
    "forward": "protocol external internal first last to grouped targets weight sticky source external6 internal6",
    "eam": "v4 len4 v6", "eam_by6": "v4 len4 v6", "pool": "address", "pool6": "address6",
}
NONE, NAPT44, ONE_TO_ONE, NAPT66, FIREWALL, NAT64, NPTV6, SIIT = range(8)
BLOCK, DETERMINISTIC = 5, 6
BESIDE = "240.0.0.0"


def prefix6(text):
    address, length = text.split("/")
    return octets_of(address) + u8(int(length))


def value(field, v):
    if field not in OCTETS:
        return u32(v)
    return prefix6(v) if "/" in v else octets_of(v)


def change(part, index=0, **fields):
    return [u8(PARTS.index(part), index, FIELDS[part].split().index(name)) + value(name, v) for name, v in fields.items()]


def plan(*changes, turns=(), sorted_first=0):
    flat = [c for some in changes for c in some]
    return u8(len(flat)) + b"".join(flat) + u8(sorted_first) + b"".join(u8(0) + t for t in turns)


def policy(index=0, **fields):
    return change("policy", index, **fields)


def config(**fields):
    return change("config", **fields)


def forward(index=0, **fields):
    row = dict(protocol=TCP, external=POOL, internal=INSIDE, first=80, last=80, to=80) | fields
    return change("forward", index, **row)


def six_policy(index=0, kind=NPTV6, match="fd00:4::/48", **fields):
    return policy(index, type=kind, version=6, match=match, **fields)


def eam(index, four, bits, prefix, part="eam"):
    return change(part, index, v4=four, len4=bits, v6=prefix)


def faults():
    """Name, changes: each with one thing wrong, or right by a little."""
    for name, fields in (("workers", dict(workers=0)), ("worker", dict(worker=1)), ("sessions", dict(sessions=0)),
                         ("half-open", dict(half_open=33)), ("fragments", dict(fragments=1 << 21)),
                         ("events", dict(events=1 << 21)), ("held-ports", dict(held_ports=1 << 25)),
                         ("unsolicited", dict(unsolicited=1 << 13)), ("policies", dict(policies=9)), ("pool", dict(pool=9)),
                         ("forwards", dict(forwards=9)), ("timeout", dict(udp=0)), ("timeout-long", dict(hold=1 << 31))):
        yield f"whole-{name}", config(**fields)
    for name, fields in (
            ("len", dict(len=33)), ("enum", dict(hairpin=3)), ("behaviour", dict(udp_mapping=3)), ("type", dict(type=8)),
            ("independent", dict(independent=1, udp_mapping=1)), ("twice", dict(twice_len=33)), ("burst", dict(rate=1)),
            ("timeout", dict(udp=1 << 31)), ("version", dict(version=5)), ("version-6", dict(version=6)),
            ("no-pool", dict(pool_count=0)), ("pool-beyond", dict(pool_count=7)), ("no-ports", dict(last=0)),
            ("ports-wrong", dict(first=9, last=8)), ("low-wrong", dict(low_first=9, low_last=8)), ("left", dict(left=1)),
            ("overload", dict(selection=BLOCK, exhausted=3)), ("low-blocks", dict(selection=BLOCK, low_first=5, low_last=8)),
            ("arbitrary", dict(selection=BLOCK, pooling=1)), ("soft", dict(selection=DETERMINISTIC, pooling=2)),
            ("many-hosts", dict(selection=DETERMINISTIC)), ("block-small", dict(selection=BLOCK, block_size=8)),
            ("no-blocks", dict(selection=BLOCK, blocks=0)), ("no-whole-block", dict(selection=BLOCK, last=1030)),
            ("to-len", dict(type=NONE, to_len=33)), ("to-ports", dict(type=NONE, to_last=9)),
            ("to-range", dict(type=NONE, to_protocol=TCP, to_first=9, to_last=8)),
            ("siit-nothing", dict(type=SIIT)), ("siit-mtu", dict(type=SIIT, prefixes0="2001:db8::/96", prefix_count=1, lowest_mtu=9)),
            ("siit-many", dict(type=SIIT, prefix_count=9)), ("siit-eams", dict(type=SIIT, eams=7)),
            ("siit-prefix", dict(type=SIIT, prefixes0="2001:db8::/97", prefix_count=1)),
            ("siit-prefix-long", dict(type=SIIT, prefixes0="2001:db8::/200", prefix_count=1)),
            ("siit-prefix-bits", dict(type=SIIT, prefixes0="2001:db8::1/96", prefix_count=1)),
            ("siit-overlap", dict(type=SIIT, prefixes0="2001:db8::/96", prefixes1="2001:db8::/64", prefix_count=2)),
            ("siit-no-pool", dict(type=SIIT, prefixes0="2001:db8::/96", prefix_count=1, pool_count=9))):
        yield f"policy-{name}", policy(**fields)
    for name, fields in (("helpers", dict(helpers=1)), ("twice", dict(twice_len=8)), ("plan", dict(selection=DETERMINISTIC)),
                         ("destination", dict(to_len=8)), ("match", dict(match="fd00:4::/129")), ("no-word", dict(match="fd00::/113")),
                         ("lengths", dict(kind=ONE_TO_ONE, translated="2001:db8::/32")), ("inside", dict(translated="fd00:4:0:1::/64")),
                         ("unclean", dict(translated="2001:db8::1/48")),
                         ("blocks", dict(kind=NAPT66, selection=BLOCK)), ("pool", dict(kind=NAPT66)),
                         ("nat64", dict(kind=NAT64)), ("nat64-within", dict(kind=NAT64, prefixes0="fd00::/32", prefix_count=1))):
        yield f"policy6-{name}", six_policy(**fields)
    yield "pool-reserved", change("pool", address="240.0.0.5")
    yield "one-to-one-reserved", policy(type=ONE_TO_ONE, one_to_one="240.1.0.0")
    yield "twice-reserved", policy(seen=POOL, real="255.255.255.255", twice_len=32)
    yield "forward-reserved", forward(internal="240.0.0.1") + config(forwards=1)
    yield "pool-beside", change("pool", address=BESIDE)
    yield "pool-private", policy(type=SIIT, prefixes0="2001:db8::/96", prefix_count=1) + change("pool", address="10.0.0.1")
    yield "rival", policy(selection=BLOCK) + policy(1, prefix="10.1.0.0") + config(policies=2)
    nat64 = six_policy(kind=NAT64, match="2001:db8:1::/64", prefixes0="64:ff9b::/96", prefix_count=1)
    yield "clash", nat64 + six_policy(1, NAT64, "2001:db8:2::/64", prefixes0="64:ff9b::/64", prefix_count=1) + config(policies=2)
    yield "same-outside", six_policy(translated="2001:db8::/48") + six_policy(1, match="fd00:5::/48", translated="2001:db8::/48") + \
        config(policies=2)
    yield "pool-inside", nat64 + policy(1, prefix="192.0.2.0") + config(policies=2)
    for name, fields in (("icmp", dict(protocol=ICMP)), ("gre-ports", dict(protocol=GRE)), ("no-port", dict(first=0)),
                         ("beyond", dict(last=999, to=65500)), ("sctp", dict(protocol=132, to=81)),
                         ("to-six", dict(internal=BESIDE, internal6="2001:db8:1::2")), ("to-four", dict(external=BESIDE)),
                         ("twice-six", dict(internal=BESIDE, source=OUTSIDE)), ("alone", dict(grouped=1, targets=2)),
                         ("one-target", dict(grouped=1, targets=1))):
        yield f"forward-{name}", forward(**fields) + config(forwards=1)
    yield "forward-to-host", nat64 + forward(internal=BESIDE, internal6="2001:db8:1::2") + config(forwards=1)
    first = forward(grouped=1, targets=2, weight=1)
    yield "forward-not-grouped", first + forward(1) + config(forwards=2)
    yield "forward-no-weight", first + forward(1, grouped=1) + config(forwards=2)
    yield "forward-other-port", first + forward(1, grouped=1, weight=1, first=81, last=81) + config(forwards=2)
    siit = policy(type=SIIT, eams=2)
    for name, four, bits, prefix in (("long", OUTSIDE, 33, "2001:db8::/128"), ("suffix", "192.0.2.0", 24, "2001:db8::/128"),
                                     ("bits", OUTSIDE, 24, "2001:db8::/64"), ("same", OUTSIDE, 32, "2001:db8::/128")):
        yield f"eam-{name}", siit + eam(0, four, bits, prefix) + eam(1, four, bits, prefix)
    yield "eam-unsorted", siit + eam(0, OUTSIDE, 32, "2001:db8::9/128") + eam(1, POOL, 32, "2001:db8::1/128")
    yield "eam-others", siit + eam(0, POOL, 32, "2001:db8::9/128") + eam(1, OUTSIDE, 32, "2001:db8::1/128") + \
        eam(0, POOL, 32, "2001:db8::1/128", "eam_by6") + eam(1, POOL, 32, "2001:db8::3/128", "eam_by6")


def plans():
    """Name, changes, datagrams."""
    talk = [fresh(UDP, *ENDS), answer(), fresh(TCP, *ENDS), answer("synack"), answer("ack"), error(), outside(TCP), error()]
    yield "as-it-is", [], talk
    small = policy(selection=DETERMINISTIC, len=28, dynamic=32, block_size=64)
    yield "deterministic", small, talk
    yield "deterministic-few", small + policy(first=1024, last=1151, pool_count=2, len=30), talk
    yield "twice", policy(seen="203.0.113.0", real="198.51.100.0", twice_len=24), talk
    yield "events", config(events=3, event_mask=511), talk


def plan_seeds():
    for name, changes in faults():
        yield f"fault-{name}", plan(changes, turns=[fresh(UDP, *ENDS), answer()])
    for name, changes, turns in plans():
        yield name, plan(changes, turns=turns)
    many = [eam(i, f"203.0.113.{n}", bits, f"2001:db8::{n}/{96 + bits}") for i, (n, bits) in enumerate(
        ((64, 26), (9, 32), (0, 24), (8, 29), (9, 31), (128, 25)))]
    for count in (2, 3, 6):
        yield f"eams-{count}", plan(policy(type=SIIT, eams=count, version=6, match="::/0", prefixes0="2001:db8:46::/96", prefix_count=1), *many,
                                    sorted_first=1, turns=[six(UDP, "2001:db8:a::1", (3, OUTSIDE)), answer()])
