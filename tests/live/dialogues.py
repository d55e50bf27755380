"""SMTP as no mail server of ours speaks it: BDAT in pieces, commands and bodies in one segment,
bodies that break off. Each dialogue is one connection; the server must answer as its lines say."""

import re
import socket
import time

_LAST_LINE = re.compile(rb"^\d\d\d(?: .*)?\r\n", re.MULTILINE)


class Talk:
    """One connection from a host. `heard`: the codes of all replies."""

    def __init__(self, host, server, source=None):
        self._socket = host.connect(server, 25, source)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._input = b""
        self.heard = []
        self.expect(220)
        self._pipelines = b"PIPELINING" in self._reply_to("EHLO client.example\r\n")

    def say(self, text, *codes):
        """One write, which is one segment where it fits into one; then the replies to it."""
        self._socket.sendall(text if isinstance(text, bytes) else text.encode())
        return self.expect(*codes)

    def commands(self, lines, *codes):
        """In one write, or one by one where the server does not take them so."""
        if self._pipelines:
            return self.say(lines, *codes)
        for line, code in zip(lines.splitlines(keepends=True), codes):
            self.say(line, code)
        return self

    def expect(self, *codes):
        """Reads a reply for each code, whose class it must have."""
        for code in codes:
            heard = int(self._reply()[:3])
            self.heard.append(heard)
            if heard // 100 != code // 100:
                raise RuntimeError(f"heard {self.heard}, the last should have been {code}")
        return self

    def _reply_to(self, line):
        self._socket.sendall(line.encode())
        return self._reply()

    def _reply(self):
        while not (found := _LAST_LINE.search(self._input)):
            got = self._socket.recv(65536)
            if not got:
                raise RuntimeError(f"closed behind {self.heard}: {self._input!r}")
            self._input += got
        reply, self._input = self._input[:found.end()], self._input[found.end():]
        return reply

    def quit(self):
        self.say("QUIT\r\n", 221)
        self.close()

    def close(self):
        self._socket.close()


def bdat(octets, last=False):
    return f"BDAT {len(octets)}{' LAST' if last else ''}\r\n".encode() + octets


def _envelope(sender, recipient):
    return f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\n"


def pieces_of_bdat(talk, sender, recipient, body):
    """Several chunks in one write, before the first is answered."""
    third = len(body) // 3
    talk.commands(_envelope(sender, recipient), 250, 250)
    talk.say(bdat(body[:third]) + bdat(body[third:2 * third]) + bdat(body[2 * third:], last=True),
             250, 250, 250)
    talk.quit()


def bdat_of_nothing_last(talk, sender, recipient, body):
    talk.commands(_envelope(sender, recipient), 250, 250)
    talk.say(bdat(body), 250).say(bdat(b"", last=True), 250)
    talk.quit()


def recipient_and_bdat_in_one_segment(talk, sender, recipient, body):
    talk.say(f"MAIL FROM:<{sender}>\r\n", 250)
    talk.say(f"RCPT TO:<{recipient}>\r\n".encode() + bdat(body[:600], last=True), 250, 250)
    talk.quit()


def a_mail_by_bdat_in_one_segment(talk, sender, recipient, body):
    talk.say(_envelope(sender, recipient).encode() + bdat(body[:600], last=True) + b"QUIT\r\n",
             250, 250, 250, 221)
    talk.close()


def quit_behind_the_dot(talk, sender, recipient, body):
    talk.commands(_envelope(sender, recipient) + "DATA\r\n", 250, 250, 354)
    talk.say(body[:600].rpartition(b"\r\n")[0] + b"\r\n.\r\nQUIT\r\n", 250, 221)
    talk.close()


def rset_between(talk, sender, recipient, body):
    talk.commands(_envelope(sender, recipient), 250, 250).say("RSET\r\n", 250)
    talk.commands(_envelope(sender, recipient) + "RSET\r\n", 250, 250, 250)
    talk.commands(_envelope(sender, recipient), 250, 250).say("DATA\r\n", 354)
    talk.say(body + b".\r\n", 250)
    talk.quit()


def five_mails(talk, sender, recipient, body):
    for _ in range(5):
        talk.commands(_envelope(sender, recipient) + "DATA\r\n", 250, 250, 354)
        talk.say(body[:3000].rpartition(b"\r\n")[0] + b"\r\n.\r\n", 250)
    talk.quit()


def some_recipients_refused(talk, sender, recipient, body):
    refused = "refused@" + recipient.partition("@")[2]
    talk.commands(_envelope(sender, recipient), 250, 250).say(f"RCPT TO:<{refused}>\r\n", 550)
    talk.say("DATA\r\n", 354).say(body + b".\r\n", 250)
    talk.quit()


def all_recipients_refused(talk, sender, recipient, body):
    del body
    refused = "refused@" + recipient.partition("@")[2]
    talk.commands(_envelope(sender, refused), 250, 550).say("DATA\r\n", 500).say("RSET\r\n", 250)
    talk.quit()


def dribbled(talk, sender, recipient, body):
    """The end of the body in segments of few bytes, its last dot split from its line's end."""
    talk.commands(_envelope(sender, recipient) + "DATA\r\n", 250, 250, 354)
    text = body[:400].rpartition(b"\r\n")[0] + b"\r\n.\r\n"
    talk.say(text[:-20])
    for at in range(len(text) - 20, len(text)):
        talk.say(text[at:at + 1])
        time.sleep(0.002)
    talk.expect(250).quit()


def broken_off(talk, sender, recipient, body):
    """The client goes away in the middle of the body."""
    talk.commands(_envelope(sender, recipient) + "DATA\r\n", 250, 250, 354)
    talk.say(body[:len(body) // 2])
    talk.close()


def mails_glued_together(talk, sender, recipient, body):
    """The next mail behind the octets of one, in its segment."""
    one = _envelope(sender, recipient).encode() + bdat(body[:300], last=True)
    talk.say(one + one + one + b"QUIT\r\n", 250, 250, 250, 250, 250, 250, 250, 250, 250, 221)
    talk.close()


# What needs CHUNKING and PIPELINING, and what every server takes.
DEMANDING = (bdat_of_nothing_last, recipient_and_bdat_in_one_segment,
             a_mail_by_bdat_in_one_segment, quit_behind_the_dot)
PLAIN = (rset_between, five_mails, some_recipients_refused,
           all_recipients_refused, dribbled, broken_off)
# Of what is left out of a segment a packet socket leaves out all that is behind it.
GLUED = (pieces_of_bdat, mails_glued_together)
