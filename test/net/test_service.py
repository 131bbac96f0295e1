"""The gateway as a service: what it may still do once it runs, what it tells a service manager, and
what becomes of the host when it is killed."""

import ctypes
import os
import pathlib
import signal
import socket

import pytest

from netns import PATIENCE, until
from peers import connect, exchange, transfer
from rig import CLIENT, CONTROL, POOL, SERVER, Setup, configuration
from test_lifecycle import refused, state, stopped
from test_plug import await_state, interface
from test_xdp import attached

NET_ADMIN, NET_RAW, IPC_LOCK, SYS_ADMIN, BPF = (1 << n for n in (12, 13, 14, 21, 39))
RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
FILTER = "2"  # /proc/PID/status: Seccomp
USER = dict(user="nobody", group="nogroup")


@pytest.fixture
def root(isolated):
    """Who can become somebody else."""
    if pathlib.Path("/proc/self/uid_map").read_text().split() != ["0", "0", str((1 << 32) - 1)]:
        pytest.skip("a user namespace of one user has no other to become")


def threads(process):
    """/proc/PID/status of each thread."""
    files = pathlib.Path(f"/proc/{process.pid}/task").glob("*/status")
    return [dict(line.split(":\t", 1) for line in f.read_text().splitlines() if ":\t" in line)
            for f in files]


def readable(net):
    """With its configuration where anybody can read it."""
    net.directory = pathlib.Path("/run")
    return net


def mask(status, which):
    return int(status[which], 16)


def ports_of_host(namespace):
    return namespace.run("cat", RANGE).split()


SETUPS = [(Setup("tun", 2), NET_ADMIN | SYS_ADMIN | BPF),
          (Setup("tun", 1), NET_ADMIN | SYS_ADMIN),
          (Setup("shared", 2), NET_ADMIN | NET_RAW | SYS_ADMIN | BPF),
          (Setup("own", 1), NET_ADMIN | NET_RAW | SYS_ADMIN),
          (Setup("tap", 1), NET_ADMIN | SYS_ADMIN),
          (Setup("nfqueue", 2), NET_ADMIN | NET_RAW | SYS_ADMIN | BPF),
          (Setup("xdp", 2), NET_ADMIN | NET_RAW | SYS_ADMIN | BPF | IPC_LOCK)]


@pytest.mark.parametrize("setup, needed", SETUPS, ids=lambda x: str(x) if isinstance(x, Setup) else "")
@pytest.mark.parametrize("who", [{}, USER], ids=["root", "nobody"])
def test_keeps_what_it_needs(root, prepared, setup, needed, who):
    """Each thread; and everything goes on with that, reloads too, up to the end."""
    net = readable(prepared(setup))
    before = [state(n) for n in net.namespaces], [ports_of_host(n) for n in net.namespaces]
    net.start(**who)
    found = threads(net.router.process)
    assert len(found) == setup.workers + 2
    for thread in found:
        assert {mask(thread, s) for s in ("CapPrm", "CapEff", "CapBnd")} == {needed}, thread
        assert not mask(thread, "CapInh") and not mask(thread, "CapAmb"), thread
        assert thread["NoNewPrivs"] == "1" and thread["Seccomp"] == FILTER, thread
        if who:
            assert thread["Uid"].split() == ["65534"] * 4, thread
            assert thread["Gid"].split() == ["65534"] * 4 and thread["Groups"].strip() == "65534"
    talk(net)
    net.reload(forwards=[dict(proto="udp", external=f"{net.pool}:5353", internal=f"{CLIENT}:53")])
    exchange(net.server.udp(SERVER), (net.pool, 5353), net.client.udp(CLIENT, 53))
    talk(net)
    assert net.router.stop() == [f"router: {net.conf} loaded"]
    assert ([state(n) for n in net.namespaces], [ports_of_host(n) for n in net.namespaces]) == before
    assert not os.path.exists(CONTROL)


def talk(net):
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
    a, listener = net.client.tcp(CLIENT), net.server.listen(SERVER, 80)
    b, _ = connect(a, (SERVER, 80), listener)
    transfer(a, b, 1 << 20)
    for s in (b, listener):
        s.close()
    assert net.router.ask("sessions")["sessions"] and net.router.counters()["sent"]


REPLUGGED = [Setup("own", 2), Setup("shared", 1), Setup("nfqueue", 1), Setup("xdp", 1)]


