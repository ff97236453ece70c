// Dates and times as the clinic reads them: dd-Mmm-yyyy, 24-hour hh:mm, months as words in both languages, and
// relative distance only as an extra. Partial dates (2019, 2019-03) stay partial. Instants are shown in the clinic's
// time zone, wherever the browser is and whatever its own clock is set to.
import type { Lang } from "../text/index.svelte";

const MONTHS: Record<Lang, readonly string[]> = {
  en: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
  hi: ["जन", "फ़र", "मार्च", "अप्रै", "मई", "जून", "जुला", "अग", "सितं", "अक्टू", "नवं", "दिसं"],
};
const WEEKDAYS: Record<Lang, readonly string[]> = {
  en: ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
  hi: ["रवि", "सोम", "मंगल", "बुध", "गुरु", "शुक्र", "शनि"],
};

/** An instant on the clinic's wall: calendar day, day of the week (0 is Sunday), time of day. */
interface Wall extends Civil {
  weekday: number;
  hour: number;
  minute: number;
  second: number;
}

let wallClock = clockIn(undefined);

function clockIn(zone: string | undefined): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en", { timeZone: zone, calendar: "gregory", numberingSystem: "latn", hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
}

/** Shows every instant in this zone from now on (an IANA name). The browser's own zone stands until the box has said
 * which one it is, and for a name that the browser does not know. */
export function useZone(zone: string | undefined): void {
  try {
    wallClock = clockIn(zone);
  } catch {
    wallClock = clockIn(undefined);
  }
}

function wall(at: Date): Wall {
  const part: Record<string, number> = {};
  for (const { type, value } of wallClock.formatToParts(at)) part[type] = Number(value);
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = part;
  return { year, month, day, weekday: new Date(Date.UTC(year, month - 1, day)).getUTCDay(), hour, minute, second };
}

/** The instant at which a day begins where the clinic is; null for what is no whole day. */
export function startOf(text: string): string | null {
  const of = civil(text);
  if (!of || of.day === 0) return null;
  const midnight = Date.UTC(of.year, of.month - 1, of.day);
  const shown = wall(new Date(midnight));
  const ahead = Date.UTC(shown.year, shown.month - 1, shown.day, shown.hour, shown.minute, shown.second) - midnight;
  return new Date(midnight - ahead).toISOString().replace(".000Z", "Z");
}

/** Days since 1970-01-01; an unknown month or day counts as the first. */
function dayNumber(c: Civil): number {
  return Date.UTC(c.year, Math.max(c.month, 1) - 1, Math.max(c.day, 1)) / 86_400_000;
}

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

/** The calendar day of an instant where the clinic is. */
export function civilOf(at: Date): Civil {
  const { year, month, day } = wall(at);
  return { year, month, day };
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
  const { hour, minute, second } = wall(at);
  const hm = `${two(hour)}:${two(minute)}`;
  return seconds ? `${hm}:${two(second)}` : hm;
}

/** Day and time together: 21-Nov-2026 11:38. */
export function stamp(text: string | null | undefined, lang: Lang, seconds = false): string {
  return [day(text, lang), time(text, seconds)].filter(Boolean).join(" ");
}

/** The strip's clock: Sat 21-Nov-2026, 11:46. */
export function clock(at: Date, lang: Lang): string {
  const now = wall(at);
  return `${WEEKDAYS[lang][now.weekday]} ${showCivil(now, lang)}, ${two(now.hour)}:${two(now.minute)}`;
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
  const at = new Date(text);
  if (!plain && Number.isNaN(at.getTime())) return null;
  const days = dayNumber(civilOf(now)) - dayNumber(plain ?? civilOf(at));
  const n = Math.abs(days);
  const past = days > 0;
  if (n === 0) return { unit: "today" };
  if (n < 14) return { unit: "day", n, past };
  if (n < 61) return { unit: "week", n: Math.floor(n / 7), past };
  if (n < 365) return { unit: "month", n: Math.floor(n / 30.44), past };
  return { unit: "year", n: Math.floor(n / 365.25) || 1, past };
}
