// The dashboard `overview`: is there a flood, against whom, since when, and how much can the agent see?
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";

import { DATASOURCE, lines, number, rows, stack, type Step } from "./panels";
import {
  flood,
  floodPerMinute,
  increase,
  ofActive,
  orZero,
  perMinute,
  series,
  type Counter,
} from "./queries";

const NO_AGENT = "No agent is scraped";
const PER_MINUTE = "cpm";

const GOOD_IS_LOW: Step[] = [
  { from: null, color: "green" },
  { from: 1, color: "red" },
];
const PLAIN: Step[] = [{ from: null, color: "text" }];

const bounces: Counter = {
  name: "backscatter_bounces",
  scope: "agents",
  matchers: ['direction!="outbound"'],
};
const recipients: Counter = { name: "backscatter_null_sender_recipients", scope: "domains" };
const others: Counter = { name: "backscatter_other_null_sender_recipients", scope: "agents" };
const targets: Counter = { name: "backscatter_target_recipients", scope: "domains" };
const networks: Counter = { name: "backscatter_source_recipients", scope: "agents" };
const emitted: Counter = { name: "backscatter_emitted_bounces", scope: "agents" };
const ourBackscatter: Counter = {
  ...emitted,
  matchers: ['cause=~"accept_then_bounce|forward"'],
};
const received: Counter = {
  name: "backscatter_sessions",
  scope: "agents",
  matchers: ['direction!="outbound"'],
};

function queryVariable(name: string, query: string, all: string): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(name)
    .label(name.charAt(0).toUpperCase() + name.slice(1))
    .datasource(DATASOURCE)
    .query({ query, refId: name })
    .definition(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue(all)
    .current({ selected: true, text: "All", value: "$__all" });
}

function variables(): dashboard.DashboardBuilder {
  return new dashboard.DashboardBuilder("backscatterd / overview")
    .uid("backscatterd-overview")
    .description("Floods of backscatter, who sends and who gets it, and how much of it can be seen.")
    .tags(["backscatterd", "mail"])
    .readonly()
    .timezone("browser")
    .time({ from: "now-3h", to: "now" })
    .refresh("30s")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .withVariable(
      new dashboard.DatasourceVariableBuilder("datasource")
        .label("Data source")
        .type("prometheus")
        .current({ selected: true, text: "default", value: "default" }),
    )
    .withVariable(queryVariable("job", "label_values(backscatter_build_info, job)", ".+"))
    .withVariable(
      queryVariable("instance", 'label_values(backscatter_build_info{job=~"$job"}, instance)', ".+"),
    )
    // Some series have no domain: those of all of ours together.
    .withVariable(
      queryVariable(
        "domain",
        'label_values(backscatter_domain_sources{job=~"$job",instance=~"$instance"}, domain)',
        ".*",
      ),
    );
}

function floods(board: dashboard.DashboardBuilder): void {
  board
    .withRow(new dashboard.RowBuilder("Is there a flood?"))
    .withPanel(
      number(
        {
          title: "Floods now",
          description:
            "Floods of all kinds that are on; one that several agents see is one. 0 is good.",
          unit: "none",
          noValue: NO_AGENT,
          width: 4,
        },
        orZero(`sum(${flood("active", "max")})`),
        GOOD_IS_LOW,
      ),
    )
    .withPanel(
      number(
        {
          title: "Since",
          description: "When the oldest flood that is on began: its first recipient that counts.",
          unit: "dateTimeFromNow",
          noValue: "No flood is on",
          width: 5,
        },
        `1000 * min(${ofActive(flood("start_timestamp_seconds", "min"))})`,
        PLAIN,
      ),
    )
    .withPanel(
      number(
        {
          title: "RCPTs in floods",
          description:
            "Recipients that the floods of now brought since they began. An address in a flood of its own and in one of its domain counts in both.",
          unit: "short",
          noValue: "No flood is on",
          width: 5,
        },
        `sum(${ofActive(flood("recipients", "sum"))})`,
        PLAIN,
      ),
    )
    .withPanel(
      number(
        {
          title: "Sources of the largest",
          description:
            "Different addresses that the flood with the most of them comes from; beyond 512 an estimate (standard error 2.3 %). Of several agents the highest number, so at least this many.",
          unit: "short",
          noValue: "No flood is on",
          width: 5,
        },
        `max(${ofActive(flood("sources", "max"))})`,
        PLAIN,
      ),
    )
    .withPanel(
      number(
        {
          title: "Time to detect (95 %)",
          description:
            "From the packet that made a flood one to the moment at which Prometheus could read it, of 95 in 100 floods in the range of the dashboard.",
          unit: "s",
          noValue: "No flood in this range",
          width: 5,
        },
        `histogram_quantile(0.95, sum by (le) (increase(${series("backscatter_detection_delay_seconds_bucket", "agents")}[$__range])))`,
        PLAIN,
      ),
    )
    .withPanel(
      rows(
        {
          title: "Floods that are on",
          description:
            "Kind, victim and size of each flood. Target is by default a keyed hash: `backscatterd lookup HASH` on the gateway tells the address. Confidence: 3 strong, 2 medium, 1 weak (perhaps bounces of mail of ours). The runbook says what to do about each kind.",
          unit: "short",
          noValue: "No flood is on",
          width: 24,
        },
        { kind: "Kind", domain: "Domain", target: "Target" },
        [
          { title: "Since", unit: "dateTimeAsLocal", expr: `1000 * (${ofActive(flood("start_timestamp_seconds", "min"))})` },
          { title: "RCPTs", unit: "short", expr: ofActive(flood("recipients", "sum")) },
          { title: "RCPTs a minute", unit: "cpm", expr: ofActive(floodPerMinute()) },
          { title: "Peak a minute", unit: "short", expr: ofActive(flood("peak_per_minute", "max")) },
          { title: "Sources", unit: "short", expr: ofActive(flood("sources", "max")) },
          { title: "Networks", unit: "short", expr: ofActive(flood("networks", "max")) },
          { title: "Confidence", unit: "none", expr: ofActive(flood("confidence", "max")) },
        ],
        "RCPTs",
      ),
    )
    .withPanel(
      lines(
        {
          title: "Floods over time",
          description: "RCPTs a minute of each flood, from its beginning to its end.",
          unit: PER_MINUTE,
          noValue: "No flood in this range",
          width: 24,
        },
        { expr: floodPerMinute(), legend: "{{kind}} {{domain}} {{target}}" },
      ),
    );
}

