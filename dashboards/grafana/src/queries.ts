// PromQL with the matchers that each query here needs.

// Which series: of the chosen agents, and, of what has a domain, of the chosen domains.
export type Scope = "agents" | "domains";

export function series(metric: string, scope: Scope, ...matchers: string[]): string {
  const all = ['job=~"$job"', 'instance=~"$instance"'];
  if (scope === "domains") all.push('domain=~"$domain"');
  return `${metric}{${[...all, ...matchers].join(",")}}`;
}

export interface Counter {
  name: string; // without _total
  scope: Scope;
  matchers?: string[];
}

// What was counted within `range`, by the function `of`. Where a share of the sessions is looked at,
// what the counts stand for.
function counted(of: "rate" | "increase", counter: Counter, range: string): string {
  const one = (suffix: string) =>
    `${of}(${series(counter.name + suffix, counter.scope, ...(counter.matchers ?? []))}[${range}])`;
  return `${one("_estimated_total")} or ${one("_total")}`;
}

function sum(by: string[], expression: string): string {
  return by.length === 0 ? `sum(${expression})` : `sum by (${by.join(", ")}) (${expression})`;
}

export function perMinute(counter: Counter, ...by: string[]): string {
  return `60 * ${sum(by, counted("rate", counter, "$__rate_interval"))}`;
}

export function increase(counter: Counter, range: string, ...by: string[]): string {
  return sum(by, counted("increase", counter, range));
}

// 0 as long as an agent is there to say that there is none, so that no data means no agent.
export function orZero(expression: string): string {
  return `${expression} or 0 * max(${series("backscatter_build_info", "agents")})`;
}

// Floods: one row each, however many agents see it.
const FLOOD = "kind, domain, target";

export function flood(metric: string, reduce: "min" | "max" | "sum"): string {
  return `${reduce} by (${FLOOD}) (${series(`backscatter_flood_${metric}`, "domains")})`;
}

export function ofActive(expression: string): string {
  return `(${expression}) and on (${FLOOD}) ${flood("active", "max")} > 0`;
}

export function floodPerMinute(): string {
  const recipients = series("backscatter_flood_recipients", "domains");
  return `60 * sum by (${FLOOD}) (clamp_min(deriv(${recipients}[$__rate_interval]), 0))`;
}
