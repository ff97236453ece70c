// What senders mean: a code and a field that a message brought get their meaning, mistakes are shown at their fields, an older
// version holds again, a file takes the place of all.
import { Box } from "../lib/box.mjs";
import { adt, oru } from "../lib/messages.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

const UMA = { family: "Sathe", given: "Uma", birth: "19680314", phone: "7000012345" };

async function meanings(browser) {
  const box = await new Box().init().start();
  try {
    await box.hl7(`${adt({ ...UMA, number: "801" }).replace("|F|", "|Stri|")}ZPI|1|T-88|RC-5\r`);
    await box.hl7(oru({ ...UMA, number: "801" }).replace("OBX|1|NM|2339-0^Glucose^LN", "OBX|1|NM|GLU^Glucose, fasting^99CP"));
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, box.staff("meera", "Dr Meera Kulkarni", "doctor", "owner"));

    // The message says which of its codes nobody knows, and leads to where they get a meaning.
    await page.goto("/messages");
    await page.getByTestId("inbox-row").last().getByRole("link").click();
    await page.getByTestId("teach").click();
    await page.getByTestId("sent-code").filter({ hasText: "Stri" }).waitFor();
    await page.getByTestId("sent-field").filter({ hasText: "T-88" }).waitFor();
    await at.look("maps-from");
    await page.getByTestId("sent-code").filter({ hasText: "Stri" }).getByRole("button").click();
    await page.locator("#code-to").fill("woman");
    await at.press("save");
    await page.locator("#code-to-below").getByText("woman").waitFor();
    await at.look("maps-code");
    await page.locator("#code-to").fill("female");
    // Before it is saved it is tried on what is stored.
    await page.getByTestId("maps-try").click();
    await page.getByTestId("maps-tried").getByText(at.t("maps.try.changed", { n: 1, of: 2 })).waitFor();
    await page.getByTestId("maps-tried-row").getByText("Patient.gender").waitFor();
    await page.getByTestId("maps-tried").scrollIntoViewIfNeeded();
    await at.look("maps-tried");
    await at.press("save");

    // Back at the message: the code has gone from its list; the field gets its place.
    await page.getByTestId("sent-field").filter({ hasText: "RC-5" }).waitFor();
    if (await page.getByTestId("sent-code").count()) throw new Error("the code is still listed");
    await page.getByTestId("sent-field").filter({ hasText: "RC-5" }).getByRole("button").click();
    await page.getByRole("radio", { name: at.t("maps.form.identifier") }).check();
    await at.press("save");
    await at.sees("maps.bad.address");
    await page.locator("#field-address").fill("urn:clinic:ration-card");
    await at.look("maps-field");
    await at.press("save");
    await page.getByTestId("sent-field").filter({ hasText: "T-88" }).waitFor();
    if (await page.getByTestId("sent-field").filter({ hasText: "RC-5" }).count()) throw new Error("the field is still listed");
    await box.hl7(`${adt({ family: "Kale", given: "Asha", birth: "19700101", phone: "7000012346", number: "802" }).replace("|F|", "|stri|")}ZPI|1|T-89|RC-6\r`);
    for (let tries = 0; ; tries++) {
      const answer = await box.fhir("GET", "/Patient?identifier=urn:clinic:ration-card|RC-6");
      if (answer.entry?.[0]?.resource.gender === "female") break;
      if (tries > 100) throw new Error(`the maps do not hold: ${JSON.stringify(answer)}`);
      await page.waitForTimeout(100);
    }

    // A code of the sender's own list, written by hand; nothing has it twice.
    await page.goto("/exchange/maps/code-new");
    await page.locator("#code-own").fill("99CP");
    await page.locator("#code-code").fill("GLU");
    await page.locator("#code-to").fill("1558-6");
    await page.locator("#code-display").fill("Fasting glucose [Mass/volume] in Serum or Plasma");
    await at.press("save");
    await page.getByTestId("map-code").nth(1).waitFor();
    await at.look("maps-list");
    await page.getByTestId("maps-find").fill("99cp 1558");
    await page.getByTestId("map-code").nth(1).waitFor({ state: "detached" });
    await page.getByTestId("map-code").getByRole("link").click();
    await at.press("maps.remove");
    await page.getByTestId("maps-find").fill("");
    await page.getByTestId("map-code").first().waitFor();

    // The version with three entries holds again; then a file takes the place of all, or is refused with its places.
    await page.goto("/exchange/maps/versions");
    await page.getByTestId("version").nth(1).getByRole("button").click();
    await at.press("channels.restore");
    await page.getByTestId("version").nth(4).waitFor();
    await page.getByTestId("map-code").nth(1).waitFor();
    await at.look("maps-versions");
    const file = (name, text) => page.getByTestId("map-file").setInputFiles({ name, mimeType: "application/json", buffer: Buffer.from(text) });
    await file("wrong.json", '{"concepts": [], "concepts": []}');
    await at.press("maps.readDo");
    await page.getByTestId("map-issues").waitFor();
    await at.press("exchange.keep");
    await file("right.json", '{"zsegments": [{"field": "ZPI-2", "resource": "Patient", "extension": {"url": "urn:clinic:token", "type": "string"}}]}');
    await at.press("maps.readDo");
    await page.getByTestId("map-code").first().waitFor({ state: "detached" });
    await page.getByTestId("map-field").waitFor();
    await at.leave();

    const other = await Visitor.arrive(browser, box, { lang: "hi", theme: "dark" });
    await signIn(other, box.staff("vilas", "Vilas Gaikwad", "doctor", "owner"));
    await other.page.goto("/exchange/maps/field-0");
    await other.page.getByTestId("zfield").waitFor();
    await other.look("maps-field");
    await other.page.locator("#field-address").fill("urn:clinic:ration-number");
    await other.page.getByTestId("maps-try").click();
    await other.page.getByTestId("maps-tried-row").first().waitFor();
    await other.page.getByTestId("maps-tried").scrollIntoViewIfNeeded();
    await other.look("maps-tried");
    await other.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["codes and Z-fields that senders use get their meaning here", meanings]];
