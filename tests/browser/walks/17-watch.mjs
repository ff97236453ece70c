// The person who watches over the ways of messages: alerts lead to the channel and say what to do, a test message goes through
// a channel's own door and to a receiver that is not there.
import { Box } from "../lib/box.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

// Longer than any bar: it is shortened there and whole in its menu.
const LONG = "Dr Venkatanarasimharajuvaripeta Lakshminarasimhaiah Subrahmanyeswara Gaikwad-Deshpande";

const bad = (n) => `MSH|^~\\&|LIS|CITYPATH|CV|CLINIC|20260203||ORU^R01^ORU_R01|BAD${n}|P|2.5.1\rPID|1||5^^^X||Broken^Result\rOBX|1|NM|2339-0^Glucose^LN||12\r`;

async function watch(browser) {
  const box = await new Box({ CLINICVAULT_ALERTS_LOOK_SECONDS: "1" }).init().start();
  try {
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, box.staff("vilas", LONG, "owner"));

    // Nothing to do; then most of what comes is refused, and the bar says so wherever one is.
    await page.goto("/exchange/channels");
    await page.getByTestId("channel-row").first().waitFor();
    if (await page.getByTestId("alert-count").count()) throw new Error("there is an alert before anything came");
    await page.goto("/users");
    for (let n = 0; n < 12; n++) await box.hl7(bad(n));
    await page.getByTestId("alert-count").waitFor();
    await page.getByRole("link", { name: at.t("alerts.open.one", { n: 1 }) }).click();
    await page.getByTestId("row-alert").getByText(at.t("alerts.errors", { n: 100 })).waitFor();
    await page.getByTestId("open-alert").waitFor();
    await at.look("alerts-open");
    await page.getByTestId("open-alert").getByRole("link").click();
    await page.getByTestId("channel-alert").getByText(at.t("alerts.do.errors")).waitFor();
    // She sees to it: it stays with her name, and is not counted any more.
    await page.getByTestId("alert-see").click();
    await page.getByTestId("alert-seen").getByText(LONG).waitFor();
    await page.getByTestId("alert-count").waitFor({ state: "detached" });
    await at.look("alerts-seen");
    await page.locator(".who").click();
    await at.look("long-name");
    await page.keyboard.press("Escape");

    // A channel with a receiver that is not there: its bounds, a test through its door, a test to the receiver.
    const made = await page.evaluate(async () => {
      const document = { name: "ward", title: "Ward 3", source: { kind: "mllp", address: "127.0.0.1:0" }, destinations: [{ name: "his", to: { kind: "mllp", host: "127.0.0.1", port: 1 } }] };
      return (await fetch("/api/channels/ward", { method: "PUT", headers: { "content-type": "application/json", "x-clinicvault": "1", "if-none-match": "*" }, body: JSON.stringify(document) })).status;
    });
    if (made !== 201) throw new Error(`the channel is not made: ${made}`);
    await page.goto("/exchange/channels/ward");
    await page.getByTestId("channel-alerts").click();
    await page.locator("#bound-silentMinutes").fill("x");
    await at.press("save");
    await page.locator("#bound-silentMinutes-below").getByText(at.t("alerts.bad", { most: 525600 })).waitFor();
    await page.locator("#bound-silentMinutes").fill("45");
    await page.locator("#bound-certificateDays").fill("");
    await at.press("save");
    await at.sees("alerts.saved");
    await at.look("alerts-bounds");
    await page.getByTestId("channel-document").click();
    const bounds = JSON.parse(await page.getByTestId("channel-json").inputValue()).alerts;
    if (bounds.silentMinutes !== 45 || bounds.certificateDays !== 0 || bounds.errorPercent !== 20) throw new Error(`other bounds: ${JSON.stringify(bounds)}`);

    await page.getByTestId("channel-test").click();
    await at.press("probe.send");
    await page.getByTestId("tested").getByText(at.t("probe.doorSaid.answered")).waitFor();
    await page.getByTestId("acknowledged").getByText(at.t("probe.code.AA")).waitFor();
    await page.getByTestId("tried").getByText(at.t("channels.try.passes")).waitFor();
    await at.look("test-door");
    await page.locator("#test-to").selectOption("his");
    await at.press("probe.send");
    await page.getByTestId("probe-step").getByText(at.t("probe.failed.connect")).waitFor();
    await at.look("test-target");
    await at.leave();

    const other = await Visitor.arrive(browser, box, { lang: "hi", theme: "dark" });
    await signIn(other, box.staff("asha", "Asha Patil", "owner"));
    await other.page.goto("/exchange/channels");
    await other.page.getByTestId("row-alert").first().waitFor();
    await other.look("alerts-open");
    await other.page.getByTestId("open-alert").first().getByRole("link").click();
    await other.page.getByTestId("alert-seen").getByText(LONG).waitFor();
    await other.look("alerts-seen");
    await other.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["alerts lead to what is wrong, and a test message says how far it came", watch]];
