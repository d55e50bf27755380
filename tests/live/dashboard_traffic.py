"""What passes the gateway of dashboard_queries.py: a known number of each kind of mail."""

import socketserver
import ssl
import threading
import time

import actors
import sandbox
from dialogues import Talk

DOMAIN = "ours.example"
GATEWAY, WORLD = "203.0.113.25", "198.51.100.20"
SOURCES = tuple(f"192.0.2.{number}" for number in range(1, 41))
FLOOD_A_SECOND, FLOOD_SECONDS = 4, 30
VICTIM, ANN = f"victim@{DOMAIN}", f"ann@{DOMAIN}"


class _Session(socketserver.StreamRequestHandler):
    """A server that knows all users but those named nobody, and whose TLS never comes about."""

    def handle(self):
        self.wfile.write(b"220 mx ESMTP\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            if verb == b"STAR":
                self.wfile.write(b"220 go on\r\n")
                self.rfile.read(1)
                return
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
            refused = verb == b"RCPT" and b"<nobody" in line
            self.wfile.write(b"550 5.1.1 no such user\r\n" if refused else b"250 2.0.0 well\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, host):
        super().__init__(("", 0), _Session, bind_and_activate=False)
        self.socket.close()
        self.socket = host.listen(25)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def bounce(target, message_id):
    """A report that the mail `message_id` of `target` failed."""
    return "\r\n".join((
        "From: MAILER-DAEMON@world.example", f"To: {target}", "Subject: Undelivered Mail",
        "MIME-Version: 1.0", "Auto-Submitted: auto-replied",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "",
        "--b", "Content-Type: text/plain", "", "It failed.",
        "--b", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; world.example", "",
        "Final-Recipient: rfc822; gone@world.example", "Action: failed", "Status: 5.1.1", "",
        "--b", "Content-Type: text/rfc822-headers", "", f"From: {target}",
        f"Message-ID: <{message_id}>", "Subject: hello", "", "--b--", "")).encode()


class Hosts:
    def __init__(self):
        self.gateway = sandbox.Host("gateway", GATEWAY)
        self.world = sandbox.Host("world", WORLD)
        self.crowd = sandbox.Host("crowd", *SOURCES)
        self._servers = [_Server(self.gateway), _Server(self.world)]

    def _send(self, host, server, sender, recipient, text, source=None):
        talk = Talk(host, server, source)
        talk.say(f"MAIL FROM:<{sender}>\r\n", 250).say(f"RCPT TO:<{recipient}>\r\n", 250)
        talk.say("DATA\r\n", 354).say(text + b".\r\n", 250)
        talk.quit()

    def _ask(self, host, recipient, code, source=None):
        """A null sender and a recipient, and no more."""
        talk = Talk(host, GATEWAY, source)
        talk.say("MAIL FROM:<>\r\n", 250).say(f"RCPT TO:<{recipient}>\r\n", code)
        talk.quit()

    def _encrypt(self):
        talk = Talk(self.world, GATEWAY)
        talk.say("STARTTLS\r\n", 220)
        hello, secret = ssl.MemoryBIO(), ssl.create_default_context()
        try:
            secret.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="mx.test").do_handshake()
        except ssl.SSLWantReadError:
            pass
        talk.say(hello.read())
        talk.close()

    def _overlong_line(self):
        talk = Talk(self.world, GATEWAY)
        talk.say(b"NOOP " + b"x" * 12_000 + b"\r\n", 250)
        talk.quit()

    def play(self):
        """Sends it all, the flood at a steady pace among the rest. Returns what was sent."""
        for number in range(20):  # what we send, and ten bounces of it
            text = actors.write(ANN, "gone@world.example", f"<sent-{number}@{DOMAIN}>")
            self._send(self.gateway, WORLD, ANN, "gone@world.example", text)
        for number in range(10):
            self._send(self.world, GATEWAY, "", ANN, bounce(ANN, f"sent-{number}@{DOMAIN}"))

        emission_start = None
        start = time.time()
        for number in range(FLOOD_A_SECOND * FLOOD_SECONDS):
            source = SOURCES[number % len(SOURCES)]
            self._send(self.crowd, GATEWAY, "", VICTIM,
                       bounce(VICTIM, f"forged-{number}@elsewhere.example"), source)
            if number % 8 == 1:
                self._ask(self.world, f"nobody-{number}@{DOMAIN}", 550)
            if number % 24 == 2:
                self._ask(self.world, ANN, 250)
                self._encrypt()
                self._overlong_line()
            if number % 20 == 3:  # taken from a stranger, then bounced to him
                stranger, mail = "stranger@world.example", f"taken-{number}@world.example"
                self._send(self.world, GATEWAY, stranger, ANN,
                           actors.write(stranger, ANN, f"<{mail}>"))
                emission_start = emission_start or time.time()
                self._send(self.gateway, WORLD, "", stranger, bounce(stranger, mail))
            time.sleep(max(0, start + (number + 1) / FLOOD_A_SECOND - time.time()))
        flood = FLOOD_A_SECOND * FLOOD_SECONDS
        return {"flood": flood, "flood_start": start, "emitted": flood // 20,
                "emission_start": emission_start,
                "from_world": 10 + flood // 8 + flood // 24}  # solicited, refused, call-outs
