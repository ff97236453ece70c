// Numbers as the clinical rules want them: a leading zero, no trailing zero, Indian grouping, words instead of
// `<` and `>`, phones as 5 + 5 digits. Text that is not a number passes through untouched.

/** 6.10 becomes 6.1, .5 becomes 0.5, 1000000 becomes 10,00,000; the digits themselves are never rounded. */
export function clinicalNumber(value: string | number): string {
  const text = String(value).trim();
  const m = /^([+-]?)(\d*)(?:\.(\d+))?$/.exec(text);
  if (!m || (m[2] === "" && m[3] === undefined)) return text;
  const sign = m[1] === "-" ? "-" : "";
  const whole = (m[2] ?? "").replace(/^0+(?=\d)/, "") || "0";
  const fraction = (m[3] ?? "").replace(/0+$/, "");
  return sign + grouped(whole) + (fraction ? `.${fraction}` : "");
}

function grouped(digits: string): string {
  if (digits.length <= 3) return digits;
  return digits.slice(0, -3).replace(/\B(?=(\d{2})+$)/g, ",") + "," + digits.slice(-3);
}

export interface RangeWords {
  between: (low: string, high: string) => string;
  below: (limit: string) => string;
  above: (limit: string) => string;
}

/** A reference range in words: "3.5 to 5.1", "below 100"; the sender's own text when it has no numbers. */
export function rangeText(range: { low?: number | string | null; high?: number | string | null; text?: string | null } | null | undefined, words: RangeWords): string {
  if (!range) return "";
  const low = range.low ?? null;
  const high = range.high ?? null;
  if (low !== null && high !== null) return words.between(clinicalNumber(low), clinicalNumber(high));
  if (high !== null) return words.below(clinicalNumber(high));
  if (low !== null) return words.above(clinicalNumber(low));
  const text = (range.text ?? "").trim();
  const pair = /^([\d.]+)\s*[-–]\s*([\d.]+)$/.exec(text);
  if (pair) return words.between(clinicalNumber(pair[1] ?? ""), clinicalNumber(pair[2] ?? ""));
  const limit = /^([<>])=?\s*([\d.]+)$/.exec(text);
  if (limit) return (limit[1] === "<" ? words.below : words.above)(clinicalNumber(limit[2] ?? ""));
  return text;
}

/** A result value; "<0.01" is said as "below 0.01". */
export function valueText(value: string | number | null | undefined, words: RangeWords): string {
  if (value === null || value === undefined) return "";
  const limit = /^\s*([<>])=?\s*([\d.]+)\s*$/.exec(String(value));
  if (limit) return (limit[1] === "<" ? words.below : words.above)(clinicalNumber(limit[2] ?? ""));
  return clinicalNumber(value);
}

/** The plain number behind a value, for charts; null for words and limits. */
export function asNumber(value: string | number | null | undefined): number | null {
  if (value === null || value === undefined || String(value).trim() === "") return null;
  const n = Number(value);
  return Number.isFinite(n) ? n : null;
}

const UNITS: Record<string, string> = { ug: "mcg", "µg": "mcg", "μg": "mcg", "ug/L": "mcg/L", "ug/dL": "mcg/dL", "[iU]/L": "units/L", "U/L": "units/L", "IU/L": "units/L", "mm[Hg]": "mmHg", "{score}": "", "1": "", "Cel": "°C", "/min": "/min", ml: "mL", "10*3/uL": "10³/µL", "10*3/µL": "10³/µL", "10*6/uL": "10⁶/µL", "10*6/µL": "10⁶/µL", "10*9/L": "10⁹/L", "10*12/L": "10¹²/L", "kg/m2": "kg/m²" };

/** UCUM and sender units as staff write them: mcg, mL, units; never a symbol that can be misread. */
export function unitText(unit: string | null | undefined): string {
  if (!unit) return "";
  return UNITS[unit] ?? unit.replace(/[µμ]g/g, "mcg").replace(/\bml\b/g, "mL").replace(/\bdl\b/g, "dL");
}

/** Ten Indian digits as 70000 41207; any other number keeps its digits and country code. */
export function phoneText(phone: string | null | undefined): string {
  if (!phone) return "";
  const digits = phone.replace(/\D/g, "");
  const local = digits.length === 12 && digits.startsWith("91") ? digits.slice(2) : digits.length === 11 && digits.startsWith("0") ? digits.slice(1) : digits;
  return local.length === 10 ? `${local.slice(0, 5)} ${local.slice(5)}` : phone;
}

export function phoneDigits(text: string): string {
  const digits = text.replace(/[०-९]/g, (d) => String(d.charCodeAt(0) - 0x0966)).replace(/\D/g, "");
  return digits.length === 12 && digits.startsWith("91") ? digits.slice(2) : digits.length === 11 && digits.startsWith("0") ? digits.slice(1) : digits;
}
