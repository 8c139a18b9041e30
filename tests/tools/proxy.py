"""A TCP proxy between a tool and a server that cuts connections: after so many octets, or all
that are open when it is told to. It looks at no octet."""

import random
import socket
import struct
import threading


class Proxy:
    """Listens from its making until stop(). `cut_after`: each connection ends when a number of
    octets, drawn from this range by the seed, has passed in both directions; None: never."""

    def __init__(self, port, seed=0, cut_after=None):
        self.target = port
        self.chance = random.Random(seed)
        self.cut_after = cut_after
        self.lock = threading.Lock()
        self.pairs = set()
        self.cuts = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 10)
            except OSError:
                client.close()
                continue
            pair = Pair(self, client, server, self._limit())
            with self.lock:
                self.pairs.add(pair)
            pair.start()

    def _limit(self):
        with self.lock:
            return self.chance.randrange(*self.cut_after) if self.cut_after else None

    def forget(self, pair):
        with self.lock:
            self.pairs.discard(pair)

    def cut_all(self):
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            pair.cut()

    def stop(self):
        self.listener.close()
        self.cut_after = None
        self.cut_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Pair:
    def __init__(self, proxy, client, server, limit):
        self.proxy, self.client, self.server = proxy, client, server
        self.left = limit
        self.lock = threading.Lock()
        self.over = False

    def start(self):
        for source, sink in ((self.client, self.server), (self.server, self.client)):
            threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        try:
            while True:
                octets = source.recv(65536)
                allowed, cut = self._allow(len(octets))
                sink.sendall(octets[:allowed])
                if cut:
                    self.cut()
                if cut or not octets:
                    break
        except OSError:
            pass
        self._end()

    def _allow(self, count):
        with self.lock:
            if self.left is None:
                return count, False
            allowed = min(self.left, count)
            self.left -= allowed
            return allowed, self.left == 0

    def cut(self):
        """Both sides see a reset."""
        with self.lock:
            if self.over:
                return
            self.over = True
            self.proxy.cuts += 1
        for one in (self.client, self.server):
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _end(self):
        self.proxy.forget(self)
        for one in (self.client, self.server):
            try:
                one.close()
            except OSError:
                pass
