"""Network namespaces of our own.

isolate() moves the test process into private mount and network namespaces with an empty /run, so
that names cannot collide and everything is gone with the process, however it ends. Sockets belong
to the namespace they are made in, so that one test can hold both ends of a conversation.
"""

import ctypes
import json
import os
import socket
import subprocess
import time

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PATIENCE = 20  # seconds until something that must come is missing; others may use the machine too

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(_libc, name)(*arguments):
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def _become_root_of_a_user_namespace():
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", CLONE_NEWUSER)
    for file, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{file}", "w") as f:
            f.write(text)


def isolate():
    """Call once, before there are threads. OSError says why it cannot be."""
    os.close(os.open("/dev/net/tun", os.O_RDWR))
    if os.geteuid():
        _become_root_of_a_user_namespace()
    _call("unshare", CLONE_NEWNS | CLONE_NEWNET)
    _call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    _call("mount", b"tmpfs", b"/run", b"tmpfs", 0, None)
    os.mkdir("/run/netns")


def start(*words, **options):
    """A process that dies with this one."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, words)], text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)


def until(condition, what, patience=PATIENCE):
    """The first true value of condition(), asked again and again."""
    end = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {patience} s for {what}"
        time.sleep(0.01)
    return value


class Namespace:
    def __init__(self, name):
        self.name = name
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.fd = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        self.homes = []
        self.processes = []
        self.sockets = []
        self.ip("link set lo up")

    def __enter__(self):
        """Be in the namespace: what is made here, sockets and processes, belongs to it."""
        self.homes.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        _call("setns", self.fd, CLONE_NEWNET)
        return self

    def __exit__(self, *_):
        home = self.homes.pop()
        _call("setns", home, CLONE_NEWNET)
        os.close(home)

    def remove(self):
        for s in self.sockets:
            s.close()
        for p in self.processes:
            p.kill()
            p.communicate()
        os.close(self.fd)
        subprocess.run(["ip", "netns", "delete", self.name], check=True)

    def start(self, *words):
        with self:
            self.processes.append(start(*words))
        return self.processes[-1]

    def run(self, *words, status=0, patience=30):
        """Standard output of a command; it must end with this status."""
        with self:
            p = start(*words)
        try:
            out, error = p.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            p.kill()
            raise AssertionError(f"{words} did not end; it said {p.communicate()}") from None
        assert p.returncode == status, f"{words}: exit {p.returncode}\n{out}{error}"
        return out

    def ip(self, text):
        return self.run("ip", *text.split())

    def ask_ip(self, text):
        """What ip(8) lists, as values."""
        return json.loads(self.run("ip", "-j", "-d", *text.split()) or "[]")

    def sysctl(self, key, value):
        with self, open("/proc/sys/" + key.replace(".", "/"), "w") as f:
            f.write(str(value))

    def socket(self, *kind):
        with self:
            s = socket.socket(*kind)
        s.settimeout(PATIENCE)
        self.sockets.append(s)
        return s

    def _bound(self, kind, address, port):
        s = self.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        if port:  # the kernel would give one of its choice to several sockets
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        return s

    def udp(self, address, port=0):
        return self._bound(socket.SOCK_DGRAM, address, port)

    def tcp(self, address, port=0):
        return self._bound(socket.SOCK_STREAM, address, port)

    def listen(self, address, port=0):
        s = self.tcp(address, port)
        s.listen(64)
        return s
