// Pictures of the screens against the fixture server, for laying beside the design: 1366x768 and 360x740, light,
// dark, Hindi; and an axe run on each. Usage: node scripts/shots.mjs [scene…]. Writes shots/ (ignored by git).
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { scenes } from "./scenes.mjs";

const out = new URL("../shots/", import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const wanted = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
let port = 5300;
let bad = 0;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

for (const scene of scenes) {
  if (wanted.length && !wanted.some((w) => scene.name.includes(w))) continue;
  port += 1;
  const server = spawn("node", [new URL("../dev/server.mjs", import.meta.url).pathname], { env: { ...process.env, FIXTURE_PORT: String(port), FIXTURE_STATE: scene.state ?? "ready", FIXTURE_ROLE: scene.role ?? "doctor" }, stdio: ["ignore", "pipe", "ignore"] });
  await new Promise((ready) => server.stdout.once("data", ready));
  const small = scene.phone === true;
  const page = await browser.newPage({ viewport: small ? { width: 360, height: 740 } : { width: 1366, height: 768 }, colorScheme: scene.dark ? "dark" : "light", hasTouch: small, isMobile: small, locale: scene.hindi ? "hi-IN" : "en-IN", timezoneId: "Asia/Kolkata" });
  const said = [];
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && !/WebSocket|40[13]/.test(m.text()) && said.push(m.text()));
  page.on("pageerror", (e) => said.push(String(e)));
  page.setDefaultTimeout(20000);
  try {
    const base = `http://127.0.0.1:${port}`;
    if (scene.signedIn !== false) await page.request.post(`${base}/api/login`, { headers: { "x-clinicvault": "1" }, data: { username: scene.role ?? "doctor", password: "x" } });
    await page.goto(base + (scene.path ?? "/"));
    await page.waitForSelector("h1:visible, h2:visible, .pane:visible");
    await scene.act?.(page);
    await pause(350);
    await page.screenshot({ path: `${out}${scene.name}.png` });
    const found = await page.evaluate(`(() => { ${axe}; return axe.run({ runOnly: ["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"] }).then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.target.join(" ")).slice(0,4).join(" | "))); })()`).catch((e) => ["axe did not run: " + String(e).slice(0, 120)]);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) said.push(`page is ${wide} px wider than the screen`);
    for (const line of [...said, ...found]) { bad += 1; console.log(scene.name, "-", line); }
  } catch (error) {
    bad += 1;
    console.log(scene.name, "FAILED", String(error).split("\n").slice(0, 3).join(" "), said.slice(0, 3));
    await page.screenshot({ path: `${out}${scene.name}.png` }).catch(() => {});
  }
  await page.close();
  server.kill();
}
await browser.close();
console.log(bad === 0 ? "all scenes clean" : `${bad} findings`);
process.exit(bad === 0 ? 0 : 1);
