"""Three mail servers of ours and three of others that write to each other; see README.md."""

import collections
import concurrent.futures
import itertools
import ssl
import subprocess

import actors
import dialogues
import servers
from sandbox import BOX, Host
from servers import Exim, OpenSmtpd, Postfix

GATEWAY = "203.0.113.25"  # the first of the three addresses of ours
USERS, CLIENT = "203.0.113.100", "198.51.100.66"
# Server by domain: (kind, address). Those of the gateway first.
OURS = {"p.ours.example": (Postfix, GATEWAY), "e.ours.example": (Exim, "203.0.113.26"),
        "s.ours.example": (OpenSmtpd, "203.0.113.27")}
THEIRS = {"p.else.example": (Postfix, "192.0.2.10"), "e.else.example": (Exim, "198.51.100.20"),
          "s.else.example": (OpenSmtpd, "192.0.2.40")}
NAMES = {address: f"mx.{domain}" for domain, (_, address) in (OURS | THEIRS).items()} | {
    USERS: "users.ours.example", CLIENT: "client.example"}

# Stands in what must not reach the agent: bodies of ordinary mail, headers of mail that comes in.
MARKER = b"ZYGOTEZYGOTE"
# Stands in what must: bodies that become part of bounces.
CONTROL = b"QUARTZQUARTZ"


def _lines(word, size, extra=b""):
    line = b"%s and its kin, line after line, as long as the mail lasts" % word
    return (line + b"\r\n" + extra) * max(1, size // (len(line) + len(extra) + 2))


BODIES = {
    "small": _lines(MARKER, 300),
    "large": _lines(MARKER, 200_000),
    "dots": _lines(MARKER, 3000, b".\r\n..\r\n. .\r\n.QUIT\r\n...\r\n"),
    "commands": _lines(MARKER, 6000, b"MAIL FROM:<>\r\nRCPT TO:<eve@ours.example>\r\nDATA\r\n"
                       b"RSET\r\nQUIT\r\n250 2.0.0 Ok\r\n354 go\r\nBDAT 10 LAST\r\n"),
    "8bit": _lines(MARKER, 2000, "Grüße aus Köln, 中文\r\n".encode()),
}
_BOUNCED = _lines(CONTROL, 500)


def certificate():
    """A file with a key and a certificate for it that nobody vouches for."""
    path = BOX / "tls.pem"
    key = BOX / "tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                    "-out", path, "-days", "2", "-subj", "/CN=mx.ours.example"],
                   check=True, capture_output=True)
    path.write_bytes(key.read_bytes() + path.read_bytes())
    path.chmod(0o644)
    return path


def report(sender, recipient, body):
    """A bounce as servers write them, but with `body` as its text."""
    return (f"From: MAILER-DAEMON@{sender}\r\nTo: {recipient}\r\nSubject: Undelivered mail\r\n"
            "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n"
            ' boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n').encode() + body + (
            "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
            f"Reporting-MTA: dns; {sender}\r\n\r\nFinal-Recipient: rfc822; x@{sender}\r\n"
            "Action: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n").encode()