function bouncesThatCome(board: dashboard.DashboardBuilder): void {
  board
    .withRow(new dashboard.RowBuilder("What comes with a null sender"))
    .withPanel(
      stack(
        {
          title: "By verdict",
          description:
            "Transactions a minute that come to us with a null sender (or turn out to be bounces), by what they are. backscatter: a bounce of mail that we did not send.",
          unit: PER_MINUTE,
          noValue: NO_AGENT,
          width: 12,
        },
        { expr: perMinute(bounces, "verdict"), legend: "{{verdict}}" },
      ),
    )
    .withPanel(
      stack(
        {
          title: "Did we cause it?",
          description:
            "The same by the answer: true is a bounce of mail that we sent, false is not, unknown cannot be told (or is not asked, as of call-outs).",
          unit: PER_MINUTE,
          noValue: NO_AGENT,
          width: 12,
        },
        { expr: perMinute(bounces, "solicited"), legend: "{{solicited}}" },
      ),
    )
    .withPanel(
      stack(
        {
          title: "Accepted and refused",
          description:
            "RCPTs a minute with a null sender, by what our server replied: accepted 2xx, deferred 4xx, refused 5xx. Domains that are not on the agent's list are told together.",
          unit: PER_MINUTE,
          noValue: NO_AGENT,
          width: 12,
        },
        { expr: perMinute(recipients, "reply"), legend: "{{reply}}" },
        { expr: perMinute(others, "reply"), legend: "{{reply}}, other domains" },
      ),
    )
    .withPanel(
      lines(
        {
          title: "By domain",
          description: "RCPTs a minute with a null sender for each domain of ours on the agent's list.",
          unit: PER_MINUTE,
          noValue: "No mail with a null sender for a domain of ours",
          width: 12,
        },
        { expr: perMinute(recipients, "domain"), legend: "{{domain}}" },
      ),
    );
}

function whoAndFromWhere(board: dashboard.DashboardBuilder): void {
  const sources = (metric: string, by: string) =>
    `max by (${by}) (${series(metric, "domains")})`;
  board
    .withRow(new dashboard.RowBuilder("To whom, and from where"))
    .withPanel(
      rows(
        {
          title: "Top targets",
          description:
            "Who got most RCPTs with a null sender in the range of the dashboard, of those on the agents' lists. Sources and networks are those of the last hour, at least (the highest of the agents).",
          unit: "short",
          noValue: "No target is on a list (labels.target: domain has none)",
          width: 12,
          height: 10,
        },
        { domain: "Domain", target: "Target" },
        [
          { title: "RCPTs", unit: "short", expr: increase(targets, "$__range", "domain", "target") },
          { title: "Sources", unit: "short", expr: sources("backscatter_target_sources", "domain, target") },
          { title: "Networks", unit: "short", expr: sources("backscatter_target_networks", "domain, target") },
        ],
        "RCPTs",
      ),
    )
    .withPanel(
      rows(
        {
          title: "Top source networks",
          description:
            "Networks (detection.source_prefix) that most RCPTs with a null sender came from in the range of the dashboard. Large providers send bounces that you want, too: think before you block one.",
          unit: "short",
          noValue: "No network is on a list",
          width: 12,
          height: 10,
        },
        { network: "Network" },
        [
          { title: "RCPTs", unit: "short", expr: increase(networks, "$__range", "network") },
          { title: "RCPTs a minute", unit: "cpm", expr: perMinute(networks, "network") },
        ],
        "RCPTs",
      ),
    )
    .withPanel(
      lines(
        {
          title: "Distinct sources by domain",
          description:
            "Different addresses that sent null-sender mail to each domain within the hour: a joe job has many, a single broken server one. Where they are many an estimate (standard error 2.3 %).",
          unit: "short",
          noValue: "No domain is on a list",
          width: 12,
        },
        { expr: sources("backscatter_domain_sources", "domain"), legend: "{{domain}}" },
      ),
    )
    .withPanel(
      lines(
        {
          title: "Distinct sources by target",
          description: "The same for the ten targets with most of them.",
          unit: "short",
          noValue: "No target is on a list (labels.target: domain has none)",
          width: 12,
        },
        {
          expr: `topk(10, ${sources("backscatter_target_sources", "domain, target")})`,
          legend: "{{target}} {{domain}}",
        },
      ),
    );
}

