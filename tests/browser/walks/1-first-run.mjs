// From an empty folder to an owner at work, in the browser alone.
import { Box } from "../lib/box.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

const OWNER = { username: "meera", password: "Peacock-register-77 margin" };

async function firstRun(browser) {
  const box = await new Box().start();
  try {
    const owner = await Visitor.arrive(browser, box);
    const { page } = owner;
    await page.locator("#setup-code").fill(box.setupCode);
    await owner.look("setup-language");
    await owner.press("continue");
    await page.locator("#clinic-name").fill("Nandini Clinic");
    await page.locator("#clinic-place").fill("Sangamner");
    await owner.look("setup-clinic");
    await owner.press("continue");
    await page.locator("#owner-name").fill("Dr Meera Kulkarni");
    await page.locator("#owner-username").fill(OWNER.username);
    await page.locator("#owner-password").fill(OWNER.password);
    await page.locator("#owner-password-again").fill(OWNER.password);
    await owner.look("setup-owner");
    await owner.press("continue");
    await owner.look("setup-start");
    await owner.press("setup.make");

    const groups = page.getByTestId("recovery-groups").locator("b:visible");
    await groups.first().waitFor({ timeout: 60_000 });
    const key = await groups.allInnerTexts();
    await owner.look("setup-recovery");
    await owner.press("recovery.byHand");
    if (await page.getByText(key[0]).isVisible()) throw new Error("the key is still on the screen after it was written down");
    for (const field of await page.locator("input[id^=group-]").all()) {
      const n = Number((await field.getAttribute("id")).replace("group-", ""));
      await field.fill(key[n - 1]);
    }
    await owner.look("setup-recovery-typed");
    await owner.press("continue");
    await page.locator("#signin-name, #enrol-code, .who").first().waitFor();
    if (await page.locator("#signin-name").isVisible()) await signIn(owner, OWNER);
    await page.locator(".who").waitFor();
    await owner.look("home-owner");
    await owner.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["a clinic is set up in the browser, and its owner is at work", firstRun]];