@pytest.mark.parametrize("setup", REPLUGGED, ids=str)
def test_devices_come_back(root, prepared, setup):
    """What it kept is enough to make a TUN device in another namespace again, and to open a device
    that is made anew."""
    net = readable(prepared(setup)).start(**USER)
    talk(net)
    net.client.ip("link del lan0")
    net.gateway.ip("link del wan0")
    until(lambda: interface(net, "wan0")["state"] != "up", "wan0 to be missed")
    net.plug_in()
    for name in ("lan0", "wan0"):
        await_state(net, name, "up")
    until(lambda: talks(net), "traffic")
    for sniffer in net.sniffers:
        sniffer.stop()
    still = setup.topology != "xdp" or attached(net.gateway)
    lines = net.router.stop()
    assert still, "it came back without AF_XDP"
    assert {"lan0", "wan0"} <= {line.split(": ")[1] for line in lines if ": back, " in line}, lines
    assert not [line for line in lines if "ermi" in line or "may not" in line], lines


def test_programs_come_back(root, prepared):
    """Without CAP_SYS_ADMIN, which would stand for CAP_BPF, too."""
    net = readable(prepared(Setup("xdp", 1)))
    net.run(lan=dict(netns="", host_address=[], host_routes=[]), **USER)
    assert {mask(t, "CapEff") for t in threads(net.router.process)} == {NET_ADMIN | NET_RAW | BPF | IPC_LOCK}
    assert attached(net.gateway)
    net.gateway.ip("link del wan0")
    await_state(net, "wan0", "absent")
    net.plug_in()
    await_state(net, "wan0", "up")
    assert attached(net.gateway)
    assert any("wan0: back, " in line for line in net.router.stop())


def talks(net):
    try:
        talk(net)
    except OSError:
        return False
    return True


def test_control_socket_is_the_groups(root, prepared):
    prepared().start(**USER)
    file = os.stat(CONTROL)
    assert (file.st_uid, file.st_gid, file.st_mode & 0o777) == (65534, 65534, 0o660)


def test_started_with_capabilities_only(root, prepared, build):
    """As a service manager does it: another user, ambient capabilities, and a directory for the
    socket."""
    net = stopped(prepared)
    run = pathlib.Path("/run/host-test")
    run.mkdir()
    os.chown(run, 65534, 65534)
    conf = run / "router.conf"
    conf.write_text(configuration(net.values | dict(control=str(run / "control"))))
    p = net.gateway.start("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                          "--inh-caps=-all,+net_admin,+net_raw,+sys_admin",
                          "--ambient-caps=-all,+net_admin,+net_raw,+sys_admin",
                          f"{build}/router", "run", "-c", conf)
    until(lambda: (run / "control").exists() or p.poll() is not None, "the control socket")
    assert p.poll() is None, p.communicate()
    net.gateway.run(f"{build}/routerctl", "-s", run / "control", "status")
    assert {mask(t, "CapEff") for t in threads(p)} == {NET_ADMIN | SYS_ADMIN}
    p.send_signal(signal.SIGTERM)
    _, error = p.communicate(timeout=PATIENCE)
    assert p.returncode == 0, error
    assert not (run / "control").exists()


@pytest.mark.parametrize("who, said", [
    (dict(user="nobody-here"), 'user "nobody-here": there is none; adduser'),
    (dict(user="nobody", group="nothing-here"), 'group "nothing-here": there is none; addgroup'),
])
def test_users_that_do_not_exist(prepared, build, who, said):
    net = stopped(prepared)
    net.conf.write_text(configuration(net.values | who))
    before = [state(n) for n in net.namespaces]
    line, = refused(net.gateway, f"{build}/router", "run", "-c", net.conf)
    assert said in line
    assert [state(n) for n in net.namespaces] == before and not os.path.exists(CONTROL)


def test_who_may_not_become_another(root, prepared, build):
    net = stopped(prepared)
    net.conf.write_text(configuration(net.values | USER))
    line, = refused(net.gateway, "setpriv", "--bounding-set=-setuid", f"{build}/router", "run", "-c",
                    net.conf)
    assert 'cannot become user "nobody"' in line and "start as root" in line


def test_file_that_the_user_may_not_read(root, prepared):
    net = prepared().start(**USER)
    net.conf.chmod(0o600)
    net.router.process.send_signal(signal.SIGHUP)
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
    said = net.router.stop()
    assert "Permission denied" in said[0]
    assert said[1] == f"router: {net.conf} not loaded; the gateway runs on as before"


def test_without_filter(network):
    net = network(seccomp=False)
    assert {(t["Seccomp"], t["NoNewPrivs"]) for t in threads(net.router.process)} == {("0", "1")}


