// The arithmetic of the charts, apart from the drawing: scales, fixed clinical limits, marks that do not collide.

export interface Span {
  low: number;
  high: number;
}

/** Maps a value of `from` onto `to`; a span without width maps to the middle. */
export function linear(from: Span, to: Span): (value: number) => number {
  const width = from.high - from.low;
  return (value) => (width === 0 ? (to.low + to.high) / 2 : to.low + ((value - from.low) / width) * (to.high - to.low));
}

/** Axis limits that stay the same between two visits, by LOINC code. Widened only when a value lies outside. */
const CLINICAL: Record<string, Span> = {
  "2823-3": { low: 2, high: 7 },
  "2951-2": { low: 115, high: 160 },
  "4548-4": { low: 4, high: 14 },
  "1558-6": { low: 40, high: 300 },
  "2345-7": { low: 40, high: 400 },
  "2339-0": { low: 40, high: 400 },
  "2160-0": { low: 0, high: 5 },
  "718-7": { low: 4, high: 20 },
  "13457-7": { low: 0, high: 250 },
  "2089-1": { low: 0, high: 250 },
  "2093-3": { low: 0, high: 350 },
  "3016-3": { low: 0, high: 20 },
  "777-3": { low: 0, high: 500 },
  "6690-2": { low: 0, high: 30 },
  "29463-7": { low: 0, high: 150 },
  "8867-4": { low: 30, high: 200 },
  "8310-5": { low: 34, high: 42 },
  "59408-5": { low: 70, high: 100 },
};

/** Limits for a trend: the clinical ones where known, else the normal range with as much again on both sides. */
export function limits(code: string, range: { low?: number | null; high?: number | null } | null, values: number[]): Span {
  const fixed = CLINICAL[code];
  const low = range?.low ?? null;
  const high = range?.high ?? null;
  const width = low !== null && high !== null ? high - low : high !== null ? high * 0.6 : low !== null ? low * 0.6 : 0;
  const base = fixed ?? (width > 0 ? { low: Math.max(0, (low ?? (high ?? 0) - width) - width), high: (high ?? (low ?? 0) + width) + width } : null);
  const all = base ? [base.low, base.high, ...values] : values;
  const span = { low: Math.min(...all), high: Math.max(...all) };
  if (base) return span;
  const room = (span.high - span.low || Math.abs(span.high) || 1) * 0.2;
  return { low: span.low - room, high: span.high + room };
}

/** Limits for a sparkline: its own values and the normal range, with a little air. */
export function sparkLimits(values: number[], range: { low?: number | null; high?: number | null } | null): Span {
  const all = [...values, ...[range?.low, range?.high].filter((n): n is number => typeof n === "number")];
  const low = Math.min(...all);
  const high = Math.max(...all);
  const air = (high - low || Math.abs(high) || 1) * 0.12;
  return { low: low - air, high: high + air };
}

/** Few round numbers across a span, both ends inside. */
export function ticks(span: Span, wanted = 4): number[] {
  const raw = (span.high - span.low) / wanted;
  if (!(raw > 0)) return [span.low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  const out: number[] = [];
  for (let n = Math.ceil(span.low / step); n * step <= span.high + step * 1e-9; n++) out.push(Number((n * step).toPrecision(12)));
  return out;
}

/** Time to scale, but marks at least `gap` apart so that their printed values can be read; order is kept. */
export function places(times: number[], to: Span, gap: number): number[] {
  const n = times.length;
  if (n === 0) return [];
  if (n === 1) return [(to.low + to.high) / 2];
  const width = to.high - to.low;
  if ((n - 1) * gap >= width) return times.map((_, i) => to.low + (width * i) / (n - 1));
  const scale = linear({ low: times[0] ?? 0, high: times[n - 1] ?? 0 }, to);
  const at = times.map(scale);
  for (let i = 1; i < n; i++) at[i] = Math.max(at[i] ?? 0, (at[i - 1] ?? 0) + gap);
  for (let i = n - 1; i >= 0; i--) at[i] = Math.min(at[i] ?? 0, to.high - (n - 1 - i) * gap);
  return at;
}

export type Drift = "rising" | "falling" | "steady";

/** Where the last values go, against the spread of the normal range: below a tenth of it is steady. */
export function drift(values: number[], range: { low?: number | null; high?: number | null } | null): Drift {
  const last = values.at(-1);
  const before = values.at(-2);
  if (last === undefined || before === undefined) return "steady";
  const spread = typeof range?.low === "number" && typeof range.high === "number" ? range.high - range.low : Math.abs(before);
  const change = last - before;
  return Math.abs(change) <= spread * 0.1 ? "steady" : change > 0 ? "rising" : "falling";
}

/** Which side of the range a value lies on. */
export function side(value: number, range: { low?: number | null; high?: number | null } | null): "in" | "high" | "low" {
  if (typeof range?.high === "number" && value > range.high) return "high";
  if (typeof range?.low === "number" && value < range.low) return "low";
  return "in";
}
