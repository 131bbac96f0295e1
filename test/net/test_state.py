"""state_file: sessions and resting ports outlive the gateway, however it ends."""

import contextlib
import pathlib
import signal
import subprocess

import pytest

import nat64
from echo import Echo
from netns import until
from peers import connect, exchange
from rig import CLIENT, CLIENT_B, CONTROL, SERVER, WAN, Setup, configuration
from test_address import give, noticed, take
from test_lifecycle import refused, state
from test_service import USER, root  # noqa: F401

END, KILL = signal.SIGTERM, signal.SIGKILL
ROOM = dict(limits=dict(sessions=4096))


def file_of(net):
    return net.directory / "state"


def keep(net, **options):
    """Run the gateway with a state file."""
    return net.run(**ROOM | dict(state_file=str(file_of(net))) | options)


def end(net, how):
    """What has been said."""
    if how != KILL:
        return net.router.stop(how)
    net.router.process.kill()
    return net.router.process.communicate()[1].splitlines()


def again(net, how, **options):
    end(net, how)
    return keep(net, **options)


def found(net):
    """What the gateway has taken up."""
    return net.router.ask("status")["state"]


def chatter(net, count, client=CLIENT, server=SERVER):
    listener = net.server.listen(SERVER, 7)
    return Echo([(net.client.tcp(client), (server, 7), listener) for _ in range(count)])


def goes_on(net, talk, hows, **options):
    """All but one of a hundred connections live on, over one end after the other."""
    count = len(talk.connections)
    talk.go_on()
    for how in hows:
        again(net, how, **options)
        talk.go_on(0.99)
        took = found(net)
        assert took["found"] and took["clean"] == (how == END) and took["sessions"] >= count, took
        assert took["damaged"] == took["waiting"] == 0, took
    assert talk.end() >= 0.99 * count


@pytest.mark.parametrize("setup, count, hows", [
    (Setup("tun", 2), 300, [KILL, END]), (Setup("own", 2), 50, [KILL, KILL]), (Setup("tap", 1), 20, [END, KILL]),
    (Setup("shared", 1), 50, [KILL, END]), (Setup("xdp", 2), 20, [KILL]), (Setup("nfqueue", 1), 20, [END, KILL])], ids=str)
def test_connections_go_on(prepared, setup, count, hows):
    net = prepared(setup)
    if not setup.makes_device:
        net.outside = net.sniff(net.server, "wan0")
    keep(net)
    goes_on(net, chatter(net, count), hows)
    net.router.stop()


def test_connections_through_nat64_go_on(prepared):
    net = prepared(Setup("own", 2))
    ends = dict(lan=nat64.lan(), wan=nat64.wan(net.setup), nat=nat64.entry())
    keep(net, **ends)
    goes_on(net, chatter(net, 20, nat64.HOST, nat64.embedded(SERVER)), [KILL, END], **ends)
    net.router.stop()


def test_other_workers_and_limits(prepared):
    """The next gateway need not be as the one before."""
    net = keep(prepared(Setup("own", 2)))
    goes_on(net, chatter(net, 20), [KILL, END], workers=1, limits=dict(sessions=1000))
    net.router.stop()


def test_as_another_user(root, prepared):  # noqa: F811
    """With the rights that it has kept, and the system calls on the list, nothing is missing."""
    net = prepared(Setup("own", 2))
    net.directory = pathlib.Path("/run")
    keep(net, **USER)
    goes_on(net, chatter(net, 20), [END, KILL], **USER)
    assert file_of(net).stat().st_mode & 0o7777 == 0o600
    net.router.stop()


def test_says_what_it_took_up(prepared):
    net = keep(prepared(Setup("own", 2)))
    assert end(net, END) == []
    keep(net)
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
    again(net, KILL)
    words = net.gateway.run(net.router.ctl, "-s", CONTROL, "status")
    assert f"state file  {file_of(net)}" in words
    line, = end(net, END)
    assert line.startswith(f'router: state_file "{file_of(net)}": 1 sessions go on, 0 ports and blocks rest, ')
    assert line.endswith(" s, after an end out of order")


def endpoints(net, address, ports):
    """What the server sees of UDP sockets at these inside ports, of those that are not refused."""
    far = net.server.udp(SERVER, 53)
    for port in ports:
        net.client.udp(address, port).sendto(b"?", (SERVER, 53))
    far.settimeout(1)
    seen = []
    with contextlib.suppress(TimeoutError):
        while len(seen) < len(ports):
            seen.append(far.recvfrom(10)[1][1])
    far.close()
    return seen


@pytest.mark.parametrize("workers", [1, 2])
def test_no_port_is_anothers_too_soon(prepared, workers):
    """RFC 6888 REQ-8 after a loss of state: neither ports that were in use nor those that rested go to another host,
    though that asks for more than there are."""
    options = dict(nat=dict(ports="5000-5031", filtering="endpoint-independent"),
                   timeouts=dict(udp=2, allow_short=True))
    net = keep(prepared(Setup("own", workers)), **options)
    resting = endpoints(net, CLIENT, range(5000, 5012))
    until(lambda: net.router.ask("status")["held_ports"] == 12, "ports to rest")
    in_use = endpoints(net, CLIENT, range(5012, 5020))
    again(net, KILL, **options)
    assert found(net)["ports"] == 12
    others = endpoints(net, CLIENT_B, range(5000, 5032))
    assert set(resting + in_use) == set(range(5000, 5020))
    assert set(others) == set(range(5020, 5032)) and len(others) == 12
    end(net, END)


