// The doctor: a chart that is open when the laboratory's result comes in.
import { Box } from "../lib/box.mjs";
import { adt, oru, verdict } from "../lib/messages.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

const LAKSHMI = { number: "88120", family: "Pawar", given: "Lakshmi", birth: "19680314", phone: "7000041207" };

async function live(browser) {
  const box = await new Box().init().start();
  try {
    const meera = box.staff("meera", "Dr Meera Kulkarni", "doctor");
    if (verdict(await box.hl7(adt(LAKSHMI))) !== "AA") throw new Error("the registration was not accepted");
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, meera);

    await at.search("lakshmi");
    await page.getByTestId("search-hit").first().waitFor();
    await page.keyboard.press("Enter");
    await page.getByTestId("results").waitFor();
    await at.look("chart-empty");

    // Nothing on this page is loaded again from here on.
    await page.evaluate(() => (window.stillTheSamePage = true));
    for (const [glucose, at] of [["118", "20251103083000+0530"], ["126", "20251203083000+0530"], ["131", "20260103083000+0530"]]) {
      await box.hl7(oru({ ...LAKSHMI, glucose, flag: "N", at }));
    }
    const row = page.getByTestId("result-row").filter({ hasText: "Glucose" });
    await row.filter({ hasText: "131" }).waitFor();
    const sent = Date.now();
    await box.hl7(oru({ ...LAKSHMI, glucose: "212", flag: "H" }));
    await row.filter({ hasText: "212" }).waitFor();
    console.log(`     a result was on the screen ${Date.now() - sent} ms after it was sent`);
    if (!(await page.evaluate(() => window.stillTheSamePage))) throw new Error("the page was loaded again");
    await page.getByTestId("live").filter({ hasText: "212" }).waitFor({ state: "attached" });
    await at.look("chart-live");
    await row.click();
    await page.getByTestId("trend-chart").waitFor();
    await at.look("chart-trend");
    await page.keyboard.press("Escape");

    await page.keyboard.press("a");
    await page.locator("#allergy-substance").fill("Penicillin");
    await at.look("allergy");
    await at.press("allergy.save");
    await page.getByTestId("allergies").getByText("Penicillin").waitFor();
    await page.keyboard.press("p");
    await page.getByRole("dialog").getByLabel(at.t("problems.text")).fill("Type 2 diabetes");
    await at.press("problems.save");
    await page.getByText("Type 2 diabetes").first().waitFor();
    await page.goto(`${new URL(page.url()).pathname}/log`);
    await page.getByTestId("access-log").getByText("Meera Kulkarni").first().waitFor();
    await at.look("access-log");
    await at.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["a result appears in the open chart without a reload, and is charted", live]];
