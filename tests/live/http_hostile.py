#!/usr/bin/env python3
"""`backscatterd run` and hostile HTTP clients: see README.md.

A scraper asks for /metrics every second, over TLS and with a password, once on a new connection
and once on one that stays, while others hold 1,000 idle connections, send a byte a second, 1 MB
headers, broken handshakes and wrong passwords, and read nothing; while the certificate changes;
and while the hostile ones share its address. Every scrape must succeed within two seconds, and the
agent must count on. Exit code 0: so it was; 1: it was not; 77: this cannot run here (with
BACKSCATTER_LIVE=required that is a failure).
"""

import sys
sys.dont_write_bytecode = True  # the source tree stays as it is

import base64
import contextlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import socket
import ssl
import subprocess
import threading
import time

import sandbox
import servers
import stage
import watching

GATEWAY, SCRAPER, HOSTILE = "203.0.113.25", "198.51.100.50", "192.0.2.66"
MANY = [f"192.0.2.{number}" for number in range(100, 140)]  # of the hostile host too
PORT = 19025
USER, PASSWORD = "scraper", "test"
HASH = "$2y$10$abcdefghijklmnopqrstuuNYVhuCzN8W/N3q6oBTpBoHaLLh6DgBG"  # of the password
LONGEST = 2.0  # seconds a scrape may take
OF_ONE, OF_ALL = 32, 256  # the limits that docs/OPERATIONS.md states
MIB = 1 << 20


def authorization(password=PASSWORD):
    return "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()


def request(target, password=PASSWORD, more=""):
    return (f"GET {target} HTTP/1.1\r\nHost: gateway\r\n"
            f"Authorization: {authorization(password)}\r\n{more}\r\n").encode()


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


class Client:
    """A TLS connection to the agent."""

    def __init__(self, host, source=None, seconds=LONGEST):
        raw = host.connect(GATEWAY, PORT, source)
        raw.settimeout(seconds)
        self.socket = context().wrap_socket(raw)
        self._buffer = b""
        self.is_last = False  # the answer said that there is no other on this connection

    def certificate(self):
        return self.socket.getpeercert(binary_form=True)

    def ask(self, target, password=PASSWORD, more=""):
        """(status, body)."""
        self.socket.sendall(request(target, password, more))
        return self.answer()

    def answer(self):
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in
                   (line.partition(": ") for line in lines[1:])}
        self.is_last = headers.get("connection") == "close"
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return int(lines[0].split()[1]), body.decode()

    def _more(self):
        got = self.socket.recv(65536)
        if not got:
            raise ConnectionError("closed")
        self._buffer += got

    def close(self):
        self.socket.close()


class Scraper(threading.Thread):
    """Asks every second, on a new connection and on one that stays."""

    def __init__(self, host, way):
        super().__init__(daemon=True)
        self._host = host
        self._way = way
        self._over = threading.Event()
        self._kept = None
        self.rows = []  # (when, how long, what went wrong or None, certificate)

    def run(self):
        due = time.monotonic()
        while not self._over.is_set():
            self._scrape()
            due += 1
            self._over.wait(max(0, due - time.monotonic()))

    def _scrape(self):
        start = time.monotonic()
        wrong = certificate = None
        try:
            certificate = self._new() if self._way == "new" else self._same()
        except (OSError, ValueError) as error:
            wrong = repr(error)
        took = time.monotonic() - start
        if wrong is None and took > LONGEST:
            wrong = "too late"
        self.rows.append((start, took, wrong, certificate))

    def _new(self):
        with contextlib.closing(Client(self._host)) as client:
            self._check_metrics(client)
            certificate = client.certificate()
        with contextlib.closing(Client(self._host)) as client:
            self._check_status(client)
        return certificate

    def _same(self):
        # As Prometheus does: a connection that was closed while idle is opened again.
        for _ in range(2):
            fresh = self._kept is None
            try:
                for check in (self._check_metrics, self._check_status):
                    if self._kept is None or self._kept.is_last:
                        self._kept = Client(self._host)
                    check(self._kept)
                return self._kept.certificate()
            except OSError:
                self._kept = None
                if fresh:
                    raise
        raise ConnectionError("closed twice")

    @staticmethod
    def _check_metrics(client):
        status, body = client.ask("/metrics")
        if status != 200 or "backscatter_" not in body:
            raise ValueError(f"status {status}")

    @staticmethod
    def _check_status(client):
        status, body = client.ask("/api/v1/status")
        age = json.loads(body)["age_seconds"] if status == 200 else None
        if age is None or age > 3:
            raise ValueError(f"the engine told of itself {age} s ago, status {status}")

    def end(self):
        self._over.set()
        self.join(10)


