"""What happens in a run: who sends what to whom, and what is known to come of it."""

import dataclasses
import itertools
import secrets

import actors
import world
from world import OURS

_FORGED_RELAY = (("Received", "from users.ours.example (users.ours.example "
                  f"[{world.USERS}]) by gw.ours.example (Postfix) with ESMTPSA id 4XyZ1234ab "
                  "for <noone@postfix.example>; Wed, 25 Nov 2026 09:00:00 +0000 (UTC)"),)


@dataclasses.dataclass(frozen=True)
class Cause:
    """A message that an actor made."""
    message_id: str
    label: str  # of the message itself, where it passes a gateway of ours
    sender: str
    recipient: str
    answer: str  # the label of what a server makes of it; empty: nothing
    about: str = ""  # Message-ID of what this one answers


class Scenario:
    """`causes`: all that was sent, by Message-ID. `checks`: the label of address verifications, by
    (client, recipient); `outbound_checks`: the recipients of those that we make ourselves."""

    def __init__(self):
        self.causes, self.checks, self.outbound_checks = {}, {}, set()
        self._count = itertools.count(1)
        self.world = world.World(self._challenge)

    # ---- senders ---------------------------------------------------------------------------------

    def _send(self, host, server, label, sender, recipient, answer="", port=25, refused=0,
              headers=(), notify=None):
        domain = sender.partition("@")[2]
        message_id = f"<{next(self._count)}.{secrets.token_hex(8)}@{domain}>"
        self.causes[message_id] = Cause(message_id, label, sender, recipient, answer)
        code, text = actors.send(host, server, sender, recipient,
                                 actors.write(sender, recipient, message_id, headers=headers),
                                 port=port, notify=notify)
        if code != refused:
            raise RuntimeError(f"{server} said {code} {text} to {sender} -> {recipient}")

    def _ours(self, sender, recipient, answer="", **options):
        """A user of ours sends through the gateway."""
        if "@" not in sender:
            sender = f"{sender}@{OURS}"
        self._send(self.world.users, world.GATEWAY, "normal", sender, recipient, answer,
                   port=587, **options)

    def _theirs(self, server, sender, recipient, answer="", **options):
        """A user of another server sends through it."""
        self._send(server.host, server.address, "normal", sender, recipient, answer, **options)

    def _spam(self, address, sender, recipient, answer="", **options):
        """The spammer hands mail with a forged sender to a server."""
        self._send(self.world.spammer, address, "normal", sender, recipient, answer, **options)

    def _challenge(self, sender, recipient, message_id):
        """From nobody, or from an address that says what it is."""
        cause = self.causes[message_id]
        envelope = "challenge@challenge.example" if recipient.startswith("eve@") else ""
        challenge_id = f"<{next(self._count)}.{secrets.token_hex(8)}@challenge.example>"
        self.causes[challenge_id] = Cause(challenge_id, cause.answer, envelope, sender, "",
                                          message_id)
        actors.send(self.world.challenger, world.GATEWAY, envelope, sender, actors.write(
            recipient, sender, challenge_id, "Please confirm your message", headers=(
                ("In-Reply-To", message_id), ("Auto-Submitted", "auto-replied"),
                ("Precedence", "bulk")),
            body="This message was created automatically.\n\nYour mail has not been delivered yet."
                 " To prove that it was\nsent by a person, please reply to this message. You need"
                 " to do so only once.\n"))

    # ---- the run ---------------------------------------------------------------------------------

    def run(self):
        self._calm()
        for number in range(world.INNOCENTS):
            self._bounces(number)
            self._backscatter(number)
            self._emissions(number)
        self._greylisted()
        self._answers()
        self._verifications()
        self._other_emissions()
        self._calm()

    def _calm(self):
        for user in ("anna", "ben", "carl"):
            self._ours(user, "bob@postfix.example")
            self._ours(user, "bob@exim.example")
        self._ours("anna", f"ben@{OURS}")
        self._ours("anna", "gone@strict.postfix.example")  # refused: the bounce stays with us
        self._theirs(self.world.postfix, "bob@postfix.example", f"anna@{OURS}")
        self._theirs(self.world.exim, "bob@exim.example", f"anna@{OURS}")
        self._spam(world.GATEWAY, "winner@spammer.example", f"anna@{OURS}")
        self._spam(world.GATEWAY, "winner@spammer.example", f"unknown@{OURS}", refused=550)

    def _bounces(self, number):
        """Of our mail: by servers that took it first."""
        self._ours("anna", f"gone{number}@postfix.example", "solicited_bounce")
        self._ours("anna", f"gone{number}@exim.example", "solicited_bounce")

    def _backscatter(self, number):
        """Of what the spammer sent in our name: to a user of ours and to one who does not exist."""
        for address, domain in ((world.POSTFIX, "postfix.example"), (world.EXIM, "exim.example")):
            victim, nobody = f"anna@{OURS}", f"noone{number}@{domain}"
            ghost = f"ghost{number}-{domain.partition('.')[0]}@{OURS}"
            self._spam(address, victim, nobody, "backscatter")
            self._spam(address, ghost, nobody, "backscatter")
            self._spam(address, victim, nobody, "backscatter", headers=_FORGED_RELAY)

    def _greylisted(self):
        self._spam(world.POSTFIX, f"grey1@{OURS}", "noone@postfix.example", "backscatter")
        self._spam(world.EXIM, f"grey2@{OURS}", "noone@exim.example", "backscatter")
        self._ours("grey3", "gone@postfix.example", "solicited_bounce")
        self._ours("grey4", "gone@exim.example", "solicited_bounce")

    def _answers(self):
        """To mail of ours and to mail in our name."""
        for domain, address, away in (("postfix.example", world.POSTFIX, "vera"),
                                      ("exim.example", world.EXIM, "oof")):
            self._ours("anna", f"slow@{domain}", "solicited_delay")
            self._ours("anna", f"bob@{domain}", "dsn_success", notify="SUCCESS")
            self._ours("anna", f"{away}@{domain}", "autoreply_solicited")
            self._spam(address, f"ben@{OURS}", f"{away}@{domain}", "autoreply_unsolicited")
            self._spam(address, f"carl@{OURS}", f"slow@{domain}", "backscatter")
        for wary in ("bob@challenge.example", "eve@challenge.example"):
            self._ours("anna", wary, "challenge_solicited")
            self._spam(world.CHALLENGER, f"ben@{OURS}", wary, "challenge_unsolicited")

    def _verifications(self):
        """Servers that ask us whether a sender exists; he may, or may not."""
        def check(address, label, recipient, asked, sender, refused):
            self.checks[address, f"{asked}@{OURS}"] = label
            self._spam(address, f"{sender}@{OURS}", recipient, refused=refused)

        for sender, refused in (("dora", 0), ("ghost-asked", 550)):
            check(world.EXIM, "callout", "bob@careful.exim.example", sender, sender, refused)
            check(world.POSTFIX, "probe", "checked@postfix.example", sender, sender,
                  refused and 450)
            check(world.PROBER, "callout", "checked@prober.example", sender, sender,
                  refused and 450)
        check(world.EXIM, "callout", "bob@random.exim.example", "ben", "ben", 0)
        self._ours("carl", "checked@postfix.example")
        self.checks[world.POSTFIX, f"carl@{OURS}"] = "probe"

    def _emissions(self, number):
        """The backup takes in what it cannot deliver, and writes to those who sent nothing."""
        for domain in ("postfix.example", "exim.example"):
            self._spam(world.BACKUP, f"innocent{number}@{domain}", f"noone{number}@{OURS}",
                       "emitted_accept_then_bounce")

    def _other_emissions(self):
        self._spam(world.BACKUP, "lost@strict.postfix.example", f"noone@{OURS}",
                   "emitted_accept_then_bounce")  # and his server refuses our bounce
        self._send(self.world.postfix_host, world.BACKUP, "normal", "bob@postfix.example",
                   f"annna@{OURS}", "emitted_accept_then_bounce")
        self._theirs(self.world.exim, "carol@exim.example", f"moved@{OURS}", "emitted_forward")
        self._ours("private@exim.example", "gone@strict.postfix.example", "emitted_own_user")
        self._theirs(self.world.postfix, "bob@postfix.example", f"tina@{OURS}",
                     "emitted_autoreply")
        self._theirs(self.world.postfix, "bob@postfix.example", f"carl@{OURS}",
                     "emitted_dsn_success", notify="SUCCESS")
        self.outbound_checks |= {"carol@exim.example", "lost@strict.postfix.example"}
        self._spam(world.BACKUP, "carol@exim.example", f"checked@{OURS}")
        self._spam(world.BACKUP, "lost@strict.postfix.example", f"checked@{OURS}", refused=450)
