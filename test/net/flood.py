"""Very many short TCP connections, both ends in this process: none may fail.

Each is opened by the client, greeted and closed by the server, and closed by the client when it has
read the greeting to its end. No two of them share all four of addresses and ports.
"""

import select
import socket
import time

GREETING = b"welcome"
PORTS = range(1024, 26024)  # of the client
AT_ONCE = 256


class Flood:
    def __init__(self, client, server, client_address, server_address, count):
        ports = [8000 + n for n in range(-(-count // len(PORTS)))]
        self.client, self.address = client, client_address
        self.poll = select.epoll()
        self.listeners = {}
        for port in ports:
            s = server.listen(server_address, port)
            s.listen(4096)
            s.setblocking(False)
            self.listeners[s.fileno()] = s
            self.poll.register(s, select.EPOLLIN)
        self.ends = ((own, (server_address, port)) for port in ports for own in PORTS)
        self.left = count
        self.open = {}
        self.accepted = self.finished = 0

    def _open_one(self):
        own, remote = next(self.ends)
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((self.address, own))
        s.connect_ex(remote)
        self.open[s.fileno()] = [s, b""]
        self.poll.register(s, select.EPOLLIN)
        self.left -= 1

    def _accept_all(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except BlockingIOError:
                return
            s.send(GREETING)
            s.close()
            self.accepted += 1

    def _read(self, fd):
        s, heard = self.open[fd]
        try:
            octets = s.recv(100)
        except BlockingIOError:
            return
        if octets:
            self.open[fd][1] = heard + octets
            return
        assert heard == GREETING
        self.poll.unregister(fd)
        s.close()
        del self.open[fd]
        self.finished += 1

    def run(self, patience):
        """Seconds it took; an error of any connection, or a longer time, is raised."""
        began = time.monotonic()
        with self.client:
            while self.left or self.open:
                while self.left and len(self.open) < AT_ONCE:
                    self._open_one()
                for fd, _ in self.poll.poll(1):
                    if fd in self.listeners:
                        self._accept_all(self.listeners[fd])
                    else:
                        self._read(fd)
                assert time.monotonic() - began < patience, (
                    f"{self.finished} finished, {len(self.open)} open, {self.left} to go")
        return time.monotonic() - began
