"""A flow that must not notice what happens beside it."""

import threading
import time

from netns import until


class Stream(threading.Thread):
    """A datagram each two milliseconds, until told to end; all must arrive."""

    def __init__(self, a, address, b):
        super().__init__()
        self.a, self.address, self.b = a, address, b
        self.sent, self.got, self.ending = 0, set(), False
        self.reader = threading.Thread(target=self._read)

    def _read(self):
        while (octets := self.b.recv(64)) != b"end":
            self.got.add(int(octets))

    def run(self):
        self.reader.start()
        while not self.ending:
            self.a.sendto(b"%d" % self.sent, self.address)
            self.sent += 1
            time.sleep(0.002)

    def end(self):
        """How many were lost."""
        self.ending = True
        self.join()
        until(lambda: len(self.got) == self.sent or not self.reader.is_alive(), "all to arrive")
        self.a.sendto(b"end", self.address)
        self.reader.join()
        return self.sent - len(self.got)
