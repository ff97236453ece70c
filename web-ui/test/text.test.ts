import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import en from "../src/text/en.json";
import hi from "../src/text/hi.json";
import { fill, runs } from "../src/text/index.svelte";

const holes = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();

describe("the catalogue", () => {
  test("both languages have the same keys", () => expect(Object.keys(hi).sort()).toEqual(Object.keys(en).sort()));
  test("both languages fill the same places", () => {
    for (const [key, text] of Object.entries(en)) expect([key, holes((hi as Record<string, string>)[key] ?? "")]).toEqual([key, holes(text)]);
  });
  test("no key stands twice in a file", () => {
    for (const name of ["en", "hi"]) {
      const raw = readFileSync(new URL(`../src/text/${name}.json`, import.meta.url), "utf8");
      const keys = [...raw.matchAll(/^ {2}"([^"]+)":/gm)].map((m) => m[1]);
      expect(new Set(keys).size).toBe(keys.length);
    }
  });
  test("every plural has both forms", () => {
    for (const key of Object.keys(en)) if (key.endsWith(".one")) expect(Object.keys(en)).toContain(key.replace(/one$/, "other"));
  });
  test("the voice keeps its rules", () => {
    for (const text of Object.values(en)) expect(text).not.toMatch(/\b(oops|please|successfully|sync|payload)\b|!/i);
  });
  test("Hindi is Hindi", () => {
    const plain = Object.entries(hi).filter(([key, text]) => !/[\u0900-\u097F]/.test(text) && /[A-Za-z]{3}/.test(((en as Record<string, string>)[key] ?? "").replace(/\{\w+\}/g, "")));
    expect(plain.map(([key]) => key)).toEqual([]);
  });
});

test("an unknown parameter stays visible", () => expect(fill("{n} of {all}", { n: 2 })).toBe("2 of {all}"));
test("a text is cut into runs and slots", () =>
  expect(runs("*Nothing is lost.* {who} waits")).toEqual([{ kind: "strong", value: "Nothing is lost." }, { kind: "text", value: " " }, { kind: "slot", value: "who" }, { kind: "text", value: " waits" }]));
