"""The log of mappings (LOG-SYS, 8158-L1, 8158-L2, 6888-R12), from real traffic to real collectors."""

import os
import time

import pytest

import nat64
from collectors import Ipfix, Syslog, syslog_at
from netns import until
from peers import exchange
from rig import CLIENT, POOL, SERVER, Setup

LOGHOST, FAST = "127.0.0.1", dict(udp=1, allow_short=True)
BOTH_WAYS = pytest.mark.parametrize("workers", [1, 4])


@pytest.fixture
def devlog(tmp_path):
    collector = syslog_at(str(tmp_path / "log"))
    yield collector
    collector.socket.close()


def path_of(collector):
    return collector.socket.getsockname()


def talk(net, port=5000, peer=53):
    """One UDP mapping: its outside endpoint."""
    a, b = net.client.udp(CLIENT, port), net.server.udp(SERVER, peer)
    seen = exchange(a, (SERVER, peer), b)
    for s in (a, b):
        s.close()
    return seen


def mapping(record):
    return (record["protocol"], record["inside"], int(record["inside-port"]), record["outside"],
            int(record["outside-port"]))


@BOTH_WAYS
def test_syslog_tells_mappings(prepared, devlog, workers):
    """Who had which port, and from when to when; not with whom."""
    net = prepared(Setup(workers=workers))
    net.start(timeouts=FAST, log=dict(syslog=[path_of(devlog)]))
    begin = time.time()
    seen = [talk(net, port) for port in (5000, 5001, 5002, 5003)]
    made = devlog.until("mapping-created", 4)
    expected = {("udp", CLIENT, 5000 + i, *at) for i, at in enumerate(seen)}
    assert {mapping(r) for r in made} == expected
    gone = devlog.until("mapping-deleted", 4)
    assert {mapping(r) for r in gone} == expected
    assert len(devlog.records) == 8
    assert all(begin - 0.1 < r["time"] < time.time() + 0.1 for r in made + gone)
    assert all(g["time"] - m["time"] > 0.9 for m in made for g in gone if mapping(m) == mapping(g))
    assert not any("remote" in r or SERVER in r.values() for r in devlog.records)


def test_syslog_over_udp_with_destinations(prepared):
    net = prepared()
    devlog = Syslog(net.gateway.udp(LOGHOST, 514))
    net.start(log=dict(syslog=[f"udp:{LOGHOST}:514"], mappings=False, sessions=True,
                       destinations=True))
    talk(net, 5000)
    record, = devlog.until("session-created")
    assert (record["remote"], record["remote-port"]) == (SERVER, "53")
    assert mapping(record)[:3] == ("udp", CLIENT, 5000)
    assert {r["event"] for r in devlog.records} == {"session-created"}


@BOTH_WAYS
def test_ipfix(prepared, workers):
    """RFC 8158: bindings made and unmade match, as a collector sees them that knows only RFC 7011."""
    net = prepared(Setup(workers=workers))
    collector = Ipfix(net.gateway.udp(LOGHOST, 4739))
    net.start(timeouts=FAST, log=dict(ipfix=[f"{LOGHOST}:4739"]))
    begin = time.time()
    seen = [talk(net, port) for port in range(5000, 5040)]
    made, gone = collector.until(8, 40), collector.until(9, 40)
    for records in (made, gone):
        assert {(r["sourceIPv4Address"], r["sourceTransportPort"], r["postNATSourceIPv4Address"],
                 r["postNAPTSourceTransportPort"], r["protocolIdentifier"]) for r in records} == {
                (CLIENT, 5000 + i, *at, 17) for i, at in enumerate(seen)}
    assert all(begin - 0.1 < r["observationTimeMilliseconds"] / 1000 < time.time() + 0.1
               for r in made + gone)
    assert {r["event"] for r in collector.records} == {8, 9}


