// The person who connects another system: questions as oneself and as a machine, a record as a tree, a profile added.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Box } from "../lib/box.mjs";
import { adt, oru } from "../lib/messages.mjs";
import { signIn } from "../lib/steps.mjs";
import { DESK, PHONE, Visitor } from "../lib/visitor.mjs";

const LAKSHMI = { number: "88120", family: "Pawar", given: "Lakshmi Devi", birth: "19680314", phone: "7000041207" };

const PROFILE = {
  resourceType: "StructureDefinition", url: "http://clinic.example/StructureDefinition/named-patient", name: "NamedPatient", status: "active",
  fhirVersion: "4.0.1", kind: "resource", abstract: false, type: "Patient", baseDefinition: "http://hl7.org/fhir/StructureDefinition/Patient", derivation: "constraint",
  differential: { element: [{ id: "Patient", path: "Patient" }, { id: "Patient.name", path: "Patient.name", min: 1 }] },
};

async function exchange(browser) {
  const box = await new Box().init().start();
  try {
    await box.hl7(adt(LAKSHMI));
    await box.hl7(oru({ ...LAKSHMI, glucose: "212.50", at: "20260203083000+0530" }));
    const token = box.cli("token", "--scope", "system/Observation.rs", "--name", "City lab").split(/\s/)[0];
    const owner = box.staff("vilas", "Vilas Gaikwad", "owner", "doctor");
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, owner);
    for (const size of [DESK, PHONE]) {
      await page.setViewportSize(size);
      const kind = size === PHONE ? "-phone" : "";
      await page.goto("/exchange");
      const address = page.getByTestId("exchange-to");
      const status = async (code) => page.getByTestId("answer-status").filter({ hasText: String(code) }).waitFor();
      const ask = async (to, code) => {
        await address.fill(to);
        await page.keyboard.press("Enter");
        await status(code);
      };

      await address.pressSequentially("Obs");
      await page.getByRole("option").filter({ hasText: "Observation" }).first().waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      if ((await address.inputValue()) !== "Observation?") throw new Error(`the suggestion was not taken: ${await address.inputValue()}`);
      await ask("Observation?_count=5", 200);
      await at.look(`exchange-table${kind}`);
      await page.getByTestId("answer").locator("tbody .link").first().click();
      await page.getByRole("treeitem").first().waitFor();
      await page.getByRole("treeitem").first().focus();
      // Arrows walk; the first branch closes and opens.
      const focused = () => page.locator(".twig:focus");
      while ((await focused().getAttribute("aria-expanded")) === null) await page.keyboard.press("ArrowDown");
      const open = (await focused().getAttribute("aria-expanded")) === "true";
      await page.keyboard.press(open ? "ArrowLeft" : "ArrowRight");
      if ((await focused().getAttribute("aria-expanded")) !== String(!open)) throw new Error("an arrow does not turn a branch");
      await page.getByText("212.50", { exact: true }).waitFor();
      await at.look(`exchange-tree${kind}`);

      // A misspelt parameter is an error in words, never a list of everybody.
      await ask("Patient?nmae=pawar", 400);
      await page.locator(".issues").getByText("nmae").waitFor();
      await at.look(`exchange-refused${kind}`);

      // With the token of a machine, the rights of the machine.
      await page.getByRole("button", { name: at.t("exchange.as") }).click();
      await page.locator(".as input").fill(token);
      await ask("Patient", 403);
      await ask("Observation?_summary=count", 200);
    }

    await page.setViewportSize(DESK);
    await page.goto("/exchange/profiles");
    await at.sees("exchange.profiles.none");
    const file = join(box.folder, "profile.json");
    writeFileSync(file, JSON.stringify(PROFILE));
    const wrong = join(box.folder, "wrong.json");
    writeFileSync(wrong, JSON.stringify({ ...PROFILE, kind: "nonsense" }));
    await page.locator("#exchange-file").setInputFiles(wrong);
    await page.locator(".refused li").first().waitFor();
    await at.look("exchange-profile-refused");
    await page.locator("#exchange-file").setInputFiles(file);
    await page.getByRole("button", { name: "NamedPatient" }).click();
    await page.getByRole("tree").waitFor();
    await at.look("exchange-profile");
    await at.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["an integrator asks as a person and as a machine, reads the answer, adds a profile", exchange]];
