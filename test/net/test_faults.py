"""What the kernel refuses the gateway: descriptors, memory, somewhere to write. It says so in one line, goes on
where it can, and does not use up a processor over it."""

import contextlib
import os
import resource
import signal
import socket
import time

import pytest

import soak
from netns import until
from peers import exchange
from rig import CLIENT, CONTROL, SERVER, Router, Setup, configuration
from test_lifecycle import state
from test_pace import spent
from test_plug import descriptors


@contextlib.contextmanager
def limited(pid, kind, most):
    """A running process may have so much and no more."""
    before = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (most, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, kind, before)


@contextlib.contextmanager
def crowd(count):
    """So many who would like to ask something."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            s = stack.enter_context(socket.socket(socket.AF_UNIX))
            s.setblocking(False)
            s.connect(CONTROL)
        yield


def is_pending(pid, number):
    """Whether the process has not taken the signal yet."""
    pending = next(line for line in open(f"/proc/{pid}/status") if line.startswith("ShdPnd:"))
    return int(pending.split()[1], 16) >> (number - 1) & 1


def said_about_reload(net):
    return [line for line in net.router.stop() if not line.endswith(" loaded")]


@pytest.mark.parametrize("setup", [Setup("own", 2), Setup("tun", 2)], ids=str, indirect=True)
def test_out_of_descriptors(net):
    """Whoever wants to ask something waits, no other configuration is taken, and all else goes on."""
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    seen, pid = exchange(a, (SERVER, 53), b), net.router.process.pid
    before = descriptors(net)
    with limited(pid, resource.RLIMIT_NOFILE, soak.first_free(pid)):
        with crowd(24):
            time.sleep(0.1)
            until(lambda: spent(net, lambda: time.sleep(0.5)) < 0.02, "it to wait as well")
            net.router.process.send_signal(signal.SIGHUP)
            until(lambda: not is_pending(pid, signal.SIGHUP), "it to be told")
            for _ in range(50):
                assert exchange(a, (SERVER, 53), b) == seen
    until(lambda: net.router.ask("status")["generation"] == 1, "an answer")
    net.router.process.send_signal(signal.SIGHUP)
    until(lambda: net.router.ask("status")["generation"] == 2, "the configuration to be loaded")
    assert exchange(a, (SERVER, 53), b) == seen
    assert descriptors(net) == before
    fault, refusal = said_about_reload(net)
    assert "cannot be opened: Too many open files" in fault
    assert refusal.endswith("not loaded; the gateway runs on as before")


def test_out_of_memory(network):
    """While it runs: nothing more can be had, and nothing ends."""
    net = network(Setup("tun", 2))
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    seen, pid = exchange(a, (SERVER, 53), b), net.router.process.pid
    # More routes than what is free anyway has room for.
    many = [dict(prefix=f"198.18.{i // 256}.{i % 256}/32", interface="wan0") for i in range(4000)]
    net.conf.write_text(configuration(net.values | dict(routes=net.values["routes"] + many)))
    with limited(pid, resource.RLIMIT_AS, soak.memory(pid)["VmData"] * 1024):
        net.router.process.send_signal(signal.SIGHUP)
        until(lambda: not is_pending(pid, signal.SIGHUP), "it to be told")
        for _ in range(50):
            assert exchange(a, (SERVER, 53), b) == seen
            time.sleep(0.01)
    net.conf.write_text(configuration(net.values))
    net.router.process.send_signal(signal.SIGHUP)
    until(lambda: net.router.ask("status")["sessions"] == 1, "an answer")
    assert exchange(a, (SERVER, 53), b) == seen
    assert all("memory" in line or "not loaded" in line or "nothing was changed" in line
               for line in said_about_reload(net))


def test_out_of_memory_at_start(prepared, build):
    """Wherever it runs out: one line, and no trace."""
    net = prepared(Setup("tun", 2))
    net.run()
    needed = soak.memory(net.router.process.pid)["VmPeak"] * 1024
    net.router.stop()
    before, said = [state(n) for n in net.namespaces], set()
    for part in range(24, 100, 12):
        p = net.gateway.start("prlimit", f"--as={needed * part // 100}", f"{build}/router", "run", "-c", net.conf)
        until(lambda: p.poll() is not None or os.path.exists(CONTROL), "the gateway to end, or to run")
        enough = p.poll() is None
        if enough:
            p.terminate()
        out, error = p.communicate(timeout=30)
        assert (p.returncode, out) == (int(not enough), ""), f"{part} %: {p.returncode} {out}{error}"
        assert enough or len(error.splitlines()) == 1, f"{part} %: {error}"
        said.add("" if enough else error)
    assert [state(n) for n in net.namespaces] == before
    assert any("memory" in line for line in said), said


def reloaded_in_silence(net):
    """It goes on, and ends well, though nobody hears that it does."""
    process = net.router.process
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    for generation in range(2, 5):
        process.send_signal(signal.SIGHUP)
        until(lambda: net.router.ask("status")["generation"] == generation, "the configuration to be loaded")
        assert exchange(a, (SERVER, 53), b)
    process.terminate()
    assert process.wait(30) == 0


def test_nobody_listens(prepared):
    """Standard error is a pipe, and its other end is closed."""
    net = prepared(Setup("tun")).run()
    net.router.process.stderr.close()
    reloaded_in_silence(net)


def test_nobody_reads(prepared):
    """Standard error is a pipe that is open, and full."""
    net = prepared(Setup("tun")).run()
    pipe = os.open(f"/proc/{net.router.process.pid}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, b".")
    os.close(pipe)
    reloaded_in_silence(net)


def test_no_room_for_words(prepared):
    """Standard error is a file on a disk that is full."""
    net = prepared(Setup("tun")).run()
    net.router.stop()
    net.router = Router(net.build, net.conf, net.gateway, below=("sh", "-c", "exec \"$@\" 2>/dev/full", "sh"))
    reloaded_in_silence(net)
