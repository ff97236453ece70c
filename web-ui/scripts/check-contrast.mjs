// Reads the shipped tokens and checks the WCAG contrast of every colour pair that the interface uses, in both
// themes. Part of the build: a pair below 4.5:1 for text or 3:1 for edges and marks stops it. `--all` prints all.
import { readFileSync } from "node:fs";

const css = readFileSync(new URL("../src/style/tokens.css", import.meta.url), "utf8");

function colours(selector) {
  const start = css.indexOf(selector);
  if (start < 0) throw new Error(`tokens.css has no block ${selector}`);
  const body = css.slice(start, css.indexOf("}", start));
  return Object.fromEntries([...body.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/gi)].map((m) => [m[1], m[2]]));
}

const light = colours(":root {");
const themes = { light, dark: { ...light, ...colours(':root[data-theme="dark"]') } };

function luminance(hex) {
  const channel = (at) => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}
function ratio(a, b) {
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (hi + 0.05) / (lo + 0.05);
}
const cross = (fronts, backs) => backs.flatMap((b) => fronts.map((f) => [f, b]));

const text = [
  ...cross(["ink", "ink-2", "ink-3", "action", "crit", "warn", "ok", "sys", "seal"], ["canvas", "surface", "sunken", "hover"]),
  ...cross(["ink", "ink-2"], ["action-soft", "band", "crit-soft", "warn-soft"]),
  ...cross(["ink"], ["sys-soft", "ok-soft", "seal-soft"]),
  ...cross(["on-action"], ["action", "action-hover"]),
  ...cross(["on-bar", "on-bar-2"], ["bar", "bar-field"]),
  ...["action", "ok", "sys", "seal", "crit", "warn"].map((r) => [`on-${r}-soft`, `${r}-soft`]),
  ["on-crit", "crit-solid"],
  ["on-warn", "warn-solid"],
  ["warn", "action-soft"],
  ["crit", "action-soft"],
  ["surface", "sys"],
];
const edge = [
  ...cross(["control", "focus", "chart-1", "chart-2", "chart-3"], ["canvas", "surface", "sunken"]),
  ...cross(["chart-1", "chart-2", "chart-3", "crit"], ["band"]),
  ["control", "hover"],
  ["crit-solid", "canvas"],
  ["crit-solid", "surface"],
  ["crit", "crit-soft"],
  ["warn", "warn-soft"],
  ["focus", "action-soft"],
  ["on-bar", "bar"],
];

let failed = 0;
for (const [theme, tokens] of Object.entries(themes)) {
  for (const [kind, pairs, limit] of [["text", text, 4.5], ["edge", edge, 3]]) {
    const rows = pairs.map(([f, b]) => {
      if (!tokens[f] || !tokens[b]) throw new Error(`no token ${f} or ${b}`);
      return [f, b, ratio(tokens[f], tokens[b])];
    });
    rows.sort((x, y) => x[2] - y[2]);
    for (const [f, b, r] of rows) {
      if (r < limit) failed++;
      if (r < limit || process.argv.includes("--all")) console.log(r < limit ? "FAIL" : "ok  ", theme, kind, f, "on", b, r.toFixed(2));
    }
    const [f, b, r] = rows[0];
    console.log(`${theme} ${kind}: ${rows.length} pairs, lowest ${r.toFixed(2)} (${f} on ${b})`);
  }
}
process.exit(failed ? 1 : 0);
