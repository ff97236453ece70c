import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const src = fileURLToPath(new URL("../src/", import.meta.url));
const css = readFileSync(join(src, "style/tokens.css"), "utf8");

function block(start: string): string {
  const at = css.indexOf(start);
  expect(at).toBeGreaterThan(0);
  return css.slice(css.indexOf("{", at) + 1, css.indexOf("}", at)).replace(/\s+/g, " ").trim();
}
function sources(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => (statSync(join(dir, name)).isDirectory() ? sources(join(dir, name)) : [join(dir, name)]));
}

test("dark by choice and dark by the system are the same dark", () => expect(block(':root:not([data-theme="light"])')).toBe(block(':root[data-theme="dark"]')));
test("no colour value stands outside the tokens", () => {
  const loose = sources(src).filter((path) => /\.(svelte|css|ts)$/.test(path) && !path.endsWith("tokens.css") && /#[0-9a-f]{6}\b|#[0-9a-f]{3};/i.test(readFileSync(path, "utf8")));
  expect(loose).toEqual([]);
});
test("no style attribute and no raw markup: the page's policy would block them", () => {
  const bad = sources(src).filter((path) => path.endsWith(".svelte") && /\sstyle="|\{@html/.test(readFileSync(path, "utf8")));
  expect(bad).toEqual([]);
});
