"""What goes on around a gateway for long: traffic whose every octet is known, and whatever may go wrong
meanwhile. Each is a thread of its own that goes on until it is ended, and keeps what was wrong."""

import contextlib
import ctypes
import hashlib
import os
import pathlib
import random
import resource
import select
import selectors
import signal
import socket
import struct
import threading
import time

from netns import PATIENCE, until

HEAD = struct.Struct("!HI")
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, WAIT_ALL = 17, 0x4206, 0x4207, 0x40000000


def octets(flow, number, size):
    """What a flow says at this place."""
    return hashlib.shake_128(HEAD.pack(flow, number)).digest(size)


class Going(threading.Thread):
    """step() again and again, with pauses of so many seconds or up to half as many more."""

    def __init__(self, pause=0.0):
        super().__init__(daemon=True)
        self.pause, self.over, self.fault, self.count = pause, threading.Event(), None, 0

    def step(self):
        raise NotImplementedError

    def run(self):
        try:
            while not self.over.wait(self.pause * random.uniform(1, 1.5)):
                self.step()
                self.count += 1
        except Exception as error:  # told by end()
            self.fault = error

    def title(self):
        return type(self).__name__.lower()

    def end(self):
        self.over.set()
        self.join()
        if self.fault:
            raise self.fault


class Echo(Going):
    """UDP flows to a server that answers with the same; some datagrams are larger than any MTU."""

    def __init__(self, pairs):
        """pairs: of a socket and the address it speaks to, and the socket that is there."""
        super().__init__(0.004)
        self.pairs, self.seen, self.sent, self.heard, self.returned = pairs, {}, 0, 0, 0
        self.next = [0] * len(pairs)
        self.ears = selectors.DefaultSelector()
        for flow, (a, _, _) in enumerate(pairs):
            a.setblocking(False)
            self.ears.register(a, selectors.EVENT_READ, (self.returns, flow))
        for b in {b for _, _, b in pairs}:
            b.setblocking(False)
            self.ears.register(b, selectors.EVENT_READ, (self.answers, None))

    @staticmethod
    def judged(heard):
        flow, number = HEAD.unpack_from(heard)
        assert heard[HEAD.size:] == octets(flow, number, len(heard) - HEAD.size), f"flow {flow}, number {number}"
        return flow, number

    def answers(self, s, _):
        heard, source = s.recvfrom(65536)
        flow, _ = self.judged(heard)
        assert self.seen.setdefault(flow, source[:2]) == source[:2], f"flow {flow} has moved to {source}"
        self.heard += 1
        s.sendto(heard, source)

    def returns(self, s, expected):
        flow, _ = self.judged(s.recv(65536))
        assert flow == expected, f"an answer of flow {flow} came to {expected}"
        self.returned += 1

    def ask(self, flow):
        a, address, _ = self.pairs[flow]
        size = random.choice((20, 200, 1400, 1400, 4000))
        with contextlib.suppress(OSError):  # the link may be down
            a.sendto(HEAD.pack(flow, self.next[flow]) + octets(flow, self.next[flow], size), address)
            self.sent += 1
        self.next[flow] += 1

    def listen(self, seconds):
        for key, _ in self.ears.select(seconds):
            work, flow = key.data
            with contextlib.suppress(OSError):  # nothing is left, or the link is down
                for _ in range(64):
                    work(key.fileobj, flow)

    def step(self):
        self.ask(random.randrange(len(self.pairs)))
        self.listen(0)

    def prove(self):
        """Each flow is where it was, and is answered; once all is well again."""
        for flow in range(len(self.pairs)):
            before, answered = self.returned, False

            def is_answered():
                self.ask(flow)
                self.listen(0.05)
                return self.returned > before

            until(is_answered, f"flow {flow} to be answered")


