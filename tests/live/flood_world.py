"""A gateway of ours, a spammer who forges one of our users, and innocent servers in fourteen
networks that accept his mail and bounce it to her."""

import secrets
import threading
import time

import actors
import world
from sandbox import Host
from servers import Exim, Postfix
from world import GATEWAY, OURS, SPAMMER, USERS

FORGED = f"anna@{OURS}"
INNOCENTS = {f"198.18.{10 + i}.25": f"n{i}.example" for i in range(14)}  # a /24 each
NAMES = {address: world.NAMES[address] for address in (GATEWAY, USERS, SPAMMER)} | {
    address: f"mx.{domain}" for address, domain in INNOCENTS.items()}


class Witness(actors.Witness):
    """Notes when each RCPT came."""

    def __init__(self, path):
        super().__init__(path, lambda recipient: False)

    def judge(self, attributes):
        attributes["time"] = time.time()
        return super().judge(attributes)

    def bounces(self):
        """When each null-sender RCPT for the forged user came."""
        return [seen["time"] for seen in list(self.seen)
                if not seen["sender"] and seen["recipient"] == FORGED]


class World:
    def __init__(self):
        self.users, self.spammer = Host("users", USERS), Host("spammer", SPAMMER)
        self.ours = Host("gateway", GATEWAY)
        self.witness = Witness(self.ours.directory / "witness.sock")
        self.gateway = Postfix(
            self.ours, GATEWAY, NAMES[GATEWAY],
            {domain: address for address, domain in INNOCENTS.items()}, {
                "mynetworks": f"127.0.0.0/8 {GATEWAY}/32 {USERS}/32",
                "virtual_mailbox_domains": OURS,
                "virtual_mailbox_maps": {f"{user}@{OURS}": f"{user}/" for user in ("anna", "ben")},
                "smtpd_recipient_restrictions":
                    f"check_policy_service unix:{self.ours.directory}/witness.sock",
            })
        self.innocents = [self._innocent(i, address, domain)
                          for i, (address, domain) in enumerate(INNOCENTS.items())]

    @staticmethod
    def _innocent(i, address, domain):
        """Takes mail for anybody at its domain; only `friend` is there. By turns one of the two."""
        host, routes = Host(domain.partition(".")[0], address), {OURS: GATEWAY}
        if i % 2:
            return Exim(host, address, NAMES[address], routes, domain, "friend")
        return Postfix(host, address, NAMES[address], routes, {
            "mydestination": domain, "local_recipient_maps": "",
            "alias_maps": {"friend": "/dev/null"}})

    def start(self):
        self.witness.start()
        for server in (self.gateway, *self.innocents):
            server.start()
        for server in (self.gateway, *self.innocents):
            server.wait()

    def write_to_friends(self):
        """What honest users send: from it the agent learns what is ours."""
        for domain in INNOCENTS.values():
            sender, recipient = f"ben@{OURS}", f"friend@{domain}"
            message_id = f"<{secrets.token_hex(8)}@{OURS}>"
            refused = actors.send(self.users, GATEWAY, sender, recipient,
                                  actors.write(sender, recipient, message_id), port=587)
            if refused != (0, ""):
                raise RuntimeError(f"the gateway said {refused}")


class Flood:
    """`rate` mails a second in the name of FORGED, in turns to each innocent server, until it is
    stopped."""

    def __init__(self, there, rate):
        self._world, self._stop = there, threading.Event()
        self._pause = len(there.innocents) / rate
        self.sent, self.failed = 0, []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(i,), daemon=True)
                         for i in range(len(there.innocents))]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, i):
        server = self._world.innocents[i]
        due = time.monotonic() + self._pause * i / len(self._threads)
        try:
            with actors.Client(self._world.spammer, server.address) as client:
                while not self._stop.wait(max(due - time.monotonic(), 0)):
                    due += self._pause
                    recipient = f"{secrets.token_hex(4)}@{INNOCENTS[server.address]}"
                    message_id = f"<{secrets.token_hex(8)}@pc.example>"
                    client.sendmail(FORGED, [recipient],
                                    actors.write(FORGED, recipient, message_id, "Cheap watches",
                                                 "Buy one, get one.\n"))
                    with self._lock:
                        self.sent += 1
        except OSError as error:  # smtplib's are of this kind
            self.failed.append(f"{server.name}: {error}")