function whatWeSend(board: dashboard.DashboardBuilder): void {
  board
    .withRow(new dashboard.RowBuilder("Do we send backscatter ourselves?"))
    .withPanel(
      number(
        {
          title: "In the last hour",
          description:
            "Bounces, and forwards that failed, that we sent to people who had not written to us. 5 are an alert, 50 a grave one.",
          unit: "short",
          noValue: NO_AGENT,
          width: 6,
          height: 8,
        },
        increase(ourBackscatter, "1h"),
        [
          { from: null, color: "green" },
          { from: 5, color: "orange" },
          { from: 50, color: "red" },
        ],
      ),
    )
    .withPanel(
      stack(
        {
          title: "What we send with a null sender",
          description:
            "Transactions a minute, by cause. accept_then_bounce and forward are backscatter of ours; autoreply may be; own_user, callout and receipts are as they should be.",
          unit: PER_MINUTE,
          noValue: NO_AGENT,
          width: 18,
        },
        { expr: perMinute(emitted, "cause"), legend: "{{cause}}" },
      ),
    );
}

function howWellItSees(board: dashboard.DashboardBuilder): void {
  board
    .withRow(new dashboard.RowBuilder("What the agents can see"))
    .withPanel(
      stack(
        {
          title: "Sessions that come in, by visibility",
          description:
            "SMTP sessions a minute that are not outbound. What is encrypted cannot be read: its bounces are in no count.",
          unit: PER_MINUTE,
          noValue: NO_AGENT,
          width: 12,
        },
        { expr: perMinute(received, "visibility"), legend: "{{visibility}}" },
      ),
    )
    .withPanel(
      lines(
        {
          title: "Sessions seen in part",
          description:
            "Sessions a minute of which one side, the beginning, or some bytes were not seen: their verdicts are less sure.",
          unit: PER_MINUTE,
          noValue: NO_AGENT,
          width: 12,
        },
        ...["one_sided", "mid_stream", "with_gaps"].map((part) => ({
          expr: perMinute({ name: `backscatter_sessions_${part}`, scope: "agents" }),
          legend: part,
        })),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Coverage of what we send",
          description:
            "Share of our outbound sessions that could be read (sent.window). Below 95 % (sent.min_coverage) a bounce that matches nothing proves nothing, and floods are told as weak.",
          unit: "percentunit",
          noValue: "No outbound session was seen",
          width: 8,
        },
        { expr: `min by (instance) (${series("backscatter_sent_coverage_ratio", "agents")})`, legend: "{{instance}}" },
      ).max(1),
    )
    .withPanel(
      lines(
        {
          title: "Sampling",
          description: "Share of the sessions that is looked at (sampling.ratio). Below 1, rates here are estimates.",
          unit: "percentunit",
          noValue: NO_AGENT,
          width: 8,
        },
        { expr: `min by (instance) (${series("backscatter_sampling_ratio", "agents")})`, legend: "{{instance}}" },
      ).max(1),
    )
    .withPanel(
      lines(
        {
          title: "Packets",
          description: "Packets a second that each agent was given.",
          unit: "pps",
          noValue: NO_AGENT,
          width: 8,
        },
        {
          expr: `sum by (instance) (rate(${series("backscatter_packets_total", "agents")}[$__rate_interval]))`,
          legend: "{{instance}}",
        },
      ),
    )
    .withPanel(
      lines(
        {
          title: "Losses",
          description:
            "What is missing in the counts, by stage and reason; bytes, packets or entries a minute (docs/OPERATIONS.md has a line on each). Empty is good.",
          unit: PER_MINUTE,
          noValue: "Nothing is lost, or no agent is scraped",
          width: 24,
        },
        {
          expr: `60 * sum by (stage, reason) (rate(${series("backscatter_losses_total", "agents")}[$__rate_interval])) > 0`,
          legend: "{{stage}}.{{reason}}",
        },
      ),
    );
}

export function overview(): dashboard.Dashboard {
  const board = variables();
  floods(board);
  bouncesThatCome(board);
  whoAndFromWhere(board);
  whatWeSend(board);
  howWellItSees(board);
  const built = board.build();
  (built.panels ?? []).forEach((panel, index) => (panel.id = index + 1));
  return built;
}
