// The typed text catalogue: one JSON per language, `Key` is the union of all keys, and a language that lacks one
// does not compile. Owns the current language; leaves dates and numbers to format/.
import type en from "./en.json";

export type Key = keyof typeof en;
export type Catalogue = Record<Key, string>;
export type Lang = "en" | "hi";
export type Params = Record<string, string | number>;

export const LANGS: { id: Lang; name: string }[] = [
  { id: "en", name: "English" },
  { id: "hi", name: "हिन्दी" },
];

const loaders: Record<Lang, () => Promise<Catalogue>> = {
  en: () => import("./en.json").then((m) => m.default),
  hi: () => import("./hi.json").then((m) => m.default),
};

const current = $state<{ lang: Lang; words: Catalogue | null }>({ lang: "en", words: null });

export function lang(): Lang {
  return current.lang;
}

export function isLang(text: string | null | undefined): text is Lang {
  return text === "en" || text === "hi";
}

/** Loads a language and makes it current; the page keeps the old one until the new one is there. */
export async function useLang(next: Lang): Promise<void> {
  const words = await loaders[next]();
  current.lang = next;
  current.words = words;
  if (typeof document !== "undefined") document.documentElement.lang = next;
}

/** Puts `{name}` parameters into a text. Unknown parameters stay visible, so a mistake is seen. */
export function fill(text: string, params?: Params): string {
  if (!params) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole));
}

/** The text of a key in the current language. */
export function t(key: Key, params?: Params): string {
  return fill(current.words?.[key] ?? key, params);
}

type Plural = Key extends infer K ? (K extends `${infer Base}.one` ? Base : never) : never;

/** A text that depends on a count: keys `base.one` and `base.other`; `{n}` is the count in Indian grouping. */
export function tn(base: Plural, n: number, params?: Params): string {
  const form = new Intl.PluralRules(current.lang).select(n) === "one" ? "one" : "other";
  return t(`${base}.${form}` as Key, { n: new Intl.NumberFormat("en-IN").format(n), ...params });
}

/** A key that came from the box: its text, or the fallback when this version has no words for it. */
export function told(key: string, fallback: string, params?: Params): string {
  const text = (current.words as Record<string, string> | null)?.[key];
  return text === undefined ? fallback : fill(text, params);
}

/** Splits a text into plain and *strong* runs and `{slot}` places, for sentences that carry a component. */
export function runs(text: string): { kind: "text" | "strong" | "slot"; value: string }[] {
  return text
    .split(/(\*[^*]+\*|\{\w+\})/)
    .filter((part) => part !== "")
    .map((part) =>
      part.startsWith("*") && part.endsWith("*") && part.length > 2
        ? { kind: "strong", value: part.slice(1, -1) }
        : /^\{\w+\}$/.test(part)
          ? { kind: "slot", value: part.slice(1, -1) }
          : { kind: "text", value: part },
    );
}
