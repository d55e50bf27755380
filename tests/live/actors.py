"""Those who are no mail servers: who sends, who watches the gateway's door, who challenges."""

import email.utils
import re
import smtplib
import socketserver
import threading

from email.message import EmailMessage


class Client(smtplib.SMTP):
    """smtplib from one address of a host of ours."""

    def __init__(self, host, server, port=25, source=None):
        self._from, self._source = host, source
        super().__init__(server, port, local_hostname=host.name + ".example", timeout=60)

    def _get_socket(self, host, port, timeout):
        return self._from.connect(host, port, self._source)


def send(host, server, sender, recipients, message, port=25, source=None, notify=None, options=()):
    """Hands a message to a server. Returns (0, "") where it was taken, else the refusal.

    `notify`: for the recipients; `options`: of the MAIL command.
    """
    with Client(host, server, port, source) as client:
        client.ehlo()
        try:
            client.sendmail(sender, recipients, message, mail_options=options,
                            rcpt_options=[f"NOTIFY={notify}"] if notify else [])
        except smtplib.SMTPRecipientsRefused as refused:
            code, text = next(iter(refused.recipients.values()))
            return code, text.decode(errors="replace")
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code, refused.smtp_error.decode(errors="replace")
    return 0, ""


def write(sender, recipient, message_id, subject="Minutes of Monday", body=None, headers=()):
    """A message as bytes. `headers`: (name, value) pairs that stand on top."""
    message = EmailMessage()
    for name, value in headers:
        message[name] = value
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = email.utils.formatdate()
    message["Message-ID"] = message_id
    message.set_content(body or "The minutes are attached. Please tell me what is missing.\n")
    return message.as_bytes().replace(b"\n", b"\r\n")


class Witness(threading.Thread):
    """What the gateway asks for each RCPT: a policy service that notes, and greylists once.

    It sees every RCPT with the client's port, also those that are refused. `seen`: a dictionary
    of the attributes each, in order, with `action` added.
    """

    def __init__(self, path, is_greylisted):
        super().__init__(daemon=True)
        self.seen = []
        self._greylisted = is_greylisted
        self._known = set()
        self._lock = threading.Lock()
        witness = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                attributes = {}
                for line in self.rfile:
                    name, equals, value = line.decode().rstrip("\n").partition("=")
                    if equals:
                        attributes[name] = value
                        continue
                    self.wfile.write(f"action={witness.judge(attributes)}\n\n".encode())
                    attributes = {}

        self._server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        self._server.daemon_threads = True
        path.chmod(0o666)

    def run(self):
        self._server.serve_forever()

    def judge(self, attributes):
        key = (attributes["sender"], attributes["recipient"])
        with self._lock:
            later = self._greylisted(attributes["recipient"]) and key not in self._known
            self._known.add(key)
            attributes["action"] = ("DEFER_IF_PERMIT 4.7.1 Greylisted, try again later"
                                    if later else "DUNNO")
            self.seen.append(attributes)
        return attributes["action"]


class Challenger(threading.Thread):
    """A challenge-response system: takes any mail, and asks its sender whether he is a person.

    `answer(sender, recipient, message_id)` is called for each mail that it took.
    """

    def __init__(self, host, name, answer):
        super().__init__(daemon=True)
        self._name = name
        self._answer = answer
        challenger = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                challenger.serve(self.rfile, self.wfile)

        self._server = socketserver.ThreadingTCPServer(("", 0), Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = host.listen(25)
        self._server.daemon_threads = True

    def run(self):
        self._server.serve_forever()

    def serve(self, lines, replies):
        def say(reply):
            replies.write(reply.encode() + b"\r\n")

        say(f"220 {self._name} ESMTP")
        sender = recipient = ""
        for raw in lines:
            line = raw.decode(errors="replace").strip()
            verb = line[:4].upper()
            if verb == "QUIT":
                say("221 bye")
                return
            if verb == "DATA":
                say("354 go on")
                text = self._read(lines)
                say("250 taken")
                found = re.search(r"^message-id:\s*(\S+)", text, re.IGNORECASE | re.MULTILINE)
                self._answer(sender, recipient, found.group(1) if found else "")
                continue
            path = re.search(r"<([^>]*)>", line)
            if verb == "MAIL":
                sender = path.group(1)
            elif verb == "RCPT":
                recipient = path.group(1)
            say("250 ok")

    @staticmethod
    def _read(lines):
        text = []
        for raw in lines:
            if raw == b".\r\n":
                break
            text.append(raw.decode(errors="replace"))
        return "".join(text)
