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

/** A critical value: on the first screen, in the chart, until a doctor has looked; another doctor's screens follow. */
async function reviewed(browser) {
  const box = await new Box({ CLINICVAULT_SESSIONS_SECOND_FACTOR: "optional" }).init().start();
  try {
    const [meera, imran] = [box.staff("meera", "Dr Meera Kulkarni", "doctor"), box.staff("imran", "Dr Imran Shaikh", "doctor")];
    await box.hl7(adt(LAKSHMI));
    const other = await Visitor.arrive(browser, box);
    await signIn(other, imran);
    await other.sees("home.nothing");
    const at = await Visitor.arrive(browser, box);
    await signIn(at, meera);
    const now = new Date(Date.now() - 3_600_000).toISOString().replace(/[-:T]|\.\d+Z$/g, "") + "+0000";
    await box.hl7(oru({ ...LAKSHMI, glucose: "31", flag: "LL", at: now }));

    // It comes to both first screens by itself.
    for (const one of [at, other]) await one.page.getByTestId("home-critical").filter({ hasText: "31" }).waitFor();
    await at.sees("home.critical.one");
    await at.look("home-critical");
    await at.page.getByTestId("home-critical").locator("a").click();
    const found = await box.fhir("GET", "/Patient?identifier=88120");
    await other.page.goto(`/patients/${found.entry[0].resource.id}`);
    for (const one of [at, other]) await one.page.getByTestId("critical").waitFor();
    await at.look("chart-critical");

    await at.page.keyboard.press("r");
    for (const one of [at, other]) {
      await one.page.getByTestId("critical").waitFor({ state: "detached" });
      await one.page.getByTestId("result-row").filter({ hasText: "Dr Meera Kulkarni" }).waitFor();
    }
    await at.look("chart-reviewed");
    await at.press("undo");
    await other.page.getByTestId("critical").waitFor();
    await other.page.getByTestId("review").click();
    await at.page.getByTestId("result-row").filter({ hasText: "Dr Imran Shaikh" }).waitFor();
    await at.page.goto("/");
    await at.page.getByTestId("home-reviewed").filter({ hasText: "Dr Imran Shaikh" }).waitFor();
    await at.look("home-reviewed");
    await at.leave();
    await other.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["a result appears in the open chart without a reload, and is charted", live], ["a critical result waits on every screen until a doctor has looked at it", reviewed]];