class Stand:
    def __init__(self, options):
        self.gateway = sandbox.Host("gateway", GATEWAY)
        self.scraper = sandbox.Host("scraper", SCRAPER)
        self.hostile = sandbox.Host("hostile", HOSTILE, *MANY)
        self.folder = options.output / "web"
        self.folder.mkdir()
        self.wrong = []
        self.certificates = [self._make_certificate(number) for number in (1, 2)]
        self.use_certificate(0)
        self.write_configuration(users=(USER,))
        self.agent = watching.Agent(
            options.agent, self.gateway, "agent", options.output, *watching.WAYS["pcap"],
            "--web.listen-address", f"{GATEWAY}:{PORT}",
            "--web.listen-address", f"127.0.0.1:{PORT}",
            "--web.config.file", self.folder / "web.yml")
        if self.agent.refused:
            raise RuntimeError(self.agent.refused)
        self.scrapers = [Scraper(self.scraper, way) for way in ("new", "same")]
        for scraper in self.scrapers:
            scraper.start()
        # Who has not been let in yet waits among those who never will be (docs/OPERATIONS.md).
        servers.wait_for(lambda: all(scraper.rows for scraper in self.scrapers), "a scrape", 30)

    def _make_certificate(self, number):
        key, certificate = self.folder / f"{number}.key", self.folder / f"{number}.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", f"/CN=gateway {number}", "-set_serial", str(number),
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        return ssl.PEM_cert_to_DER_cert(certificate.read_text())

    def use_certificate(self, index):
        for kind in ("key", "crt"):
            fresh = self.folder / f"fresh.{kind}"
            shutil.copy(self.folder / f"{index + 1}.{kind}", fresh)
            os.replace(fresh, self.folder / f"server.{kind}")

    def write_configuration(self, users):
        hashes = ", ".join(f'{user}: "{HASH}"' for user in users)
        (self.folder / "web.yml").write_text(
            "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
            f"basic_auth_users: {{{hashes}}}\n")

    def expect(self, is_right, what):
        if not is_right:
            self.wrong.append(what)
            print(f"  WRONG: {what}", flush=True)

    def figures(self):
        """What the agent says of its HTTP clients, asked on the gateway itself."""
        with self.gateway.entered():
            raw = socket.create_connection(("127.0.0.1", PORT), 10)
        with contextlib.closing(Client.__new__(Client)) as client:
            client.socket = context().wrap_socket(raw)
            client._buffer, client.is_last = b"", False
            status, body = client.ask("/api/v1/status")
            if status != 200:
                raise RuntimeError(f"status {status}")
            return json.loads(body)["http"]

    def play(self, act):
        """An act, and what became of the scrapes meanwhile."""
        done = [len(scraper.rows) for scraper in self.scrapers]
        start = time.monotonic()
        act(self)
        for scraper, before in zip(self.scrapers, done):
            while len(scraper.rows) < before + 3:  # also a short one is looked at
                time.sleep(0.1)
            rows = scraper.rows[before:]
            bad = [f"{row[2]} {row[0] - start:.1f} s after its beginning, after {row[1]:.2f} s"
                   for row in rows if row[2]]
            self.expect(not bad, f"{act.__name__}: {len(bad)} of {len(rows)} scrapes failed "
                                 f"({scraper._way}): {bad[:3]}")
            print(f"{act.__name__}: {len(rows)} scrapes ({scraper._way}), the slowest "
                  f"{max(row[1] for row in rows) * 1000:.0f} ms", flush=True)
        print(f"{act.__name__}: {time.monotonic() - start:.0f} s, {self.figures()}", flush=True)


