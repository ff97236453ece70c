// A session that ends under an open page: signing in again above everything, and nothing that was typed is lost.
import { Box } from "../lib/box.mjs";
import { adt } from "../lib/messages.mjs";
import { signIn } from "../lib/steps.mjs";
import { PHONE, Visitor } from "../lib/visitor.mjs";

const LAKSHMI = { number: "88120", family: "Pawar", given: "Lakshmi", birth: "19680314", phone: "7000041207" };

async function expired(browser) {
  const box = await new Box({ CLINICVAULT_SESSIONS_SECOND_FACTOR: "optional" }).init().start();
  try {
    const meera = box.staff("meera", "Dr Meera Kulkarni", "doctor");
    await box.hl7(adt(LAKSHMI));
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, meera);
    await at.search("lakshmi");
    await page.getByTestId("search-hit").first().waitFor();
    await page.keyboard.press("Enter");
    await page.getByTestId("allergies").waitFor();
    await page.keyboard.press("a");
    await page.locator("#allergy-substance").fill("Penicillin");
    await page.locator("#allergy-reaction").fill("swollen lips");

    let answerLate;
    const late = new Promise((resolve) => (answerLate = resolve));
    const asks = { status: 403, json: { error: { code: "proveAgain", message: "Prove who you are." } } };
    await page.route("**/allergies", async (route) => { await late; await route.fulfill(asks); }, { times: 1 });
    await at.press("allergy.save");

    // From her phone she ends every other session; the page at the desk notices by itself.
    const phone = await Visitor.arrive(browser, box, { size: PHONE });
    await signIn(phone, meera);
    await phone.page.goto("/me");
    await phone.page.locator(".register .btn").click();
    await phone.sees("me.ended");
    await phone.leave();

    const over = page.getByTestId("expired");
    await over.waitFor();
    await at.look("expired");
    const stands = () => over.evaluate((el) => el.matches(":modal") && el.contains(document.activeElement));
    if (!(await stands())) throw new Error("the request to sign in again is not the modal on top, or has not got the focus");
    const inTheMiddle = () => page.evaluate(() => document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest("dialog")?.dataset.testid);
    if ((await inTheMiddle()) !== "expired") throw new Error(`in the middle of the screen lies ${await inTheMiddle()}`);
    // It cannot be put away, and nothing below it can be reached by the keyboard.
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    for (let n = 0; n < 12; n++) {
      await page.keyboard.press("Tab");
      const below = await page.evaluate(() => document.activeElement?.closest("dialog:not([data-testid=expired])") !== null || document.activeElement?.closest(".app") !== null);
      if (below) throw new Error(`the focus went below after ${n + 1} tabs`);
    }
    if (!(await over.evaluate((el) => el.matches(":modal")))) throw new Error("Esc closed the request to sign in again");
    // The answer to the save comes only now and asks for the password: that question opens below.
    answerLate();
    await page.locator("#prove-password").waitFor({ state: "attached" });
    if (!(await stands())) throw new Error("a dialog that opened later took the focus from the request to sign in again");
    if ((await inTheMiddle()) !== "expired") throw new Error("a dialog that opened later lies above the request to sign in again");

    await page.locator("#signin-password").fill(meera.password);
    await page.keyboard.press("Enter");
    await over.waitFor({ state: "detached" });
    await page.locator("dialog:has(#prove-password) .answers button").first().click();
    at.faults = at.faults.filter((fault) => !/status of 403 .*\/allergies\)/.test(fault));
    const typed = await page.locator("#allergy-substance").inputValue();
    if (typed !== "Penicillin" || (await page.locator("#allergy-reaction").inputValue()) !== "swollen lips") throw new Error(`the form holds ${typed}`);
    await at.press("allergy.save");
    await page.getByTestId("allergies").getByText("Penicillin").waitFor();
    await at.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["a session ends under an open dialog, and what was typed is still there after signing in again", expired]];