@BOTH_WAYS
def test_blocks_are_told_instead_of_ports(prepared, devlog, workers):
    """LOG-PBA, 6888-R12: few records, and each port that was seen outside lies in one of them."""
    net = prepared(Setup(workers=workers))
    collector = Ipfix(net.gateway.udp(LOGHOST, 4739))
    net.start(nat=dict(port_selection="block", block_size=64, blocks_per_host=8),
              log=dict(syslog=[path_of(devlog)], ipfix=[f"{LOGHOST}:4739"]))
    seen = [talk(net, port) for port in range(5000, 5100)]
    devlog.until("block-assigned", 2)
    collector.until(16, 2)
    time.sleep(0.1)
    blocks = [(r["inside"], r["outside"], int(r["first-port"]), int(r["last-port"]))
              for r in devlog.read()]
    assert len(blocks) <= 8 and {r["event"] for r in devlog.records} == {"block-assigned"}
    for address, port in seen:
        assert [b[0] for b in blocks if b[1] == address and b[2] <= port <= b[3]] == [CLIENT]
    assert blocks == [(r["sourceIPv4Address"], r["postNATSourceIPv4Address"], r["portRangeStart"],
                       r["portRangeEnd"]) for r in collector.read()]


def test_records_of_nat64(prepared, devlog):
    """8158-L1: sessions of NAT64 have events and elements of their own, among them both names of the peer."""
    net = prepared(Setup(workers=2))
    collector = Ipfix(net.gateway.udp(LOGHOST, 4739))
    nat64.translate(net, timeouts=FAST, log=dict(syslog=[path_of(devlog)], ipfix=[f"{LOGHOST}:4739"],
                                                 sessions=True, destinations=True))
    a, b = net.client.udp(nat64.HOST, 5000), net.server.udp(SERVER, 53)
    outside, port = exchange(a, (nat64.embedded(SERVER), 53), b)
    assert net.router.sessions() == [("udp", f"[{nat64.HOST}]:5000", f"{outside}:{port}", f"{SERVER}:53")]
    for number in (6, 7):
        record, = collector.until(number, 1)
        assert (record["sourceIPv6Address"], record["postNATSourceIPv4Address"], record["sourceTransportPort"],
                record["postNAPTSourceTransportPort"]) == (nat64.HOST, outside, 5000, port)
        assert (record["destinationIPv6Address"], record["postNATDestinationIPv4Address"],
                record["destinationTransportPort"]) == (nat64.embedded(SERVER), SERVER, 53)
    assert {r["event"] for r in collector.records} == {6, 7, 10, 11}
    record, = devlog.until("session-created")
    assert (record["inside"], record["inside-port"], record["outside"], record["remote"]) == (
        nat64.HOST, "5000", outside, SERVER)


def test_refusals_are_few_records(prepared, devlog):
    """8158-L2: thousands of refusals, one record per cause, with their number."""
    net = prepared()
    collector = Ipfix(net.gateway.udp(LOGHOST, 4739))
    net.start(nat=dict(ports="40000-40003", low_ports=""),
              log=dict(syslog=[path_of(devlog)], ipfix=[f"{LOGHOST}:4739"], mappings=False))
    a = net.client.udp(CLIENT, 5000)
    for port in range(5000, 5020):
        s = net.client.udp(CLIENT, port) if port > 5000 else a
        for _ in range(50):
            s.sendto(b"let me out", (SERVER, 53))
    until(lambda: net.router.counters()["out_of_ports"] >= 200, "ports to be used up")
    devlog.until("ports-exhausted")
    time.sleep(0.2)
    records = [r for r in devlog.read() if r["event"] == "ports-exhausted"]
    assert len(records) == 1 and records[0]["reason"] == "out_of_ports"
    record, = collector.until(12)
    assert str(record["droppedPacketDeltaCount"]) == records[0]["count"]
    assert record["sourceIPv4Address"] == CLIENT


def test_mappings_beyond_the_rate(prepared, devlog):
    net = prepared()
    net.start(log=dict(syslog=[path_of(devlog)], per_second=5))
    for port in range(5000, 5040):
        talk(net, port)
    until(lambda: net.router.counters()["log_limited"] >= 20, "the rate to be reached")
    time.sleep(0.1)
    counters = net.router.counters()
    assert len(devlog.read()) == counters["log_sent"]
    assert counters["log_sent"] + counters["log_limited"] == 40
    assert counters["log_lost"] == 0


