// Finds the parts of a clinical sentence that must not break: dates, doses like 1-0-1, numbers with their unit; and the
// flags that the box writes as "▲ H", which the page draws as flags. A number before a unit loses trailing zeros.
import { clinicalNumber } from "./numbers";

export interface Piece {
  text: string;
  whole: boolean;
  flag?: "H" | "L" | "HH" | "LL";
}

const UNIT = String.raw`(?:%|°C|mm?Hg|mmol/L|mcg(?:/\w+)?|mg(?:/\w+)?|g(?:/\w+)?|kg(?:/m[2²])?|mL|L|units(?:/L)?|/min|cm|mm)(?![\p{L}\p{M}])`;
const WHOLE = new RegExp(
  [
    String.raw`[▲▼] ?(?<letters>HH|LL|H|L)\b(?: (?<flagged>\d[\d.,/]*)(?:[ \u00a0]?(?<of>${UNIT}))?)?`,
    String.raw`\d{1,2}-[\p{L}\p{M}]{2,6}-\d{4}(?:,? \d{1,2}:\d{2})?`,
    String.raw`\d+(?:½|\.\d+)?(?:-(?:\d+(?:\.\d+)?|½)){2,3}`,
    String.raw`(?<number>\d[\d.,/]*)[ \u00a0]?(?<unit>${UNIT})`,
  ].join("|"),
  "gu",
);

/** 29.0 is 29; pairs like 152/94 stay as they are. */
const plain = (number: string): string => (/^\d+\.\d+$/.test(number) ? clinicalNumber(number) : number);

export function pieces(text: string): Piece[] {
  const out: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(WHOLE)) {
    if (match.index > at) out.push({ text: text.slice(at, match.index), whole: false });
    const { letters, flagged, of, number, unit } = match.groups ?? {};
    if (letters) out.push({ text: flagged ? [plain(flagged), of].filter(Boolean).join(" ") : "", whole: true, flag: letters as "H" | "L" | "HH" | "LL" });
    else if (number && unit && /^\d+\.\d*0$/.test(number)) out.push({ text: match[0].replace(number, plain(number)), whole: true });
    else out.push({ text: match[0], whole: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) out.push({ text: text.slice(at), whole: false });
  return out;
}
