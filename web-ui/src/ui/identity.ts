// The words of an identity: age, sex, number. One place, so that they never drift apart.
import { ageNow } from "../format/age";
import { day } from "../format/dates";
import { lang, t, tn } from "../text/index.svelte";
import type { Identity } from "../api/types";

export function ageText(patient: Pick<Identity, "birthDate">, now?: Date): string {
  const age = ageNow(patient.birthDate, now);
  if (!age) return t("age.unknown");
  const key = { y: "age.y", m: "age.m", w: "age.w", d: "age.d" } as const;
  return t(key[age.unit], { n: age.n });
}

export function sexText(sex: Identity["sex"]): string {
  return t(`sex.${sex}`);
}

export function bornText(patient: Identity): string {
  if (!patient.birthDate) return t("born.unknown");
  const precision = patient.birthPrecision;
  if (precision === "year") return t("born.about", { year: patient.birthDate.slice(0, 4) });
  return t("born.on", { date: day(precision === "month" ? patient.birthDate.slice(0, 7) : patient.birthDate, lang()) });
}

/** "58 y, F, NC-004218" */
export function facts(patient: Identity, now?: Date): string {
  return [ageText(patient, now), sexText(patient.sex), patient.number].filter(Boolean).join(", ");
}

/** The whole identity as one plain string, for labels and titles that cannot hold markup. */
export function spoken(patient: Identity): string {
  return `${patient.name}, ${facts(patient)}`;
}

/** The script a name is written in, for its lang attribute. */
export function nameLang(name: string, given?: string | null): string | undefined {
  if (given) return given;
  if (/[\u0900-\u097F]/.test(name)) return "hi";
  if (/[\u0B80-\u0BFF]/.test(name)) return "ta";
  if (/[\u0C00-\u0C7F]/.test(name)) return "te";
  if (/[\u0C80-\u0CFF]/.test(name)) return "kn";
  if (/[\u0D00-\u0D7F]/.test(name)) return "ml";
  if (/[\u0980-\u09FF]/.test(name)) return "bn";
  if (/[\u0A80-\u0AFF]/.test(name)) return "gu";
  if (/[\u0A00-\u0A7F]/.test(name)) return "pa";
  if (/[\u0B00-\u0B7F]/.test(name)) return "or";
  return /[A-Za-z]/.test(name) ? "en" : undefined;
}

/** How far a day is from now, in words; empty for today. */
export function distanceText(d: import("../format/dates").Distance | null): string {
  if (!d) return "";
  if (d.unit === "today") return t("ago.today");
  if (!d.past) return tn(`ahead.${d.unit}`, d.n);
  return tn(`ago.${d.unit}`, d.n);
}
