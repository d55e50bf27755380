#!/usr/bin/env python3
"""The example of dashboards/alertmanager: amtool takes it, each alert goes where it should, and a
real Alertmanager with it groups, mutes, and sends what a postmaster needs (on loopback only)."""

import email
import http.server
import json
import queue
import re
import socket
import socketserver
import subprocess
import threading
import time
import urllib.request

import tools

EXAMPLE = tools.ROOT / "dashboards" / "alertmanager" / "alertmanager.yml"
ROUTES = {
    "alertname=BackscatterFlood severity=warning kind=joe_job domain=ours.test": "webhook,mail",
    "alertname=BackscatterFlood severity=info kind=joe_job domain=ours.test": "log",
    "alertname=BackscatterFloodWidespread severity=critical kind=widespread": "webhook,mail",
    "alertname=BackscatterEmission severity=critical kind=own_emission": "webhook,mail",
    "alertname=BackscatterRandomRecipients severity=warning domain=ours.test": "webhook,mail",
    "alertname=BackscatterDown severity=warning kind=agent": "mail",
    "alertname=BackscatterSamplingLow severity=info kind=agent": "log",
}


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # noqa: N802, the name is the library's
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.put((self.path, json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class MailServer(socketserver.StreamRequestHandler):
    """Takes one mail a session."""

    def handle(self):
        self.wfile.write(b"220 sink\r\n")
        in_body, body = False, []
        for line in self.rfile:
            text = line.rstrip(b"\r\n")
            if in_body and text == b".":
                self.server.got.put(b"\r\n".join(body))
                in_body = False
            elif in_body:
                body.append(text)
                continue
            elif text.upper() == b"DATA":
                in_body = True
                self.wfile.write(b"354 go on\r\n")
                continue
            self.wfile.write(b"250 well\r\n" if text.upper() != b"QUIT" else b"221 bye\r\n")


def serve(server_class, handler):
    server = server_class(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.got = queue.Queue()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def alert(name, severity, kind, description="what happens", **labels):
    return {"labels": {"alertname": name, "severity": severity, "kind": kind, **labels},
            "annotations": {"summary": f"Summary of {name}.", "description": description,
                            "runbook_url": f"file:///RUNBOOK.md#{name.lower()}"}}


class Alertmanager:
    def __init__(self, program, config, folder, servers):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = open(folder / "alertmanager.log", "w", encoding="utf-8")
        command = tools.beside_its_files(
            [program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
             "--cluster.listen-address=", f"--storage.path={folder / 'data'}"], servers)
        if not command:
            tools.skip("not root: Alertmanager does not find its templates; amtool is content")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        for _ in range(100):
            try:
                self.get("/-/ready")
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("Alertmanager does not get ready")

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=5) as reply:
            return reply.read()

    def post(self, alerts):
        request = urllib.request.Request(self.url + "/api/v2/alerts", json.dumps(alerts).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5):
            pass

    def states(self):
        """(alertname, severity, domain or kind): whether it is muted."""
        found = {}
        for one in json.loads(self.get("/api/v2/alerts")):
            labels = one["labels"]
            key = labels["alertname"], labels["severity"], labels.get("domain", labels["kind"])
            found[key] = bool(one["status"]["inhibitedBy"])
        return found

    def end(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


ALERTS = [
    alert("BackscatterFlood", "warning", "joe_job", "against 1", domain="a.test", target="1"),
    alert("BackscatterFlood", "warning", "joe_job", "against 2", domain="a.test", target="2"),
    alert("BackscatterFlood", "info", "joe_job", domain="a.test", target="2"),
    alert("BackscatterFlood", "info", "joe_job", domain="b.test", target="3"),
    alert("BackscatterFlood", "info", "emitter"),
    alert("BackscatterEmission", "warning", "own_emission"),
    alert("BackscatterEmission", "critical", "own_emission"),
    alert("BackscatterBlind", "info", "agent"),
    alert("BackscatterBlind", "warning", "agent"),
    alert("BackscatterDown", "warning", "agent"),
]


def check_muting(manager, failures):
    # The graver of two about the same mutes the other, and nothing else.
    manager.post(ALERTS)
    time.sleep(1)
    expected = {
        ("BackscatterFlood", "warning", "a.test"): False,
        ("BackscatterFlood", "info", "a.test"): True,
        ("BackscatterFlood", "info", "b.test"): False,
        ("BackscatterFlood", "info", "emitter"): False,
        ("BackscatterEmission", "warning", "own_emission"): True,
        ("BackscatterEmission", "critical", "own_emission"): False,
        ("BackscatterBlind", "info", "agent"): True,
        ("BackscatterBlind", "warning", "agent"): False,
        ("BackscatterDown", "warning", "agent"): False,
    }
    failures.expect(manager.states() == expected, f"muted are {manager.states()}")


def check_widespread(manager, failures):
    manager.post([alert("BackscatterFloodWidespread", "critical", "widespread")])
    time.sleep(1)
    states = manager.states()
    for key, muted in (("warning", "a.test"), True), (("info", "b.test"), True), (
            ("info", "emitter"), False):
        failures.expect(states[("BackscatterFlood", *key)] is muted,
                        f"with a widespread flood on, muted are {states}")
    failures.expect(states[("BackscatterFloodWidespread", "critical", "widespread")] is False,
                    "the widespread flood mutes itself")


def flood_notice(webhook, status, deadline):
    while time.monotonic() < deadline:
        try:
            path, body = webhook.got.get(timeout=1)
        except queue.Empty:
            continue
        if path == "/backscatter" and body["status"] == status and (
                body["groupLabels"].get("domain") == "a.test"):
            return body
    return None


def check_notices(manager, webhook, mail, failures):
    notice = flood_notice(webhook, "firing", time.monotonic() + 30)
    failures.expect(notice is not None, "no webhook was called")
    if notice:
        told = sorted(one["annotations"]["description"] for one in notice["alerts"])
        failures.expect(told == ["against 1", "against 2"],
                        f"one notification for a domain, not for a target: {told}")
        failures.expect(notice["commonAnnotations"]["runbook_url"].endswith("#backscatterflood"),
                        "the runbook's link")
    wanted, subjects = "[firing] Summary of BackscatterFlood. a.test", []
    try:
        while wanted not in subjects:
            message = email.message_from_bytes(mail.got.get(timeout=30))
            subjects.append(re.sub(r"\s+", " ", str(message["Subject"])))
    except queue.Empty:
        failures.expect(False, f"no mail {wanted}, but {subjects}")
    ended = [dict(one, endsAt=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
             for one in ALERTS[:2]]
    manager.post(ended)
    failures.expect(flood_notice(webhook, "resolved", time.monotonic() + 90) is not None,
                    "nothing tells the end of a flood")


def main():
    args = tools.arguments()
    amtool = tools.tool("amtool", args.servers)
    program = tools.tool("prometheus-alertmanager", args.servers)
    failures = tools.Failures()

    code, text = tools.run(amtool, "check-config", EXAMPLE)
    print(text)
    failures.expect(code == 0, "amtool check-config")
    for labels, receivers in ROUTES.items():
        code, text = tools.run(amtool, "config", "routes", "test", f"--config.file={EXAMPLE}",
                               f"--verify.receivers={receivers}", *labels.split())
        failures.expect(code == 0, f"{labels} should go to {receivers}: {text}")

    folder = tools.fresh_folder(args.output / "routes")
    webhook = serve(http.server.ThreadingHTTPServer, Webhook)
    mail = serve(socketserver.ThreadingTCPServer, MailServer)
    local = EXAMPLE.read_text()
    for pattern, here in (
            (r"http://127\.0\.0\.1:19026", f"http://127.0.0.1:{webhook.server_address[1]}"),
            (r"smtp_smarthost: .*", f"smtp_smarthost: 127.0.0.1:{mail.server_address[1]}"),
            (r"smtp_require_tls: true", "smtp_require_tls: false"),
            (r"group_interval: 1m", "group_interval: 5s")):
        local, changed = re.subn(pattern, here, local)
        failures.expect(changed > 0, f"the example has no {pattern}")
    config = folder / "alertmanager.yml"
    config.write_text(local)
    if failures.found:
        failures.end()
    manager = Alertmanager(program, config, folder, args.servers)
    try:
        check_muting(manager, failures)
        check_notices(manager, webhook, mail, failures)
        manager.post(ALERTS[:2])
        check_widespread(manager, failures)
    finally:
        manager.end()
    failures.end()


if __name__ == "__main__":
    main()
