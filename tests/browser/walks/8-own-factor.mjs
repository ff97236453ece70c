// An authenticator app of one's own accord, for a role that needs none.
import { Box } from "../lib/box.mjs";
import { signIn } from "../lib/steps.mjs";
import { code } from "../lib/totp.mjs";
import { Visitor } from "../lib/visitor.mjs";

async function ownFactor(browser) {
  const box = await new Box().init().start();
  try {
    const sanjana = box.staff("sanjana", "Sanjana Gite", "reception");
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, sanjana);
    if (sanjana.secret) throw new Error("reception was asked for an authenticator");
    await page.goto("/me");
    await page.getByTestId("own-factor").click();
    sanjana.secret = (await page.getByTestId("totp-secret").innerText()).replace(/\s/g, "");
    await at.look("own-factor");
    await page.locator("#enrol-code").fill(code(sanjana.secret) === "000000" ? "000001" : "000000");
    await page.keyboard.press("Enter");
    await page.locator("dialog .note, dialog [role=alert]").first().waitFor();
    await page.locator("#enrol-code").fill(code(sanjana.secret));
    await page.keyboard.press("Enter");
    await page.getByTestId("recovery-codes").waitFor();
    await at.look("own-factor-codes");
    await page.locator("dialog").getByRole("checkbox").check();
    await page.locator("dialog").getByRole("button", { name: at.t("continue") }).click();
    await at.sees("factor.has");
    await at.look("own-factor-has");
    await at.leave();

    const again = await Visitor.arrive(browser, box);
    await signIn(again, sanjana);
    await again.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["reception sets up an authenticator of its own accord, and is asked for a code from then on", ownFactor]];
