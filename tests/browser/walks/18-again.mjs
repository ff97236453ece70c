// Many held messages at once: what would become of them is shown first, then they are taken up, and it is said how it went.
import { Box } from "../lib/box.mjs";
import { adt, oru } from "../lib/messages.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

const UMA = { family: "Sathe", given: "Uma", birth: "19680314", phone: "7000012345", number: "901" };

async function again(browser) {
  const box = await new Box().init().start();
  try {
    for (let n = 0; n < 3; n++) await box.hl7(oru({ ...UMA, glucose: `10${n}` }));
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, box.staff("meera", "Dr Meera Kulkarni", "doctor"));
    await page.goto("/messages");
    await page.getByRole("button", { name: at.t("inbox.tab.needs", { n: 3 }) }).click();
    await page.getByRole("link", { name: at.t("again.link") }).click();
    await at.press("again.show");
    await page.getByTestId("again-row").nth(2).getByText(at.t("again.would.held")).waitFor();

    // The hospital registers her after all: now they would enter the record, and do.
    await box.hl7(adt(UMA));
    for (let tries = 0; !(await box.fhir("GET", "/Patient?identifier=901")).entry; tries++) {
      if (tries > 100) throw new Error("she is not registered");
      await page.waitForTimeout(100);
    }
    await page.locator("#again-type").fill("ORU");
    await at.press("again.show");
    await page.getByTestId("again-row").first().getByText(at.t("again.would.applied")).waitFor();
    await at.look("again-preview");
    await at.press("again.begin.other", { n: 3 });
    const done = page.getByTestId("replay").filter({ hasText: at.t("again.state.done") });
    await done.getByText(at.t("again.far", { done: 3, total: 3 })).waitFor();
    await done.getByText(at.t("again.became.applied", { n: 3 })).waitFor();
    await page.getByRole("button", { name: at.t("inbox.tab.needs", { n: 0 }) }).waitFor();
    await at.look("again-done");

    // What a channel refused is older than what is in the record by now: the preview says so before it is taken up.
    const owner = await Visitor.arrive(browser, box);
    await signIn(owner, box.staff("vilas", "Vilas Gaikwad", "owner"));
    const put = (version, rules) => owner.page.evaluate(async ([before, holds]) => {
      const document = { name: "ward", source: { kind: "mllp", address: "127.0.0.1:0" }, rules: holds };
      const headers = { "content-type": "application/json", "x-clinicvault": "1", ...(before ? { "if-match": `W/"${before}"` } : { "if-none-match": "*" }) };
      return (await fetch("/api/channels/ward", { method: "PUT", headers, body: JSON.stringify(document) })).status;
    }, [version, rules]);
    if ((await put(0, { kinds: ["ORU"] })) !== 201) throw new Error("the channel is not made");
    let ward;
    for (let tries = 0; !ward; tries++) {
      const list = await owner.page.evaluate(async () => (await fetch("/api/channels")).json());
      ward = list.channels.find((line) => line.name === "ward" && line.state === "running")?.address;
      if (tries > 100) throw new Error("the channel does not run");
      await owner.page.waitForTimeout(100);
    }
    await box.hl7(adt({ ...UMA, phone: "7000099999" }), ward);
    await box.hl7(adt({ ...UMA, phone: "7000055555" }));
    for (let tries = 0; !(await box.fhir("GET", "/Patient?phone=7000055555")).entry; tries++) {
      if (tries > 100) throw new Error("the new number is not stored");
      await page.waitForTimeout(100);
    }
    if ((await put(1, {})) !== 200) throw new Error("the channel is not changed");
    await owner.leave();
    await page.getByRole("radio", { name: at.t("again.of.refused") }).check({ force: true });
    await page.locator("#again-type").fill("ADT");
    await at.press("again.show");
    await page.getByTestId("again-over").getByText(at.t("again.over.one", { n: 1 })).waitFor();
    await page.getByTestId("again-over-row").getByText("Sathe").waitFor();
    await page.getByTestId("again-over").scrollIntoViewIfNeeded();
    await at.look("again-over");

    // A question that finds nothing says so.
    await page.locator("#again-q").fill("nobody");
    await at.press("again.show");
    await at.sees("again.none");
    await at.leave();

    const other = await Visitor.arrive(browser, box, { lang: "hi", theme: "dark" });
    await signIn(other, box.staff("asha", "Dr Asha Patil", "doctor"));
    await other.page.goto("/messages/again");
    await other.page.getByTestId("replay").waitFor();
    await other.look("again-done");
    await other.page.getByRole("radio", { name: other.t("again.of.both") }).check({ force: true });
    await other.press("again.show");
    await other.page.getByTestId("again-over-row").waitFor();
    await other.page.getByTestId("again-over").scrollIntoViewIfNeeded();
    await other.look("again-over");
    await other.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["held messages are taken up again together, after a look at what would become of them", again]];
