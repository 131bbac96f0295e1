"""What the gateway is meant to reach, and whether one run of the benchmarks saw it reached."""


def point(rows, key, value):
    return next(row for row in rows if row[key] == value)


def rate(sessions):
    return lambda r: point(r["engine-sessions"]["points"], "sessions", sessions)["packets_per_second"]["median"] / 1e6


def ratio(traffic, of, to):
    def find(r):
        rows = r["net"]["traffic"][traffic]["ratios"]
        return next(row["median"] for row in rows if (row["of"], row["to"]) == (of, to))
    return find


def offload(traffic):
    return lambda r: r["offload"]["offload"][traffic]["ratio"]["median"]


def longest_turn(r):
    return max(m[phase]["max"] for m in r["cps"].values() for phase in ("steady_us", "growth_us", "ending_us")) / 1e3


def lookup(version, other, way):
    return lambda r: r["fib"][version][other]["lookups"][way]["ours_by_factor"]["median"]


def own(name):
    return lambda r: r["net"]["profile"][f"{name}-no-polling"]["own_percent"]


def ours(r, version="v4"):
    return next(t for name, t in r["fib"][version].items() if name != "prefixes")


# What; where it stands in the results; at least (+) or at most (-) how much; unit.
GOALS = [
    ("Engine, 1 k sessions, 1 M routes", rate(1000), "+", 25, "M packets/s"),
    ("Engine, 64 Ki sessions, 1 M routes", rate(65536), "+", 20, "M packets/s"),
    ("Engine, 1 Mi sessions, 1 M routes", rate(1 << 20), "+", 15, "M packets/s"),
    ("Engine, NAT64 : NAT44, time of a packet", lambda r: r["engine-types"]["ratio"]["median"], "-", 1.5, ""),
    ("Memory of a session", lambda r: point(r["engine-sessions"]["points"], "sessions", 1 << 20)["octets_per_session"],
     "-", 160, "octets"),
    ("Two workers : two processes", lambda r: r["sharing"]["median"], "+", 0.97, ""),
    ("The same, all by one queue", lambda r: r["sharing"]["one_queue"]["median"], "+", 0.8, ""),
    ("New sessions, one core, 1 Mi live", lambda r: r["cps"]["step-udp-1048576"]["sessions_per_second"] / 1e6, "+", 1.5,
     "M/s"),
    ("Longest turn of a worker", longest_turn, "-", 1, "ms"),
    ("Lookups, random : rte_lpm, one at a time", lookup("v4", "rte_lpm", "random_single"), "+", 0.9, ""),
    ("Lookups, random : rte_fib dir24_8, one at a time", lookup("v4", "rte_fib", "random_single"), "+", 0.9, ""),
    ("Lookups, random : rte_lpm, by arrays", lookup("v4", "rte_lpm", "random_batch"), "+", 0.9, ""),
    ("Lookups, random : rte_fib dir24_8, by arrays", lookup("v4", "rte_fib", "random_batch"), "+", 0.9, ""),
    ("Lookups, random, dependent : rte_lpm", lookup("v4", "rte_lpm", "random_dependent"), "+", 2, ""),
    ("Lookups, random, dependent : rte_fib dir24_8", lookup("v4", "rte_fib", "random_dependent"), "+", 2, ""),
    ("Lookups of IPv6, near : rte_fib6, one at a time", lookup("v6", "rte_fib6", "near_single"), "+", 1, ""),
    ("Lookups of IPv6, near : rte_fib6, by arrays", lookup("v6", "rte_fib6", "near_batch"), "+", 1, ""),
    ("One update of 1 M IPv4 routes", lambda r: ours(r)["update_microseconds"]["median"], "-", 5, "µs"),
    ("1 M IPv4 routes, memory", lambda r: ours(r)["mib"], "-", 12, "MiB"),
    ("1 M IPv4 routes, build", lambda r: ours(r)["build_seconds"], "-", 0.5, "s"),
    ("TCP, TUN : copier", ratio("tcp", "router-tun-1", "copier-tun"), "+", 0.95, ""),
    ("TCP, TUN : masquerade (stretch)", ratio("tcp", "router-tun-1", "masquerade"), "+", 1, ""),
    ("TCP, TUN : pasta", ratio("tcp", "router-tun-1", "pasta"), "+", 4, ""),
    ("TCP, TUN : slirp4netns", ratio("tcp", "router-tun-1", "slirp4netns"), "+", 4, ""),
    ("TCP, NAT64, TUN : tayga", ratio("tcp", "router-nat64-1", "tayga"), "+", 10, ""),
    ("TCP, NAT64 : NAT44, TUN", ratio("tcp", "router-nat64-1", "router-tun-1"), "+", 0.9, ""),
    ("TCP, offload on : off", offload("tcp"), "+", 1, ""),
    ("TCP download, offload on : off", offload("tcp-back"), "+", 1, ""),
    ("UDP 1400, offload on : off", offload("udp-1400"), "+", 1, ""),
    ("UDP 64, TUN : copier", ratio("udp-64", "router-tun-1", "copier-tun"), "+", 0.9, ""),
    ("UDP 64, packet : copier", ratio("udp-64", "router-packet-1", "copier-packet"), "+", 0.9, ""),
    ("UDP 64, xdp : copier", ratio("udp-64", "router-xdp-1", "copier-xdp"), "+", 0.9, ""),
    ("UDP 64, TUN, time in own code", own("router-tun-1"), "-", 10, "%"),
    ("UDP 64, packet, time in own code", own("router-packet-1"), "-", 10, "%"),
    ("UDP 64, xdp, time in own code", own("router-xdp-1"), "-", 10, "%"),
]


def judged(results):
    """(what, figure or None, bound as text, whether it was reached or None)."""
    for what, find, way, bound, unit in GOALS:
        text = f"{'at least' if way == '+' else 'at most'} {bound:g} {unit}".strip()
        try:
            figure = find(results)
        except (KeyError, StopIteration):
            yield what, None, text, None
            continue
        yield what, figure, text, figure >= bound if way == "+" else figure <= bound
