"""Debian's Prometheus and Alertmanager on the gateway, with the files of dashboards/, and the
webhook that Alertmanager calls."""

import http.server
import json
import queue
import re
import shutil
import threading
import time
import urllib.parse
import urllib.request

import servers

PROGRAMS = ("usr/bin/prometheus", "usr/bin/prometheus-alertmanager")
AGENT = "127.0.0.1:19025"  # what prometheus.yml asks
_PROMETHEUS, _ALERTMANAGER = "http://127.0.0.1:9090", "http://127.0.0.1:9093"
_WEBHOOK = ("127.0.0.1", 19026)  # as in alertmanager.yml
# What is another in the test than in the files as they are: durations alone.
ASKED = {"prometheus/prometheus.yml": {"scrape_interval: 15s": "scrape_interval: 5s",
                                       "evaluation_interval: 15s": "evaluation_interval: 5s"}}
SHORTER = {"rules/backscatter.rules.yml": {"keep_firing_for: 2m": "keep_firing_for: 10s"},
           "alertmanager/alertmanager.yml": {"group_interval: 1m": "group_interval: 5s"}}


class _Call(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # noqa: N802, the name is the library's
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.put((time.time(), self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Monitoring:
    """`calls`: (time, path, body) of each call of the webhook, in order."""

    def __init__(self, host, dashboards, changes):
        self._host = host
        self.calls, self._got = [], queue.Queue()
        self.folder = host.directory / "monitoring"
        shutil.copytree(dashboards, self.folder, ignore=shutil.ignore_patterns("grafana"))
        for name, replacements in changes.items():
            path = self.folder / name
            text = path.read_text()
            for shipped, ours in replacements.items():
                if shipped not in text:
                    raise RuntimeError(f"{name} has no {shipped}")
                text = text.replace(shipped, ours)
            path.write_text(text)

    def start(self):
        with self._host.entered():
            server = http.server.ThreadingHTTPServer(_WEBHOOK, _Call)
        server.daemon_threads, server.got = True, self._got
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._start("prometheus-alertmanager", _ALERTMANAGER, "alertmanager/alertmanager.yml",
                    "--cluster.listen-address=", "--storage.path=")
        self._start("prometheus", _PROMETHEUS, "prometheus/prometheus.yml",
                    "--storage.tsdb.path=")
        for url in (_ALERTMANAGER, _PROMETHEUS):
            servers.wait_for(lambda: self._is_ready(url), f"{url} to be ready", 60)
        servers.wait_for(lambda: self.query("up == 1"), "Prometheus to see the agent", 30)

    def _start(self, program, url, config, *options):
        data = self.folder / program / "data"
        data.mkdir(parents=True)
        *options, storage = options
        self._host.start(program, f"--config.file={self.folder / config}",
                         f"--web.listen-address={url.partition('//')[2]}", *options,
                         f"{storage}{data}", stdout=open(self.folder / f"{program}.log", "wb"))

    def _get(self, url):
        with self._host.entered(), urllib.request.urlopen(url, timeout=10) as reply:
            return reply.read()

    def _is_ready(self, url):
        try:
            self._get(f"{url}/-/ready")
            return True
        except OSError:
            return False

    def query(self, expression):
        """The samples of an instant query: (labels, value)."""
        asked = urllib.parse.urlencode({"query": expression})
        data = json.loads(self._get(f"{_PROMETHEUS}/api/v1/query?{asked}"))["data"]
        return [(one["metric"], float(one["value"][1])) for one in data["result"]]

    def firing(self, name):
        """Since when the alert fires; None where it does not."""
        data = json.loads(self._get(f"{_PROMETHEUS}/api/v1/alerts"))["data"]
        begun = [one["activeAt"] for one in data["alerts"]
                 if one["labels"]["alertname"] == name and one["state"] == "firing"]
        return min(map(seconds_of, begun), default=None)

    def call(self, path, status):
        """(time, body) of the first such call; None: there was none yet."""
        while not self._got.empty():
            self.calls.append(self._got.get())
        return next(((at, body) for at, where, body in self.calls
                     if where == path and body["status"] == status), None)


def seconds_of(text):
    """An RFC 3339 time, as Go or the agent writes it, in seconds."""
    date, fraction = re.fullmatch(r"([-\d]+T[:\d]+)(\.\d+)?Z", text).groups()
    return time.mktime(time.strptime(date, "%Y-%m-%dT%H:%M:%S")) - time.timezone + float(
        fraction or 0)
