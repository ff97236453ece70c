// A person at a browser: one context of headless Chromium, watched for what must never happen on any page.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { text } from "./words.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = fileURLToPath(new URL("../shots/", import.meta.url));
mkdirSync(shots, { recursive: true });

export const DESK = { width: 1366, height: 768 };
export const PHONE = { width: 360, height: 740 };
// How long a person waits for a page before something is wrong, on a machine shared with everything else.
const PATIENCE = 20_000;

// Chromium reports every 4xx on the console. These are answers that a page asks for: not signed in, a possible
// duplicate, a value refused, a code wrong too often; and whatever is asked of the FHIR address by hand, or for a program.
const ANSWER = /^Failed to load resource: the server responded with a status of (401|409|422|429) /;
// Whether anything was written along in a consultation is asked, and "no" is an answer.
const NOTHING = /^Failed to load resource: the server responded with a status of 404 /;
const SAID = /\/api\/consultations\/[^/]+\/(transcript|note\/extract)$/;
const REFUSED = /^Failed to load resource: the server responded with a status of 4\d\d /;

export class Visitor {
  static async arrive(browser, box, { lang = "en", theme = "light", size = DESK } = {}) {
    const visitor = new Visitor();
    visitor.context = await browser.newContext({
      viewport: size, baseURL: box.url, colorScheme: theme, locale: lang === "hi" ? "hi-IN" : "en-IN", timezoneId: "Asia/Kolkata", reducedMotion: "reduce", ignoreHTTPSErrors: box.url.startsWith("https:"),
    });
    visitor.page = await visitor.context.newPage();
    visitor.page.setDefaultTimeout(PATIENCE);
    visitor.box = box;
    visitor.lang = lang;
    visitor.theme = theme;
    visitor.faults = [];
    visitor.page.on("console", (message) => {
      const { url } = message.location();
      if (["error", "warning"].includes(message.type()) && !(ANSWER.test(message.text()) && url.includes("/api/")) && !(NOTHING.test(message.text()) && SAID.test(url)) && !(REFUSED.test(message.text()) && /\/(fhir|oauth)\//.test(url))) visitor.faults.push(`console: ${message.text()} (${url})`);
    });
    visitor.page.on("pageerror", (error) => visitor.faults.push(`page: ${error.stack ?? error}`));
    visitor.page.on("request", (request) => {
      const to = new URL(request.url());
      if (/^https?:$/.test(to.protocol) && to.origin !== box.url) visitor.faults.push(`a request left the box: ${to.origin}`);
    });
    await visitor.page.goto("/");
    return visitor;
  }

  t(key, params) {
    return text(this.lang, key, params);
  }

  /** A field by its label's key. */
  field(key) {
    return this.page.getByLabel(this.t(key), { exact: true });
  }

  /** Presses the button that carries this text. */
  async press(key, params) {
    await this.page.getByRole("button", { name: this.t(key, params) }).first().click();
  }

  /** Opens the search field by its key and types into it. */
  async search(typed) {
    await this.page.locator(".find").waitFor();
    await this.page.keyboard.press("/");
    await this.page.getByTestId("search-input").fill(typed);
  }

  /** Waits until this text is on the page. */
  async sees(key, params) {
    await this.page.getByText(this.t(key, params)).first().waitFor();
  }

  /** The screen as it stands: axe finds nothing, and a picture of it is kept, wide and narrow. */
  async look(name) {
    const { page, lang, theme } = this;
    const size = page.viewportSize();
    for (const [label, viewport] of [["wide", DESK], ["narrow", PHONE]]) {
      await page.setViewportSize(viewport);
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      await page.screenshot({ path: `${shots}${name}-${label}-${lang}-${theme}.png` });
      await this.accessible(`${name}, ${label}, ${lang}, ${theme}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (overflow > 0) this.faults.push(`${name}, ${label}, ${lang}: the page is ${overflow} px wider than the screen`);
    }
    await page.setViewportSize(size);
  }

  async accessible(what) {
    // Not a script tag: the box's content policy forbids foreign script on its pages.
    await this.page.evaluate(axe);
    const found = await this.page.evaluate(async () => {
      const report = await window.axe.run(document, { resultTypes: ["violations"] });
      return report.violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target.join(" ")} (${n.failureSummary.split("\n").slice(1).join("; ").trim()})`).slice(0, 4).join(" | ")}`);
    });
    this.faults.push(...found.map((one) => `axe, ${what}: ${one}`));
  }

  /** Leaves, and says what must not have happened. */
  async leave() {
    await this.context.close();
    const faults = [...new Set(this.faults)];
    if (faults.length > 0) throw new Error(`${faults.length} faults:\n    ${faults.join("\n    ")}`);
  }
}
