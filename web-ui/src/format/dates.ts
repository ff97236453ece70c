// Dates and times as the clinic reads them: dd-Mmm-yyyy, 24-hour hh:mm, months as words in both languages, and
// relative distance only as an extra. Partial dates (2019, 2019-03) stay partial.
import type { Lang } from "../text/index.svelte";

const MONTHS: Record<Lang, readonly string[]> = {
  en: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
  hi: ["जन", "फ़र", "मार्च", "अप्रै", "मई", "जून", "जुला", "अग", "सितं", "अक्टू", "नवं", "दिसं"],
};
const WEEKDAYS: Record<Lang, readonly string[]> = {
  en: ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
  hi: ["रवि", "सोम", "मंगल", "बुध", "गुरु", "शुक्र", "शनि"],
};

export interface Civil {
  year: number;
  /** 1 to 12; 0 when not known. */
  month: number;
  /** 1 to 31; 0 when not known. */
  day: number;
}

export function monthName(month: number, lang: Lang): string {
  return MONTHS[lang][month - 1] ?? "";
}

const two = (n: number): string => String(n).padStart(2, "0");

/** Reads `yyyy`, `yyyy-mm`, `yyyy-mm-dd`; null for anything else and for days that do not exist. */
export function civil(text: string): Civil | null {
  const m = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$/.exec(text);
  if (!m) return null;
  const year = Number(m[1]);
  const month = Number(m[2] ?? 0);
  const day = Number(m[3] ?? 0);
  if (month > 12 || (m[2] !== undefined && month < 1)) return null;
  if (m[3] !== undefined && (day < 1 || day > daysIn(year, month))) return null;
  return { year, month, day };
}

export function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

export function iso(c: Civil): string {
  const year = String(c.year).padStart(4, "0");
  return c.month === 0 ? year : c.day === 0 ? `${year}-${two(c.month)}` : `${year}-${two(c.month)}-${two(c.day)}`;
}

/** The calendar day of an instant where this browser is. */
export function civilOf(at: Date): Civil {
  return { year: at.getFullYear(), month: at.getMonth() + 1, day: at.getDate() };
}

/** A day as the clinic writes it: 21-Nov-2026, Nov-2026 or 2026, as precise as it is known. */
export function showCivil(c: Civil, lang: Lang): string {
  if (c.month === 0) return String(c.year);
  if (c.day === 0) return `${monthName(c.month, lang)}-${c.year}`;
  return `${two(c.day)}-${monthName(c.month, lang)}-${c.year}`;
}

/** A FHIR date or instant as a day. What cannot be read is shown as it is. */
export function day(text: string | null | undefined, lang: Lang): string {
  if (!text) return "";
  const plain = civil(text);
  if (plain) return showCivil(plain, lang);
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : showCivil(civilOf(at), lang);
}

/** 24-hour time of an instant; empty for a plain date. */
export function time(text: string | null | undefined, seconds = false): string {
  if (!text || !text.includes("T")) return "";
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return "";
  const hm = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return seconds ? `${hm}:${two(at.getSeconds())}` : hm;
}

/** Day and time together: 21-Nov-2026 11:38. */
export function stamp(text: string | null | undefined, lang: Lang, seconds = false): string {
  return [day(text, lang), time(text, seconds)].filter(Boolean).join(" ");
}

/** The strip's clock: Sat 21-Nov-2026, 11:46. */
export function clock(at: Date, lang: Lang): string {
  return `${WEEKDAYS[lang][at.getDay()]} ${showCivil(civilOf(at), lang)}, ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** A text of the box in which ISO dates and instants are written as the clinic writes them. */
export function inWords(text: string, lang: Lang): string {
  return text.replace(/\b\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?/g, (iso) => stamp(iso, lang) || iso);
}

export function sameDay(text: string, now: Date): boolean {
  const plain = civil(text);
  const then = plain ?? (Number.isNaN(new Date(text).getTime()) ? null : civilOf(new Date(text)));
  const today = civilOf(now);
  return then !== null && then.year === today.year && then.month === today.month && then.day === today.day;
}

export type Distance = { unit: "today" } | { unit: "day" | "week" | "month" | "year"; n: number; past: boolean };

/** How far a day lies from now, in the one unit that people use for it. */
export function distance(text: string, now: Date): Distance | null {
  const plain = civil(text);
  const then = plain ? new Date(plain.year, Math.max(plain.month, 1) - 1, Math.max(plain.day, 1)) : new Date(text);
  if (Number.isNaN(then.getTime())) return null;
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const other = new Date(then.getFullYear(), then.getMonth(), then.getDate());
  const days = Math.round((today.getTime() - other.getTime()) / 86_400_000);
  const n = Math.abs(days);
  const past = days > 0;
  if (n === 0) return { unit: "today" };
  if (n < 14) return { unit: "day", n, past };
  if (n < 61) return { unit: "week", n: Math.floor(n / 7), past };
  if (n < 365) return { unit: "month", n: Math.floor(n / 30.44), past };
  return { unit: "year", n: Math.floor(n / 365.25) || 1, past };
}