def quietly(function, *arguments):
    """What a hostile client is told does not matter."""
    with contextlib.suppress(OSError, ValueError):
        return function(*arguments)
    return None


def close_all(sockets):
    for each in sockets:
        quietly(each.close)


def elsewhere(count, work):
    """What `count` threads of other processes hand back: the hostile ones have a processor of their
    own, as far as that goes on one host. `work(number)` returns a list."""
    def several(numbers):
        os.nice(10)
        said = []
        threads = [threading.Thread(target=lambda number=number: said.extend(work(number)))
                   for number in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        queue.put(said)

    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    processes = [fork.Process(target=several, args=(range(first, count, 4),)) for first in range(4)]
    for process in processes:
        process.start()
    said = [each for _ in processes for each in queue.get(timeout=120)]
    for process in processes:
        process.join()
    return said


def calm(stand):
    time.sleep(5)


def idle(stand):
    """1,000 connections of one address that say nothing, for twelve seconds."""
    sockets = [stand.hostile.connect(GATEWAY, PORT) for _ in range(1000)]
    figures = stand.figures()
    stand.expect(figures["open"] <= OF_ONE + 8, f"idle: {figures['open']} connections are open")
    time.sleep(12)
    # The header time is over too: none of them is left.
    stand.expect(stand.figures()["open"] <= 8, f"idle: {stand.figures()['open']} are open at last")
    close_all(sockets)


def idle_of_many(stand):
    """1,000 idle connections of forty addresses: more than all that there is room for."""
    sockets = [stand.hostile.connect(GATEWAY, PORT, MANY[number % len(MANY)])
               for number in range(1000)]
    figures = stand.figures()
    stand.expect(figures["open"] <= OF_ALL, f"idle_of_many: {figures['open']} are open")
    time.sleep(5)
    close_all(sockets)


def slow_loris(stand):
    """A byte a second on 200 connections of forty addresses, inside TLS and without."""
    clients = []
    for number in range(200):
        source = MANY[number % len(MANY)]
        if number % 2:
            client = quietly(Client, stand.hostile, source)
            clients.append(client.socket if client else None)
        else:
            clients.append(quietly(stand.hostile.connect, GATEWAY, PORT, source))
    clients = [each for each in clients if each]
    before = stand.figures()["timed_out"]
    start = time.monotonic()
    for byte in request("/metrics")[:14]:
        for each in clients:
            quietly(each.sendall, bytes([byte]))
        time.sleep(1)
    # Those without TLS are cut off at once: the first byte is no handshake.
    after = stand.figures()["timed_out"]
    stand.expect(after > before, "slow_loris: nobody was cut off")
    stand.expect(time.monotonic() - start < 60, "slow_loris: that was no byte a second")
    close_all(clients)


def huge_headers(stand):
    def work(_):
        said = []
        for _ in range(10):
            client = quietly(Client, stand.hostile)
            if client:
                answer = quietly(client.ask, "/metrics", PASSWORD, "X-Huge: " + "x" * MIB + "\r\n")
                said.append(answer[0] if answer else None)
                quietly(client.close)
        return said
    said = elsewhere(5, work)
    stand.expect(len(said) > 20, f"huge_headers: only {len(said)} came through")
    stand.expect(200 not in said, "huge_headers: one was answered")


def bad_tls(stand):
    """Garbage, half a hello, a handshake that is broken off."""
    numbers = random.Random(7)
    hello = _client_hello()
    held = []
    for number in range(900):
        each = quietly(stand.hostile.connect, GATEWAY, PORT, MANY[number % len(MANY)])
        if not each:
            continue
        kind = number % 3
        said = (bytes(numbers.getrandbits(8) for _ in range(300)) if kind == 0 else
                hello[:numbers.randrange(1, len(hello))] if kind == 1 else hello)
        quietly(each.sendall, said)
        if number % 2:
            close_all([each])  # the other half stays
        else:
            held.append(each)
    time.sleep(3)
    close_all(held)


def _client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context().wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def wrong_passwords(stand):
    """300 of them, each from one of forty addresses; each costs the agent a bcrypt, or is turned
    away. Meanwhile the users change, so that the scraper's password is checked anew."""
    def work(number):
        said = []
        if number == 0:
            time.sleep(3)
            stand.write_configuration(users=("scraper", "another"))
        for turn in range(8):
            client = quietly(Client, stand.hostile, MANY[number], 20)
            if not client:
                continue
            answer = quietly(client.ask, "/metrics", f"wrong {number} {turn}")
            said.append(answer[0] if answer else None)
            quietly(client.close)
        return said
    said = elsewhere(len(MANY), work)
    stand.expect(200 not in said, "wrong_passwords: one was let in")
    stand.expect(said.count(401) > 100, f"wrong_passwords: {said.count(401)} were told 401")


def no_readers(stand):
    """Forty ask for much and read nothing."""
    held = []
    for number in range(40):
        client = quietly(Client, stand.hostile, MANY[number])
        if not client:
            continue
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        for _ in range(50):
            quietly(client.socket.sendall, request("/metrics"))
        held.append(client.socket)
    time.sleep(8)
    close_all(held)


def new_certificate(stand):
    start = time.monotonic()
    stand.use_certificate(1)
    seen = []
    while time.monotonic() - start < 20:
        seen = [row[3] for row in list(stand.scrapers[0].rows) if row[3] is not None]
        if seen[-1] == stand.certificates[1]:
            break
        time.sleep(0.2)
    took = time.monotonic() - start
    stand.expect(stand.certificates[0] in seen, "new_certificate: the old one was never seen")
    stand.expect(seen[-1] == stand.certificates[1], "new_certificate: the new one is not shown")
    stand.expect(took < 6, f"new_certificate: it took {took:.1f} s")
    changes = sum(1 for a, b in zip(seen, seen[1:]) if a != b)
    stand.expect(changes == 1, f"new_certificate: it changed {changes} times")
    # One that does not fit its key is not taken up, and nothing ends.
    shutil.copy(stand.folder / "1.crt", stand.folder / "server.crt")
    time.sleep(5)
    stand.expect(stand.scrapers[0].rows[-1][3] == stand.certificates[1],
                 "new_certificate: a broken one was taken up")
    stand.expect("not read again, the one before holds" in stand.agent.log(),
                 "new_certificate: the log does not say that the other is broken")
    stand.use_certificate(1)


def own_address(stand):
    """The scraper's address is the hostile one's too: they share what one address may have."""
    sockets = [stand.scraper.connect(GATEWAY, PORT) for _ in range(500)]
    figures = stand.figures()
    stand.expect(figures["open"] <= OF_ONE + 2, f"own_address: {figures['open']} are open")
    time.sleep(5)
    close_all(sockets)


ACTS = (calm, idle, idle_of_many, slow_loris, huge_headers, bad_tls, wrong_passwords, no_readers,
        new_certificate, own_address)


def inside(options):
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, max(
        8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    if not shutil.which("openssl"):
        return stage.skip("not installed: openssl")
    sandbox.close_in(options.tree, {GATEWAY: "gateway"}, options.output)
    stand = Stand(options)
    for act in ACTS:
        if not options.act or act.__name__ in options.act:
            stand.play(act)
    for scraper in stand.scrapers:
        scraper.end()
    rows = [row for scraper in stand.scrapers for row in scraper.rows]
    print(f"{len(rows)} scrapes in all, {sum(1 for row in rows if row[2])} failed, the slowest "
          f"{max(row[1] for row in rows) * 1000:.0f} ms; "
          f"{stand.agent.most_memory() / MIB:.0f} MiB at the most", flush=True)
    code, took = stand.agent.end()
    stand.expect(code == 0, f"the agent left with {code}")
    stand.expect(took < 10, f"its end took {took:.0f} s")
    lost = watching.lost_by(stand.agent.report())
    stand.expect(not lost, f"the capture lost {lost}")
    for line in stand.wrong:
        print(f"  {line}", flush=True)
    return 1 if stand.wrong else 0


if __name__ == "__main__":
    stage.enter("http_hostile", inside, __doc__,
                lambda parser: parser.add_argument("--act", action="append",
                                                   choices=[act.__name__ for act in ACTS]))