def test_a_reader_that_stops(prepared, devlog):
    """LOG-SYS: nobody reads, the socket is full: packets go on as before, and losses are counted."""
    net = prepared(Setup(workers=2))
    net.start(log=dict(syslog=[path_of(devlog)], per_second=1000000))
    a, b = net.client.udp(CLIENT, 4999), net.server.udp(SERVER, 53)
    exchange(a, (SERVER, 53), b)
    burst = [net.client.udp(CLIENT, port) for port in range(5000, 5800)]
    waited = []
    for s in burst:
        begin = time.monotonic()
        exchange(s, (SERVER, 53), b)
        waited.append(time.monotonic() - begin)
    until(lambda: net.router.counters()["log_lost"] > 100, "losses to be counted")
    # Some may have waited for the processor, but the log makes nobody wait.
    assert sum(seconds > 0.09 for seconds in waited) < 8, sorted(waited)[-8:]
    devlog.until("mapping-created")
    devlog.records.clear()
    talk(net, 6001, 54)
    devlog.until("mapping-created")
    for s in burst:
        s.close()


def test_collectors_that_come_and_go(prepared, tmp_path):
    """Killed and started again at the same path: nothing is to be done about it."""
    net = prepared()
    path = str(tmp_path / "log")
    net.start(log=dict(syslog=[path], ipfix=[f"{LOGHOST}:4739"]))
    talk(net, 5000)
    until(lambda: net.router.counters()["log_lost"] == 1, "the loss to be counted")
    for port in (5001, 5002):
        devlog = syslog_at(path)
        talk(net, port)
        record, = devlog.until("mapping-created")
        assert record["inside-port"] == str(port)
        devlog.socket.close()
        os.unlink(path)
    talk(net, 5003)
    until(lambda: net.router.counters()["log_lost"] == 2, "the loss to be counted")


def test_losses_are_told(prepared, tmp_path):
    """A log with gaps says so, once somebody listens."""
    net = prepared()
    path = str(tmp_path / "log")
    net.start(log=dict(syslog=[path]))
    talk(net, 5000)
    until(lambda: net.router.counters()["log_lost"] == 1, "the loss to be counted")
    devlog = syslog_at(path)
    told, = devlog.until("records-lost")
    assert told["count"] == "1"
    devlog.socket.close()


def test_reload_begins_and_ends_the_log(prepared, devlog, tmp_path):
    """Off until asked for; then there; then elsewhere; then off again."""
    net = prepared()
    net.start()
    talk(net, 5000)
    other = syslog_at(str(tmp_path / "other"))
    for generation, (values, port) in enumerate(((dict(syslog=[path_of(devlog)]), 5001),
                                                 (dict(syslog=[path_of(other)]), 5002),
                                                 (dict(), 5003)), 2):
        net.reload(log=values)
        until(lambda: net.router.ask("status")["generation"] == generation, "the configuration")
        talk(net, port)
    assert other.until("mapping-created")[0]["inside-port"] == "5002"
    time.sleep(0.3)
    assert [r["inside-port"] for r in devlog.read()] == ["5001"]
    assert [r["inside-port"] for r in other.read()] == ["5002"]
    other.socket.close()
    assert net.router.stop() == [f"router: {net.conf} loaded"] * 3


@pytest.mark.parametrize("log, complaint", [
    (dict(syslog=["localhost"]), "log.syslog \"localhost\" is no collector"),
    (dict(ipfix=["192.0.2.9"]), "log.ipfix \"192.0.2.9\" is no collector"),
    (dict(sessions=True), "log.sessions without destinations repeats what log.mappings says"),
    (dict(destinations=True), "log.destinations asks for what only sessions have"),
])
def test_contradictions_are_refused(prepared, build, log, complaint):
    net = prepared()
    net.start()
    net.router.stop()
    net.conf.write_text(net.conf.read_text() + "log = { %s };\n" % " ".join(
        f"{key} = {'true' if value is True else '[ %s ]' % ', '.join(repr(v) for v in value)};"
        .replace("'", '"') for key, value in log.items()))
    out = net.gateway.start(f"{build}/router", "check", "-c", net.conf)
    _, error = out.communicate(timeout=30)
    assert out.returncode == 1
    assert complaint in error
