// Finds the parts of a clinical sentence that must not break: dates, doses like 1-0-1, numbers with their unit.

const WHOLE = new RegExp(
  [
    String.raw`\d{1,2}-[\p{L}\p{M}]{2,6}-\d{4}(?:,? \d{1,2}:\d{2})?`,
    String.raw`\d+(?:½|\.\d+)?(?:-(?:\d+(?:\.\d+)?|½)){2,3}`,
    String.raw`\d[\d.,/]*[ \u00a0](?:%|°C|mm?Hg|mmol/L|mcg(?:/\w+)?|mg(?:/\w+)?|g(?:/\w+)?|kg(?:/m2)?|mL|L|units(?:/L)?|/min|cm|mm)(?![\p{L}\p{M}])`,
  ].join("|"),
  "gu",
);

export function pieces(text: string): { text: string; whole: boolean }[] {
  const out: { text: string; whole: boolean }[] = [];
  let at = 0;
  for (const match of text.matchAll(WHOLE)) {
    if (match.index > at) out.push({ text: text.slice(at, match.index), whole: false });
    out.push({ text: match[0], whole: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) out.push({ text: text.slice(at), whole: false });
  return out;
}