def test_host_is_silent_in_between(prepared):
    """Where the host has the outside address, too, it would reset connections while there is no gateway. It says
    nothing for some seconds, and goes on with what is its own."""
    net = keep(prepared(Setup("shared", 2)))
    talk = chatter(net, 20)
    talk.go_on()
    end(net, KILL)
    table = until(lambda: "expires" in (words := net.gateway.run("nft", "list ruleset")) and words, "the hold to end")
    assert table.count("table ") == 1 and "table inet router_hold_" in table
    for port, answer in (5000, TimeoutError), (22, ConnectionRefusedError):
        probe = net.server.tcp(SERVER)
        probe.settimeout(0.3)
        with pytest.raises(answer):
            probe.connect((WAN, port))
    listener = net.gateway.listen(WAN, 2222)
    connect(net.server.tcp(SERVER), (WAN, 2222), listener)
    keep(net)
    talk.go_on()
    assert talk.end() == 20
    assert net.gateway.run("nft", "list ruleset").count("router_hold_") == 1
    net.router.stop()


def test_late_address(prepared):
    """The outside address comes after the gateway does, as by DHCP: its connections wait for it."""
    net = keep(prepared(Setup("shared", 2)))
    talk = chatter(net, 20)
    talk.go_on()
    talk.rest()
    end(net, KILL)
    take(net, WAN)
    for how in (KILL, END):
        keep(net)
        assert (found(net)["sessions"], found(net)["waiting"]) == (0, 20)
        end(net, how)
    keep(net)
    give(net, WAN)
    net.acquaint()
    noticed(net, WAN)
    talk.go_on()
    until(lambda: found(net)["waiting"] == 0, "what was waiting to be told")
    assert found(net)["sessions"] == 20
    assert talk.end() == 20
    assert any(": 20 sessions go on, " in line for line in end(net, END))


def test_damaged_file(prepared):
    net = prepared(Setup("own", 2))
    file_of(net).write_bytes(b"nothing of ours" * 1000)
    keep(net)
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
    line, = end(net, END)
    aside = f"{file_of(net)}.unreadable"
    assert line == f'router: state_file "{file_of(net)}": it is no state file; it is "{aside}" now, and no session goes on'
    assert pathlib.Path(aside).read_bytes().startswith(b"nothing of ours")


def test_two_gateways(prepared, build):
    """Each needs a file of its own; the first does not notice."""
    net = keep(prepared(Setup("own", 2)))
    talk = chatter(net, 5)
    other = net.directory / "other.conf"
    other.write_text(configuration(net.values | dict(control="/run/other.sock")))
    line, = refused(net.gateway, f"{build}/router", "run", "-c", other)
    assert line.startswith(f"router: {other}:") and "another gateway has it; each needs a file of its own" in line
    talk.go_on()
    goes_on(net, talk, [END])
    net.router.stop()


@pytest.fixture
def small():
    """A directory with little room."""
    directory = pathlib.Path("/run/small")
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", directory], check=True)
    yield directory
    subprocess.run(["umount", directory], check=True)
    directory.rmdir()


@pytest.mark.parametrize("name, said", [("state", "cannot take 35 MiB for it: No space left on device; free some"),
                                        ("none/state", "cannot make its lock: No such file or directory; name a file")])
def test_no_room(prepared, small, build, name, said):
    """Nothing is left behind where there is no room, and none will be missing later."""
    net = prepared(Setup("own", 2))
    keep(net)
    net.router.stop()
    net.conf.write_text(configuration(net.values | dict(state_file=str(small / name), limits=dict(sessions=262144))))
    before = [state(n) for n in net.namespaces]
    line, = refused(net.gateway, f"{build}/router", "run", "-c", net.conf)
    assert line.startswith(f"router: {net.conf}:") and f'state_file "{small / name}": {said}' in line
    assert [state(n) for n in net.namespaces] == before
    assert not [file for file in small.iterdir() if file.name != "state.lock"]


def test_room_for_one(prepared, small, build):
    """A gateway that finds no room beside the file of before leaves that alone; the next one finds it."""
    net = prepared(Setup("own", 2))
    net.directory = small
    net.conf = small / "router.conf"
    keep(net, limits=dict(sessions=4096, held_ports=256))
    talk = chatter(net, 10)
    talk.go_on()
    end(net, KILL)
    before = (small / "state").read_bytes()
    line, = refused(net.gateway, f"{build}/router", "run", "-c", net.conf)
    assert "cannot take 1 MiB for it: No space left on device" in line
    assert (small / "state").read_bytes() == before
    subprocess.run(["mount", "-o", "remount,size=2m", small], check=True)
    keep(net, limits=dict(sessions=4096, held_ports=256))
    talk.go_on()
    assert found(net)["sessions"] == 10 and talk.end() == 10
    end(net, END)
