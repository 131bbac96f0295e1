"""Connections that are always talking, to see which of them go on."""

import hashlib
import os
import selectors
import threading
import time

from netns import until
from peers import connect

CHUNK, PAUSE = 600, 0.02


class Connection:
    """A client that sends some octets whenever all it has sent before has come back."""

    def __init__(self, near, far):
        self.near, self.far = near, far
        self.sent, self.heard = hashlib.sha256(), hashlib.sha256()
        self.rounds, self.missing, self.fault = 0, 0, None
        near.setblocking(False)
        far.setblocking(False)

    def say(self):
        octets = os.urandom(CHUNK)
        self.sent.update(octets)
        self.missing = len(octets)
        self.near.sendall(octets)

    def repeat(self):
        self.far.sendall(self.far.recv(1 << 16))

    def hear(self):
        octets = self.near.recv(1 << 16)
        assert octets, "the other end has closed it"
        self.heard.update(octets)
        self.missing -= len(octets)
        self.rounds += not self.missing

    def is_whole(self):
        return not self.fault and not self.missing and self.sent.digest() == self.heard.digest()


class Echo(threading.Thread):
    """Connects every pair of a client's socket and a listener with its address, and has them talk."""

    def __init__(self, pairs):
        super().__init__(daemon=True)
        self.connections = [Connection(near, connect(near, address, listener)[0])
                            for near, address, listener in pairs]
        self.ending = self.resting = False
        self.sockets = selectors.DefaultSelector()
        for c in self.connections:
            self.sockets.register(c.near, selectors.EVENT_READ, (c, c.hear))
            self.sockets.register(c.far, selectors.EVENT_READ, (c, c.repeat))
        self.start()

    def _do(self, connection, what):
        try:
            what()
        except (OSError, AssertionError) as fault:
            connection.fault = connection.fault or fault
            for s in connection.near, connection.far:
                self.sockets.unregister(s)

    def _turn(self):
        for c in self.connections:
            if not c.missing and not c.fault and not self.ending and not self.resting:
                self._do(c, c.say)
        for key, _ in self.sockets.select(PAUSE):
            connection, what = key.data
            if not connection.fault:
                self._do(connection, what)

    def run(self):
        while not self.ending or any(c.missing and not c.fault for c in self.connections):
            self._turn()
            time.sleep(PAUSE)

    def rest(self):
        """Say nothing more until told to."""
        self.resting = True
        until(lambda: not any(c.missing and not c.fault for c in self.connections), "all to come back")

    def going(self, since):
        """How many have come further than they were."""
        return sum(c.rounds > was + 1 for c, was in zip(self.connections, since))

    def rounds(self):
        return [c.rounds for c in self.connections]

    def go_on(self, part=1):
        """Wait until so many, all if not said, have gone on from here."""
        self.resting = False
        since = self.rounds()
        until(lambda: self.going(since) >= part * len(self.connections), "connections to go on", 60)

    def end(self):
        """How many have carried everything to and fro, unchanged."""
        self.ending = True
        self.join(60)
        for c in self.connections:
            c.near.close()
            c.far.close()
        return sum(c.is_whole() for c in self.connections)
