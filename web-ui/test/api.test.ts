// What the screens believe about the box, held against the box's own description.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
// @ts-expect-error a plain script without types
import { binary, described, typesOf } from "../scripts/api.mjs";

const read = (name: string) => readFileSync(new URL(`../src/api/${name}`, import.meta.url), "utf8");

describe("the description of the interface", () => {
  test("the types are those of the description that is checked in", async () => {
    expect(read("schema.d.ts")).toBe(await typesOf(read("openapi.json")));
  }, 60_000);

  const bin: string | null = binary();
  const built = bin !== null && existsSync(bin);
  if (!built) console.log("no built box found: the description is not held against a running program");
  test.skipIf(!built)("the built box describes the same interface (run `npm run api` when it has changed on purpose)", () => {
    expect(JSON.parse(described(bin))).toEqual(JSON.parse(read("openapi.json")));
  });
});
