// Walks through the product in headless Chromium, as a clinic does. Each file in walks/ exports `walks`, pairs of a
// name and a function; a walk gets the browser and fails by throwing. Ends with `N passed, N failed`.
// usage: node run.mjs [part of a file's name]
import { readdirSync } from "node:fs";
import { chromium } from "playwright-core";

const only = process.argv[2] ?? "";
const files = readdirSync(new URL("walks/", import.meta.url)).filter((name) => name.endsWith(".mjs") && name.includes(only)).sort();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
});
let passed = 0;
let failed = 0;
for (const file of files) {
  const { walks } = await import(new URL(`walks/${file}`, import.meta.url));
  for (const [name, walk] of walks) {
    const began = Date.now();
    try {
      await walk(browser);
      passed++;
      console.log(`ok   ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${name}\n    ${String(error?.stack ?? error).split("\n").slice(0, 40).join("\n    ")}`);
    }
  }
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