@pytest.mark.parametrize("who", [{}, USER], ids=["root", "nobody"])
def test_nothing_stays_after_a_kill(root, prepared, who):
    """The range of ports, the socket and the tables."""
    net = prepared(Setup("shared", 2))
    before = state(net.gateway), ports_of_host(net.gateway)
    net.start(**who)
    assert ports_of_host(net.gateway) != before[1] and os.path.exists(CONTROL)
    net.router.process.kill()
    net.router.process.wait()
    until(lambda: (state(net.gateway), ports_of_host(net.gateway)) == before, "the host as it was")
    until(lambda: not os.path.exists(CONTROL), "the socket to be removed")


def test_what_others_did_since_stays(prepared):
    net = prepared(Setup("shared"))
    net.start()
    net.gateway.sysctl("net.ipv4.ip_local_port_range", "2000 3000")
    os.unlink(CONTROL)
    theirs = socket.socket(socket.AF_UNIX)
    theirs.bind(CONTROL)
    helper, = children(net.router.process)
    net.router.process.kill()
    net.router.process.wait()
    until(lambda: not pathlib.Path(f"/proc/{helper}").exists(), "the process that undoes things to end")
    assert ports_of_host(net.gateway) == ["2000", "3000"] and os.path.exists(CONTROL)
    os.unlink(CONTROL)


def children(process):
    text = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(word) for word in text.split()]


def test_process_that_undoes_things_has_few_rights(root, network):
    net = network(**USER)
    helper, = children(net.router.process)
    status = dict(line.split(":\t", 1) for line in
                  pathlib.Path(f"/proc/{helper}/status").read_text().splitlines())
    assert status["Name"] == "router-undo"
    assert mask(status, "CapEff") == mask(status, "CapBnd") == NET_ADMIN | 1 << 1
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == FILTER


class Manager:
    """What a service manager hears. Abstract names belong to a network namespace."""

    def __init__(self, path, monkeypatch, namespace, patience_ms=None):
        self.socket = namespace.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + path[1:] if path[0] == "\0" else path)
        if patience_ms:
            monkeypatch.setenv("WATCHDOG_USEC", str(patience_ms * 1000))

    def hear(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))

    def wait_for(self, key, value, within=10):
        """It is said, among so many other things at the most."""
        said = [self.hear()]
        while said[-1].get(key) != value:
            assert len(said) < within, f"{key}={value} does not come: {said}"
            said.append(self.hear())


@pytest.mark.parametrize("path", ["/run/notify", "\0router-notify"], ids=["path", "abstract"])
def test_service_manager_hears(isolated, prepared, monkeypatch, path):
    if path[0] != "\0":
        pathlib.Path(path).unlink(missing_ok=True)
    net = prepared(Setup(workers=2))
    manager = Manager(path, monkeypatch, net.gateway)
    net.start()
    monkeypatch.undo()
    assert manager.hear() == {"READY": "1", "STATUS": "Running, 2 workers, 2 interfaces"}
    net.router.process.send_signal(signal.SIGHUP)
    reloading, ready = manager.hear(), manager.hear()
    assert reloading["RELOADING"] == "1" and int(reloading["MONOTONIC_USEC"]) > 0
    assert ready["READY"] == "1"
    net.router.stop()
    assert manager.hear()["STOPPING"] == "1"


SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000


class Held:
    """Threads that do not go on."""

    def __init__(self, ids):
        self.ids = ids
        self.ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        self.ptrace.argtypes = [ctypes.c_long] * 4

    def __enter__(self):
        for number in self.ids:
            if self.ptrace(SEIZE, number, 0, 0) or self.ptrace(INTERRUPT, number, 0, 0):
                pytest.skip(f"no ptrace: {os.strerror(ctypes.get_errno())}")
            os.waitpid(number, WALL)

    def __exit__(self, *_):
        for number in self.ids:
            self.ptrace(DETACH, number, 0, 0)


def test_watchdog_sees_workers_that_are_stuck(isolated, prepared, monkeypatch):
    """A sign of life comes only while all of them go on; and again when they do."""
    net = prepared(Setup(workers=2))
    manager = Manager("\0router-watchdog", monkeypatch, net.gateway, patience_ms=2400)
    net.start()
    monkeypatch.undo()
    manager.wait_for("WATCHDOG", "1")
    process = net.router.process.pid
    workers = sorted(int(t) for t in os.listdir(f"/proc/{process}/task") if int(t) != process)
    with Held(workers[-1:]):
        manager.wait_for("STATUS", "Worker 1 makes no progress")
        assert "WATCHDOG" not in manager.hear()
    manager.wait_for("WATCHDOG", "1")