class Stream(Going):
    """A TCP connection, a little of it at a time, in both directions."""

    PIECE, AT_ONCE = 4096, 1 << 16

    def __init__(self, flow, a, b):
        super().__init__(0.02)
        self.ends, self.flow, self.written, self.read = (a, b), flow, [0, 0], [0, 0]
        for s in self.ends:
            s.settimeout(3 * PATIENCE)

    def write(self, end):
        if self.written[end] - self.read[1 - end] < self.AT_ONCE:
            self.ends[end].sendall(octets(self.flow + end, self.written[end] // self.PIECE, self.PIECE))
            self.written[end] += self.PIECE

    def hear(self, end):
        s = self.ends[end]
        if not select.select([s], [], [], 0.05)[0]:
            return
        place = self.read[end] % self.PIECE
        heard = s.recv(self.PIECE - place)
        right = octets(self.flow + 1 - end, self.read[end] // self.PIECE, self.PIECE)[place:place + len(heard)]
        assert heard and heard == right, f"stream {self.flow} at {self.read[end]}: {len(heard)} octets"
        self.read[end] += len(heard)

    def step(self):
        for end in (0, 1):
            self.write(end)
            self.hear(end)

    def prove(self):
        """All that was written arrives, and one piece more."""
        for end in (0, 1):
            self.write(end)
        until(lambda: [self.hear(end) for end in (0, 1)] and self.read == self.written[::-1],
              f"stream {self.flow} to come to its end", 3 * PATIENCE)


class Command(Going):
    """A command of a host inside, which must say this; while a link is down it may have to try again."""

    def __init__(self, namespace, says, command):
        super().__init__(0.3)
        self.namespace, self.says, self.command = namespace, says, command

    def title(self):
        return self.command.split()[0]

    def well(self):
        return self.says in self.namespace.run("sh", "-c", f"{self.command} 2>&1; sleep 0.1", patience=120)

    def step(self):
        until(self.well, f"{self.says} from {self.command}", 3 * PATIENCE)


class Burst(Going):
    """Far more datagrams at once than any queue holds, for nobody."""

    def __init__(self, a, address):
        super().__init__(0.7)
        self.a, self.address = a, address

    def step(self):
        with contextlib.suppress(OSError):
            for _ in range(3000):
                self.a.sendto(b"to be or not to be", self.address)


class Flap(Going):
    """A link goes down and comes back, with all that was on it."""

    def __init__(self, links, restore):
        """links: a namespace and a device in it each."""
        super().__init__(2)
        self.links, self.restore = links, restore

    def step(self):
        namespace, device = self.links[self.count % len(self.links)]
        namespace.ip(f"link set {device} down")
        time.sleep(random.uniform(0.05, 0.4))
        namespace.ip(f"link set {device} up")
        self.restore()


class Stall(Going):
    """One thread of the gateway stops, for as long as a host may have other things to do."""

    def __init__(self, pid):
        super().__init__(0.9)
        self.pid = pid
        self.ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        self.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.ptrace.restype = ctypes.c_long

    def call(self, request, thread):
        if self.ptrace(request, thread, None, None) < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"ptrace {request:#x}: {os.strerror(error)}")

    def step(self):
        thread = int(random.choice(os.listdir(f"/proc/{self.pid}/task")))
        self.call(PTRACE_SEIZE, thread)
        self.call(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, WAIT_ALL)
        time.sleep(random.uniform(0.05, 0.5))
        self.call(PTRACE_DETACH, thread)


class Reload(Going):
    """Another configuration each second."""

    def __init__(self, pid, conf, texts):
        super().__init__(0.8)
        self.pid, self.conf, self.texts = pid, conf, texts

    def step(self):
        draft = self.conf.with_suffix(".new")
        draft.write_text(self.texts[self.count % len(self.texts)])
        draft.replace(self.conf)
        os.kill(self.pid, signal.SIGHUP)


def first_free(pid):
    """The number that the next descriptor of a process would have."""
    taken = {int(number) for number in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in range(len(taken) + 1) if number not in taken)


class Shortage(Going):
    """No descriptor is left, while many want to speak to the gateway."""

    def __init__(self, pid, path):
        super().__init__(3)
        self.pid, self.path = pid, path

    def step(self):
        before = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (first_free(self.pid), before[1]))
        with contextlib.ExitStack() as stack:
            for _ in range(24):
                s = stack.enter_context(socket.socket(socket.AF_UNIX))
                s.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    s.connect(self.path)
            time.sleep(1)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, before)


class FullDisk(Going):
    """Nothing more can be written where the gateway's own words go."""

    def __init__(self, folder):
        super().__init__(3)
        self.filler = pathlib.Path(folder) / "filler"

    def step(self):
        with contextlib.suppress(OSError), self.filler.open("wb", buffering=0) as f:
            while True:
                f.write(bytes(1024))
        time.sleep(2)
        self.filler.unlink()


def memory(pid):
    """KiB that a process has, and those that it has asked for."""
    lines = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    return {kind: int(lines[kind].split()[0]) for kind in ("VmRSS", "VmData", "VmPeak")}


def imbalance(router):
    """What keeps the counters from adding up: each packet that came in, or was made, ended in one way."""
    answer, links = router.ask("counters"), router.ask("interfaces")["interfaces"]
    count = {c["name"]: c["total"] for c in answer["packets"] + answer["drops"]}
    came = sum(i["packets_in"] for i in links) + count["errors_sent"] + count["icmp_limited"] + count["pieces"]
    ended = count["sent"] + sum(c["total"] for c in answer["drops"])
    left = sum(i["packets_out"] for i in links)
    return [] if (came, count["sent"]) == (ended, left) else [
        f"{came} packets came in or were made, {ended} ended; {count['sent']} were sent, {left} left", count]


def disorder(router):
    """What keeps the listings from agreeing with each other."""
    status, mappings = router.ask("status"), router.ask("mappings")["mappings"]
    sessions = router.ask("sessions")["sessions"]
    ends = [(m["proto"], m["outside"]) for m in mappings]
    faults = [f"held twice: {e}" for e in set(ends) if ends.count(e) > 1]
    if status["sessions_created"] - status["sessions_ended"] != status["sessions"]:
        faults.append(f"sessions do not add up: {status}")
    if sum(m["sessions"] for m in mappings) != len(sessions):
        faults.append("sessions are not those of the mappings")
    return faults
