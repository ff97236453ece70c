// The product's own words, so that a walk finds a button by what stands on it, in either language.
import { readFileSync } from "node:fs";

const load = (lang) => JSON.parse(readFileSync(new URL(`../../../web-ui/src/text/${lang}.json`, import.meta.url), "utf8"));
const words = { en: load("en"), hi: load("hi") };

/** The text of a key with its parameters filled in. */
export function text(lang, key, params = {}) {
  const found = words[lang][key];
  if (found === undefined) throw new Error(`no text ${key} in ${lang}`);
  return found.replace(/\{(\w+)\}/g, (whole, name) => (name in params ? String(params[name]) : whole));
}
