// Panels: what all of a kind have in common.
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

export const DATASOURCE: common.DataSourceRef = { type: "prometheus", uid: "${datasource}" };

export interface About {
  title: string;
  description: string;
  unit: string; // of grafana-data's value formats
  noValue: string;
  width: number; // of 24
  height?: number;
}

export interface Query {
  expr: string;
  legend?: string;
}

interface Panel {
  title(text: string): this;
  description(text: string): this;
  unit(text: string): this;
  noValue(text: string): this;
  decimals(count: number): this;
  datasource(source: common.DataSourceRef): this;
  span(width: number): this;
  height(height: number): this;
}

// Counts have no decimals, also where they are estimated.
const isCount = (unit: string) => unit === "short" || unit === "none";

function described<P extends Panel>(panel: P, about: About): P {
  if (isCount(about.unit)) panel.decimals(0);
  return panel
    .title(about.title)
    .description(about.description)
    .unit(about.unit)
    .noValue(about.noValue)
    .datasource(DATASOURCE)
    .span(about.width)
    .height(about.height ?? 8);
}

function query(refId: string, expr: string): prometheus.DataqueryBuilder {
  return new prometheus.DataqueryBuilder().refId(refId).datasource(DATASOURCE).expr(expr);
}

const refId = (index: number) => String.fromCharCode("A".charCodeAt(0) + index);

export interface Step {
  from: number | null;
  color: string;
}

function steps(all: Step[]): dashboard.ThresholdsConfigBuilder {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(all.map(({ from, color }) => ({ value: from, color })));
}

// One number: the latest.
export function number(about: About, expr: string, colors: Step[]): stat.PanelBuilder {
  return described(new stat.PanelBuilder(), { height: 4, ...about })
    .withTarget(query("A", expr).instant())
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(common.BigValueColorMode.Value)
    .thresholds(steps(colors));
}

// Lines over time.
export function lines(about: About, ...queries: Query[]): timeseries.PanelBuilder {
  const panel = described(new timeseries.PanelBuilder(), about)
    .min(0)
    .lineWidth(1)
    .fillOpacity(10)
    .showPoints(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom)
        .calcs([]),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi)
        .sort(common.SortOrder.Descending),
    );
  queries.forEach(({ expr, legend }, index) =>
    panel.withTarget(query(refId(index), expr).range().legendFormat(legend ?? "__auto")),
  );
  return panel;
}

// Shares of a whole, one on top of the other.
export function stack(about: About, ...queries: Query[]): timeseries.PanelBuilder {
  return lines(about, ...queries)
    .fillOpacity(40)
    .stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group("A"));
}

export interface Column extends Query {
  title: string;
  unit: string;
}

// A row for each set of labels; `labels`: their titles, in order, then the columns.
export function rows(
  about: About,
  labels: Record<string, string>,
  columns: Column[],
  sortBy: string,
): table.PanelBuilder {
  const names = Object.keys(labels);
  const value = (index: number) => `Value #${refId(index)}`;
  const titles = { ...labels, ...Object.fromEntries(columns.map((c, i) => [value(i), c.title])) };
  const order = [...names, ...columns.map((_, index) => value(index))];
  const panel = described(new table.PanelBuilder(), about)
    .sortBy([new common.TableSortByFieldStateBuilder().displayName(sortBy).desc(true)])
    .withTransformation({ id: "merge", options: {} })
    .withTransformation({
      id: "organize",
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries(order.map((name, index) => [name, index])),
        renameByName: titles,
      },
    });
  columns.forEach(({ expr, title, unit }, index) => {
    panel.withTarget(
      query(refId(index), expr).instant().format(prometheus.PromQueryFormat.Table),
    );
    panel.overrideByName(title, [
      { id: "unit", value: unit },
      ...(isCount(unit) ? [{ id: "decimals", value: 0 }] : []),
    ]);
  });
  return panel;
}
