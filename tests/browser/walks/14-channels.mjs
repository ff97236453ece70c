// The person who operates the ways of messages: a channel made, tried, paused, changed and brought back, and its day in bars.
import { createServer } from "node:net";
import { Box } from "../lib/box.mjs";
import { adt, oru, verdict } from "../lib/messages.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

const GANPAT = { family: "Thorat", given: "Ganpat", birth: "19550601", sex: "M", phone: "7000012345" };

/** A port that nobody listens at. */
const free = () => new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

async function channels(browser) {
  const box = await new Box().init().start();
  try {
    await box.hl7(adt({ ...GANPAT, number: "701" }));
    await box.hl7(oru({ ...GANPAT, number: "99417", family: "Thorath", birth: "19550430" }));
    await box.hl7("MSH|^~\\&|LIS|CITYPATH|CV|CLINIC|20260203||ORU^R01^ORU_R01|BAD1|P|2.5.1\rPID|1||5^^^X||Broken^Result\rOBX|1|NM|2339-0^Glucose^LN||12\r");
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, box.staff("vilas", "Vilas Gaikwad", "owner"));
    await page.goto("/exchange/channels");

    // The listener of the settings: its day in bars, its sentence, its table.
    const rows = page.getByTestId("channel-row");
    await rows.filter({ hasText: at.t("channels.builtIn") }).getByRole("link").click();
    await page.getByText(at.t("channels.said.refused.one", { n: 1 })).first().waitFor();
    await page.getByRole("img", { name: at.t("channels.said.received.other", { n: 2 }) }).waitFor();
    await page.locator("details summary").click();
    await page.getByRole("cell", { name: "1", exact: true }).first().waitFor();
    await at.look("channels-day");

    // A channel that lacks something is refused at its field; then it is made and runs.
    const port = await free();
    await page.goto("/exchange/channels/new");
    await page.locator("#channel-name").fill("City lab");
    await at.press("channels.form.make");
    await at.sees("channels.bad.name");
    await page.locator("#channel-name").fill("city-lab");
    await page.locator("#channel-title-field").fill("City lab");
    await page.locator("#channel-address").fill(`0.0.0.0:${port}`);
    await page.getByRole("checkbox").uncheck();
    await at.press("channels.form.make");
    await page.locator("#channel-allow-below").getByText("source.allow").or(page.locator("#channel-allow-below").getByText("clear text")).waitFor();
    await at.look("channels-new");
    await page.locator("#channel-address").fill(`127.0.0.1:${port}`);
    await at.press("channels.form.make");
    const row = rows.filter({ hasText: "City lab" });
    await row.getByText(at.t("channels.state.running"), { exact: true }).waitFor();

    // Off and on by the switch, without a restart.
    const turn = row.getByRole("switch");
    await turn.click();
    await row.getByText(at.t("channels.state.paused"), { exact: true }).waitFor();
    await turn.click();
    await row.getByText(at.t("channels.state.running"), { exact: true }).waitFor();

    // The document: a mistake is named with its line, a change holds and is a version.
    await page.getByTestId("channel-document").click();
    const json = page.getByTestId("channel-json");
    await json.waitFor();
    const document = JSON.parse(await json.inputValue());
    await json.fill((await json.inputValue()).replace('"name":', '"name": "city",\n  "name":'));
    await at.press("channels.save");
    await page.getByTestId("channel-issues").getByText(at.t("channels.twice", { name: "name", line: 3 })).waitFor();
    await json.fill(JSON.stringify({ ...document, rules: { ...document.rules, replayDays: 900 } }, null, 2));
    await at.press("channels.save");
    await page.getByTestId("channel-issues").getByText("rules.replayDays").waitFor();
    await at.look("channels-document");
    await json.fill(JSON.stringify({ ...document, transform: [{ do: "set", at: "PID-3.4", value: "CITYPATH" }] }, null, 2));
    await at.press("channels.save");
    await page.getByTestId("channel-issues").or(page.getByText(at.t("channels.saved"))).first().waitFor();
    if (await page.getByTestId("channel-issues").count()) throw new Error(await page.getByTestId("channel-issues").innerText());

    // Tried on a message: before and after side by side, nothing stored.
    await page.getByTestId("channel-try").click();
    await page.locator("#try-text").fill(adt({ ...GANPAT, number: "702" }).replaceAll("\r", "\n").replace("CITYPATH^MR", "WRONG^MR"));
    await at.press("channels.try.go");
    await page.getByTestId("tried").getByText(at.t("channels.try.passes")).waitFor();
    await page.getByTestId("tried").locator("tr.differs").filter({ hasText: "702^^^CITYPATH" }).waitFor();
    await at.look("channels-try");

    // The first version holds again.
    await page.getByTestId("channel-versions").click();
    await page.getByTestId("version").last().getByRole("button").click();
    await at.press("channels.restore");
    await page.getByTestId("version").filter({ hasText: at.t("channels.done.restored") }).waitFor();
    await at.look("channels-versions");

    // The sheet for the other side: its sample is answered AA and waits for a person.
    await page.getByTestId("channel-sheet").click();
    await page.getByText(at.t("sheet.port", { port })).waitFor();
    await at.look("channels-sheet");
    await page.getByText(at.t("sheet.state.taken"), { exact: true }).waitFor();
    const samples = page.getByTestId("sheet-sample");
    if ((await samples.count()) < 2) throw new Error("the sheet has too few samples");
    for (const text of await samples.locator("pre").allInnerTexts()) {
      if (verdict(await box.hl7(`${text.trim().replaceAll("\n", "\r")}\r`)) !== "AA") throw new Error(`a sample is not taken: ${text}`);
    }

    // Deleted: a question first.
    await page.getByTestId("channel-now").click();
    await at.press("channels.do.remove");
    await page.getByRole("dialog").getByRole("button", { name: at.t("channels.do.remove") }).click();
    await row.waitFor({ state: "detached" });
    await at.leave();

    // Hindi and dark, on the whole day.
    const other = await Visitor.arrive(browser, box, { lang: "hi", theme: "dark" });
    await signIn(other, box.staff("asha", "Asha Patil", "owner"));
    await other.page.goto("/exchange/channels/default");
    await other.page.getByTestId("channel").waitFor();
    await other.look("channels-day");
    await other.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["a channel is made, tried, paused, changed and brought back; its day is seen", channels]];
