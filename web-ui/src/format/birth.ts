// Reads what people type for a birth date or an age: 14/3/68, 14-03-1968, 14 mar 1968, mar 1968, 1968, 58y, 7m,
// 3w, in both languages. Never invents a day. Two-digit years are settled against today and spelled back by the field.
import { civilOf, daysIn, iso, type Civil } from "./dates";

export type Birth =
  | { kind: "date"; date: string; civil: Civil; precision: "day" | "month" | "year" }
  | { kind: "age"; n: number; unit: "years" | "months" | "weeks"; about: number }
  | { kind: "bad"; why: "unclear" | "future" | "noSuchDay" | "tooOld" | "dayOrMonth" };

/** No one alive is older; the field says so instead of storing a slip of the finger. */
const OLDEST_YEARS = 125;

const MONTH_WORDS: readonly (readonly string[])[] = [
  ["jan", "जन"], ["feb", "फर", "फ़र"], ["mar", "मार्च"], ["apr", "अप्र"], ["may", "मई"], ["jun", "जून"],
  ["jul", "जुल"], ["aug", "अग"], ["sep", "सित"], ["oct", "अक्ट", "अक्टू"], ["nov", "नव", "नवं"], ["dec", "दिस", "दिसं"],
];

function monthFromWord(word: string): number {
  const w = word.toLowerCase();
  return MONTH_WORDS.findIndex((names) => names.some((name) => w.startsWith(name))) + 1;
}

/** 68 is 1968 and 24 is 2024 when today is in 2026: the latest year that is not after this one. */
export function fullYear(digits: string, today: Civil): number {
  const n = Number(digits);
  if (digits.length === 4) return n;
  const century = Math.floor(today.year / 100) * 100;
  return century + n <= today.year ? century + n : century - 100 + n;
}

function dated(year: number, month: number, day: number, today: Civil): Birth {
  if (month > 12 || (month > 0 && day > daysIn(year, month))) return { kind: "bad", why: "noSuchDay" };
  const future =
    year > today.year ||
    (year === today.year && (month > today.month || (month === today.month && day > today.day)));
  if (future) return { kind: "bad", why: "future" };
  if (today.year - year > OLDEST_YEARS) return { kind: "bad", why: "tooOld" };
  const civil = { year, month, day };
  return { kind: "date", date: iso(civil), civil, precision: month === 0 ? "year" : day === 0 ? "month" : "day" };
}

function aged(n: number, unit: "years" | "months" | "weeks", today: Civil): Birth {
  const months = unit === "years" ? n * 12 : unit === "months" ? n : Math.floor((n * 7) / 30.44);
  if (months > OLDEST_YEARS * 12) return { kind: "bad", why: "tooOld" };
  const about = Math.floor((today.year * 12 + today.month - 1 - months) / 12);
  return { kind: "age", n, unit, about };
}

/** Latin digits for Devanagari ones, single spaces, trimmed. */
function tidy(text: string): string {
  return text
    .replace(/[०-९]/g, (d) => String(d.charCodeAt(0) - 0x0966))
    .replace(/\s+/g, " ")
    .trim();
}

/** What the text says, or why it cannot be read. Null for an empty field. */
export function readBirth(text: string, now = new Date()): Birth | null {
  const s = tidy(text);
  if (s === "") return null;
  const today = civilOf(now);

  const age = /^(\d{1,3}) ?(y|yr|yrs|year|years|m|mo|mon|month|months|w|wk|wks|week|weeks|वर्ष|साल|व|सा|माह|महीने|महीना|म|हफ़्ते|हफ्ते|सप्ताह|ह)\.?$/i.exec(s);
  if (age) {
    const n = Number(age[1]);
    const u = (age[2] ?? "").toLowerCase();
    const unit = /^(y|व|स(ा|$))/.test(u) && !u.startsWith("सप") ? "years" : /^(m|म)/.test(u) ? "months" : "weeks";
    return aged(n, unit, today);
  }
  const isoDay = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(s);
  if (isoDay) return day(Number(isoDay[1]), isoDay[2], isoDay[3], today);
  const numeric = /^(\d{1,2})[/.\- ](\d{1,2})[/.\- ](\d{4}|\d{2})$/.exec(s);
  if (numeric) return day(fullYear(numeric[3] ?? "", today), numeric[2], numeric[1], today);
  const worded = /^(?:(\d{1,2})[ \-/.]?)?(\p{L}[\p{L}\p{M}]*)\.?[ \-/.,]?(\d{4}|\d{2})$/u.exec(s);
  if (worded) {
    const month = monthFromWord(worded[2] ?? "");
    if (month === 0) return { kind: "bad", why: "unclear" };
    const year = fullYear(worded[3] ?? "", today);
    return worded[1] === undefined ? dated(year, month, 0, today) : day(year, String(month), worded[1], today);
  }
  const monthYear = /^(\d{1,2})[/\-](\d{4})$/.exec(s);
  if (monthYear) return Number(monthYear[1]) < 1 ? { kind: "bad", why: "noSuchDay" } : dated(Number(monthYear[2]), Number(monthYear[1]), 0, today);
  if (/^\d{4}$/.test(s)) return dated(Number(s), 0, 0, today);
  if (/^\d{1,3}$/.test(s)) return { kind: "bad", why: "dayOrMonth" };
  return { kind: "bad", why: "unclear" };
}

function day(year: number, month: string | undefined, dayText: string | undefined, today: Civil): Birth {
  const m = Number(month);
  const d = Number(dayText);
  if (m < 1 || d < 1) return { kind: "bad", why: "noSuchDay" };
  return dated(year, m, d, today);
}
