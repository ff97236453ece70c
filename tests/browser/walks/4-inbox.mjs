// The inbox: what a laboratory sent, what became of it, and what a person has to decide.
import { Box } from "../lib/box.mjs";
import { adt, oru, verdict } from "../lib/messages.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

const GANPAT = { family: "Thorat", given: "Ganpat", birth: "19550601", sex: "M", phone: "7000012345" };

async function inbox(browser) {
  const box = await new Box().init().start();
  try {
    const meera = box.staff("meera", "Dr Meera Kulkarni", "doctor");
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, meera);
    await page.goto("/messages");
    await at.sees("inbox.empty.all");
    await at.look("inbox-empty");

    // One that is applied, one that nobody here fits for sure, one that cannot be read; each appears by itself.
    const rows = page.getByTestId("inbox-row");
    if (verdict(await box.hl7(adt({ ...GANPAT, number: "701" }))) !== "AA") throw new Error("a registration was not accepted");
    await rows.nth(0).waitFor();
    if (verdict(await box.hl7(oru({ ...GANPAT, number: "99417", family: "Thorath", birth: "19550430", glucose: "164" }))) !== "AA") throw new Error("a result was not accepted");
    await rows.filter({ hasText: at.t("inbox.state.held") }).waitFor();
    const refused = await box.hl7("MSH|^~\\&|LIS|CITYPATH|CV|CLINIC|20260203||ORU^R01^ORU_R01|BAD1|P|2.5.1\rPID|1||5^^^X||Broken^Result\rOBX|1|NM|2339-0^Glucose^LN||12\r");
    if (!["AE", "AR"].includes(verdict(refused))) throw new Error(`a result without its order was answered ${verdict(refused)}`);
    await rows.filter({ hasText: at.t("inbox.state.refused") }).waitFor();

    await rows.filter({ hasText: at.t("inbox.state.refused") }).click();
    await at.sees("inbox.couldNot");
    await at.look("inbox-refused");
    await page.goto("/messages");
    await rows.filter({ hasText: at.t("inbox.state.held") }).click();
    await at.sees("inbox.nothingLost");
    await page.getByTestId("segment").filter({ hasText: "OBX" }).first().click();
    await page.getByText("internal remark").first().waitFor();
    await at.look("inbox-held");

    // Whose it is: the person who was found, after a look at who that is.
    await page.locator("footer.acts button").filter({ hasText: new RegExp(`^(${at.t("inbox.choosePatient")}|${at.t("inbox.another")})$`) }).click();
    await page.getByTestId("search-input").fill("ganpat");
    await page.getByTestId("search-hit").first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Ganpat").first().waitFor();
    await at.look("inbox-settle");
    await dialog.getByRole("checkbox").check();
    await dialog.locator(".btn.go").click();
    await page.getByText(at.t("inbox.state.applied")).first().waitFor();
    await at.sees("inbox.settledBy", { who: meera.name });
    await page.getByTestId("course").locator("summary").click();
    await at.sees("course.applied");
    await at.look("inbox-applied");

    // The result is in the chart now, and the laboratory's number is known from here on.
    await box.hl7(oru({ ...GANPAT, number: "99417", family: "Thorath", birth: "19550430", glucose: "171" }));
    await page.goto("/patients");
    await at.search("ganpat");
    await page.getByTestId("search-hit").first().waitFor();
    await page.keyboard.press("Enter");
    await page.getByTestId("result-row").filter({ hasText: "171" }).waitFor();
    await at.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["a held message is settled by a person, a refused one says why", inbox]];
