// The page that a device sees before it trusts the box.
import { Box } from "../lib/box.mjs";
import { Visitor } from "../lib/visitor.mjs";

async function install(browser) {
  const box = await new Box().init().start();
  try {
    const fingerprint = /(?:[0-9A-F]{2}:){31}[0-9A-F]{2}/.exec((await (await fetch(`${box.url}/install`)).text()).replaceAll("<wbr>", ""))?.[0];
    if (!fingerprint) throw new Error("the page shows no fingerprint");
    for (const [lang, theme] of [["en", "light"], ["hi", "dark"]]) {
      const at = await Visitor.arrive(browser, box, { lang, theme });
      const { page } = at;
      await page.goto(`/install?lang=${lang}`);
      await page.locator(`html[lang=${lang}]`).waitFor();
      if ((await page.locator(".fingerprint").innerText()).trim() !== fingerprint) throw new Error("another fingerprint");
      const drawn = await page.locator("img").evaluate(async (img) => (await img.decode(), img.naturalWidth));
      if (!(drawn >= 100)) throw new Error(`the QR code is ${drawn} px wide`);
      await page.locator("#tests b").nth(3).waitFor();
      for (const platform of ["android", "iphone", "windows", "mac", "linux", "firefox"]) {
        const steps = page.locator(`details[data-platform=${platform}]`);
        if (!(await steps.evaluate((el) => el.open))) await steps.locator("summary").press("Enter");
        await steps.locator("li").nth(1).waitFor();
        await steps.locator("summary").press("Enter");
      }
      await page.locator("details[data-platform=android] summary").press("Enter");
      await at.look("install");
      await page.locator("img").scrollIntoViewIfNeeded();
      await page.screenshot({ path: new URL(`../shots/install-end-${lang}.png`, import.meta.url).pathname });
      await at.leave();
    }
  } finally {
    await box.stop();
  }
}

export const walks = [["a device that does not trust the box yet is told how", install]];
