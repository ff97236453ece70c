// Words of the chart: ranges, values, tones of medicines, differences between two states of a chart.
import type { Chart, Range, ResultSeries } from "../../api/types";
import { asNumber, rangeText, unitText, valueText, type RangeWords } from "../../format/numbers";
import { t } from "../../text/index.svelte";

export const rangeWords = (): RangeWords => ({
  between: (low, high) => t("range.between", { low, high }),
  below: (limit) => t("range.below", { limit }),
  above: (limit) => t("range.above", { limit }),
});

export const rangeOf = (range: Range | null | undefined): string => rangeText(range, rangeWords());
export const valueOf = (value: string | number | null | undefined): string => valueText(value, rangeWords());
/** A value with its unit, never parted from it. */
export const measured = (value: string | number, unit: string | null | undefined): string => [valueOf(value), unitText(unit)].filter(Boolean).join("\u00a0");

export function limitsOf(range: Range | null | undefined): { low: number | null; high: number | null } | null {
  if (!range) return null;
  const pair = /^([\d.]+)\s*[-–]\s*([\d.]+)$/.exec((range.text ?? "").trim());
  const low = asNumber(range.low) ?? (pair ? asNumber(pair[1]) : null);
  const high = asNumber(range.high) ?? (pair ? asNumber(pair[2]) : null);
  return low === null && high === null ? null : { low, high };
}

export const seriesKey = (series: Pick<ResultSeries, "system" | "code">): string => `${series.system ?? ""}|${series.code}`;

/** What is new between two states of one chart: the series whose latest value is another one. */
export function newResults(before: Chart, after: Chart): ResultSeries[] {
  const known = new Map(before.results.map((r) => [seriesKey(r), r]));
  return after.results.filter((r) => {
    const old = known.get(seriesKey(r));
    return !old || old.latest.at !== r.latest.at || String(old.latest.value) !== String(r.latest.value);
  });
}

/** Numbers of a series, oldest first, for drawing. */
export function numbers(series: ResultSeries): { at: string; value: number }[] {
  return series.series
    .flatMap((p) => {
      const value = asNumber(p.value);
      return value === null ? [] : [{ at: p.at, value }];
    })
    .sort((a, b) => new Date(a.at).getTime() - new Date(b.at).getTime());
}