class Exchange:
    """The hosts and their servers; `gateway` is the one to watch."""

    def __init__(self):
        self._count = itertools.count(1)
        self.gateway = Host("gateway", *(address for _, address in OURS.values()))
        self.users = Host("users", USERS)
        self.client = Host("client", CLIENT)
        self._certificate = certificate()
        self.ours = {domain: self._server(self.gateway, domain, *place, THEIRS)
                     for domain, place in OURS.items()}
        self.theirs = {domain: self._server(Host(domain.partition(".")[0], place[1]), domain,
                                            *place, OURS) for domain, place in THEIRS.items()}
        self.servers = (*self.ours.values(), *self.theirs.values())

    def _server(self, host, domain, kind, address, others):
        """Ours offer TLS; the only servers that take it are those with OpenSMTPD."""
        routes = {other: where for other, (_, where) in others.items()}
        certificate = self._certificate if host is self.gateway else None
        if kind is OpenSmtpd:
            return OpenSmtpd(host, address, NAMES[address], routes, domain)
        if kind is Exim:
            return Exim(host, address, NAMES[address], routes, domain, "ann : bob",
                        certificate=certificate)
        settings = {
            "mydestination": domain,
            "mynetworks": f"127.0.0.0/8 {address}/32 {USERS}/32",
            "local_recipient_maps": "",
            "alias_maps": {"ann": "/dev/null", "bob": "/dev/null"},
            "smtpd_recipient_restrictions":
                f"check_recipient_access inline:{{refused@{domain}=REJECT}}",
        }
        if certificate:
            settings |= {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": certificate}
        return Postfix(host, address, NAMES[address], routes, settings)

    def start(self):
        for server in self.servers:
            server.start()
        for server in self.servers:
            server.wait()

    def wait(self):
        """Until no server has anything left to do, and no connection of ours is open."""
        def left():
            left = {server.name: count for server in self.servers if (count := server.queued())}
            return left or self.gateway.open_connections()
        quiet = 0
        def is_quiet():
            nonlocal quiet
            quiet = 0 if left() else quiet + 1
            return quiet >= 10
        servers.wait_for(is_quiet, "the queues to be empty", 60, detail=left)

    # ---- what is sent ----------------------------------------------------------------------------

    def _write(self, sender, recipient, body, subject="Minutes", more=""):
        return (f"From: {sender}\r\nTo: {recipient}\r\nSubject: {subject}\r\n"
                f"Message-ID: <{next(self._count)}.live@{sender.partition('@')[2]}>\r\n"
                f"Date: Sun, 29 Nov 2026 09:00:00 +0000\r\n{more}\r\n").encode() + body

    def _post(self, server, sender, recipient, body, notify=None):
        """Hands a message to the server that is to send it."""
        host, source = server.host, server.address
        if server is self.ours["p.ours.example"]:  # by the wire
            host, source = self.users, USERS
        is_8bit = any(byte > 127 for byte in body)
        more = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        said = actors.send(host, server.address, sender, recipient,
                           self._write(sender, recipient, body, more=more if is_8bit else ""),
                           source=source, notify=notify,
                           options=["BODY=8BITMIME"] if is_8bit else [])
        if said[0] != 0:
            raise RuntimeError(f"{server.name} refused {recipient}: {said}")

    def _post_all(self, domain, server, others):
        sender = f"ann@{domain}"
        for other in others:
            for body in BODIES.values():
                self._post(server, sender, f"bob@{other}", body)
            self._post(server, sender, f"gone@{other}", _BOUNCED)  # taken, then bounced
            self._post(server, sender, f"refused@{other}", BODIES["small"])
            if not isinstance(server, OpenSmtpd):
                self._post(server, sender, f"bob@{other}", _BOUNCED, notify="SUCCESS")

    def exchange(self, threads):
        """Each server of the one side writes to each of the other."""
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            done = [pool.submit(self._post_all, domain, server, others)
                    for side, others in ((self.ours, self.theirs), (self.theirs, self.ours))
                    for domain, server in side.items()]
            for one in done:
                one.result()

    def talk(self):
        """Dialogues that no server would begin, in both directions."""
        for host, side in ((self.client, self.ours), (self.gateway, self.theirs)):
            for domain, server in side.items():
                wanted = dialogues.PLAIN
                if not isinstance(server, OpenSmtpd):
                    wanted = dialogues.DEMANDING + wanted
                for number, dialogue in enumerate(wanted):
                    sender = f"carol{number}@{host.name}.example"
                    body = self._write(sender, f"bob@{domain}", BODIES["commands"],
                                       subject=MARKER.decode() if host is self.client else "Hello")
                    dialogue(dialogues.Talk(host, server.address), sender, f"bob@{domain}", body)
                bounced = report(f"{host.name}.example", f"bob@{domain}", _BOUNCED)
                dialogues.rset_between(dialogues.Talk(host, server.address), "", f"bob@{domain}",
                                       bounced)

    def talk_by_tls(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for domain in ("p.ours.example", "e.ours.example"):
            with actors.Client(self.client, self.ours[domain].address) as client:
                client.starttls(context=context)
                for _ in range(3):
                    client.sendmail("dora@client.example", f"bob@{domain}",
                                    self._write("dora@client.example", f"bob@{domain}",
                                                BODIES["small"]))

    def glue(self):
        """What begins in the segment in which the octets before it end."""
        for domain in ("p.ours.example", "e.ours.example"):
            for number, dialogue in enumerate(dialogues.GLUED):
                sender = f"glen{number}@client.example"
                dialogue(dialogues.Talk(self.client, self.ours[domain].address), sender,
                         f"bob@{domain}", self._write(sender, f"bob@{domain}", BODIES["small"]))


def missing(transactions, report_of_all):
    """What a run of `exchange`, `talk` and `talk_by_tls` must have shown, and did not."""
    seen = collections.Counter()
    for each in transactions:
        seen["BDAT"] += each["body"]["command"] == "BDAT"
        seen["refused recipients"] += sum(1 for one in each["recipients"]
                                          if (one["reply"] or 0) >= 500)
        if each["null_sender"]:
            seen["bounces " + each["direction"]] += 1
        elif each["outcome"] == "accepted":
            seen[each["client"].split(":")[0], each["server"].split(":")[0]] += 1
    least = {"BDAT": 40, "refused recipients": 28, "bounces inbound": 9, "bounces outbound": 9}
    for one, other in itertools.chain(itertools.product(OURS.values(), THEIRS.values()),
                                      itertools.product(THEIRS.values(), OURS.values())):
        least[one[1], other[1]] = len(BODIES)
    # OpenSMTPD takes the TLS that our two others offer.
    for domain in ("p.ours.example", "e.ours.example"):
        del least[THEIRS["s.else.example"][1], OURS[domain][1]]
    wrong = [f"{what}: {seen[what]} instead of {count} or more" for what, count in least.items()
             if seen[what] < count]
    if report_of_all["sessions"]["encrypted"] < 4:
        wrong.append(f"encrypted sessions: {report_of_all['sessions']['encrypted']}")
    return wrong
