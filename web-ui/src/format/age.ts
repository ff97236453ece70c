// Age from a birth date and its precision. Under 2 years in months, under 2 months in weeks, under 2 weeks in days,
// as a clinic says it; nothing is invented when only the year is known.
import { civil, civilOf, type Civil } from "./dates";

export interface Age {
  n: number;
  unit: "y" | "m" | "w" | "d";
  /** True when the birth date is only known to the year or month. */
  about: boolean;
}

export function ageOn(birthDate: string, on: Civil): Age | null {
  const born = civil(birthDate);
  if (!born) return null;
  const about = born.month === 0 || born.day === 0;
  const month = born.month || 1;
  const day = born.day || 1;
  let months = (on.year - born.year) * 12 + on.month - month;
  if (on.day < day) months -= 1;
  if (born.month === 0) {
    const years = on.year - born.year;
    return years < 0 ? null : { n: years, unit: "y", about };
  }
  if (months < 0) return null;
  if (months >= 24) return { n: Math.floor(months / 12), unit: "y", about };
  if (months >= 2) return { n: months, unit: "m", about };
  const days = Math.round((Date.UTC(on.year, on.month - 1, on.day) - Date.UTC(born.year, month - 1, day)) / 86_400_000);
  return days >= 14 ? { n: Math.floor(days / 7), unit: "w", about } : { n: days, unit: "d", about };
}

export function ageNow(birthDate: string | null | undefined, now = new Date()): Age | null {
  return birthDate ? ageOn(birthDate, civilOf(now)) : null;
}
