// The person who connects another system: questions as oneself and as a machine, a record as a tree, a profile added; a
// program registered, consented to and ended; an export fetched; a search parameter of one's own.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
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

const VERIFIER = "a-verifier-of-forty-three-characters-or-more-0123";

/** Where a program sends a person; it comes back to the box itself, so that no request leaves it. */
function question(box, id, scope) {
  const query = { response_type: "code", client_id: id, redirect_uri: `${box.url}/back`, scope, state: "s1", aud: `${box.url}/fhir`, code_challenge: createHash("sha256").update(VERIFIER).digest("base64url"), code_challenge_method: "S256" };
  return `/oauth/authorize?${new URLSearchParams(query)}`;
}

async function programs(browser) {
  const box = await new Box().init().start();
  try {
    await box.hl7(adt(LAKSHMI));
    const owner = box.staff("vilas", "Vilas Gaikwad", "owner", "doctor");
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, owner);

    // Registered in words; what is wrong is said beside its field, and the secret is shown once.
    await page.goto("/exchange/programs");
    await at.sees("programs.none");
    await at.look("exchange-programs-none");
    await page.getByRole("link", { name: at.t("programs.add") }).click();
    await at.press("programs.addDo");
    await at.sees("programs.bad.name");
    await at.sees("programs.bad.redirects");
    await at.look("exchange-program-refused");
    await at.field("programs.name").fill("Growth chart");
    await page.getByRole("radio", { name: at.t("programs.kind.confidential") }).check();
    await page.locator("#program-redirects").fill(`${box.url}/back`);
    const pick = (kind, verb) => page.getByRole("checkbox", { name: `${kind}: ${at.t(`programs.verb.${verb}`)}`, exact: true });
    await pick("Everything", "r").uncheck();
    await pick("Vital signs", "r").check();
    await pick("Problems and diagnoses", "r").check();
    await page.getByRole("checkbox", { name: at.t("scope.word.offline_access") }).check();
    await page.getByText("patient/Observation.rs?category=vital-signs").first().waitFor();
    await at.press("programs.addDo");
    const secret = await page.getByTestId("program-secret").innerText();
    await at.look("exchange-program-secret");
    await at.press("users.secretDone");
    const id = await page.getByTestId("program-id").innerText();
    await at.sees("programs.holds.none");

    // The doctor is asked in plain words, takes one right away, finds the patient, and allows the rest.
    const scope = "offline_access patient/Observation.rs?category=vital-signs patient/Condition.rs";
    await page.goto(question(box, id, scope));
    await page.getByText("Read vital signs").waitFor();
    await page.getByRole("checkbox", { name: /Read problems/ }).uncheck();
    await page.locator("#find").fill("pawar");
    await page.keyboard.press("Enter");
    await page.getByText(at.t("consent.found"), { exact: true }).waitFor();
    if (await page.getByRole("checkbox", { name: /Read problems/ }).isChecked()) throw new Error("what was taken away came back");
    await at.look("consent");
    await page.getByRole("radio", { name: /Pawar/ }).check();
    await page.getByRole("button", { name: at.t("consent.yes"), exact: true }).click();
    await page.waitForURL(/\/back\?code=/);
    const token = (fields) => fetch(`${box.url}/oauth/token`, { method: "POST", body: new URLSearchParams({ client_id: id, ...fields }) });
    const code = new URL(page.url()).searchParams.get("code");
    const given = await (await token({ grant_type: "authorization_code", client_secret: secret, code, redirect_uri: `${box.url}/back`, code_verifier: VERIFIER })).json();
    const allowed = async () => (await fetch(`${box.url}/fhir/Observation`, { headers: { authorization: `Bearer ${given.access_token}` } })).status;
    if ((await allowed()) !== 200) throw new Error(`the program was not let in: ${JSON.stringify(given)}`);

    // Owner and doctor both see it; a new secret ends the old one alone; taking back ends the access.
    await page.goto(`/exchange/programs/${id}`);
    await page.getByTestId("program").getByText("Vilas Gaikwad").waitFor();
    await page.getByTestId("program").getByText("Read vital signs, one patient", { exact: false }).waitFor();
    await at.look("exchange-program");
    await at.press("programs.do.secret");
    await page.getByTestId("program-yes").click();
    const fresh = await page.getByTestId("program-secret").innerText();
    await at.press("users.secretDone");
    const refreshed = (using) => token({ grant_type: "refresh_token", client_secret: using, refresh_token: given.refresh_token });
    if (fresh === secret || (await refreshed(secret)).status !== 401) throw new Error("the old secret still counts");
    if ((await allowed()) !== 200) throw new Error("a new secret ended what people gave");
    await page.goto("/me");
    await page.getByTestId("own-consent").getByText("Growth chart").waitFor();
    await at.look("own-consents");
    await page.getByRole("button", { name: /^Take back what Growth chart/ }).click();
    await at.sees("me.consents.none");
    if ((await allowed()) !== 401) throw new Error("what was taken back still counts");
    await page.goto(`/exchange/programs/${id}`);
    await at.sees("programs.holds.none");
    await at.press("programs.do.off");
    await page.getByTestId("program-yes").click();
    await page.getByTestId("program").getByText(at.t("programs.off"), { exact: true }).waitFor();
    await page.goto(question(box, id, scope));
    await at.sees("consent.stop.program");
    await at.look("consent-refused");
    await at.leave();

    // The same in Hindi and dark, to look at.
    const hindi = await Visitor.arrive(browser, box, { lang: "hi", theme: "dark" });
    await signIn(hindi, owner);
    await hindi.page.goto(`/exchange/programs/${id}`);
    await hindi.press("programs.do.on");
    await hindi.page.getByTestId("program").getByText(hindi.t("programs.on"), { exact: true }).waitFor();
    await hindi.look("exchange-program");
    await hindi.page.goto("/exchange/programs/new");
    await hindi.sees("programs.kindOf");
    await hindi.look("exchange-program-new");
    await hindi.page.goto(question(box, id, scope));
    await hindi.sees("consent.asks");
    await hindi.look("consent");
    await hindi.leave();
  } finally {
    await box.stop();
  }
}

async function carriedOut(browser) {
  const box = await new Box().init().start();
  try {
    await box.hl7(adt(LAKSHMI));
    const owner = box.staff("vilas", "Vilas Gaikwad", "owner", "doctor");
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, owner);
    await page.goto("/exchange/jobs");
    await at.sees("jobs.none");
    await page.getByRole("radio", { name: at.t("jobs.types.some") }).check();
    await page.getByTestId("export-start").click();
    await at.sees("jobs.types.choose");
    await at.look("exchange-jobs-none");
    await page.getByRole("checkbox", { name: /Patient$/ }).check();
    await page.getByTestId("export-start").click();
    await page.getByTestId("job-state").filter({ hasText: at.t("jobs.state.done") }).waitFor();
    await at.press("jobs.files");
    const link = page.getByRole("link", { name: at.t("jobs.downloadWhich", { what: "Name, age, address and phone" }) });
    await link.waitFor();
    await at.look("exchange-jobs");
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    const lines = readFileSync(await download.path(), "utf8").trim().split("\n");
    if (lines.length !== 1 || JSON.parse(lines[0]).name[0].family !== "Pawar") throw new Error(`the export holds ${lines.length} lines`);
    await page.getByRole("button", { name: /^Delete what/ }).click();
    await page.locator("dialog").getByRole("button", { name: at.t("jobs.drop"), exact: true }).click();
    await at.sees("jobs.none");

    await page.goto("/exchange/parameters");
    await at.press("exchange.parameter.new");
    await at.press("save");
    await at.sees("exchange.parameter.missing");
    await at.look("exchange-parameter-refused");
    await page.locator("#parameter-code").fill("nick");
    await page.locator("#parameter-url").fill("http://clinic.example/SearchParameter/nick");
    await page.locator("#parameter-base").fill("Patient");
    await page.locator("#parameter-type").selectOption("string");
    await page.locator("#parameter-expression").fill("Patient.name.where(use = 'nickname').text");
    await page.locator("#parameter-description").fill("A name that friends use");
    await at.press("save");
    await page.getByRole("button", { name: "Nick", exact: true }).click();
    await page.getByRole("button", { name: at.t("exchange.change"), exact: true }).click();
    await page.locator("#parameter-description").fill("A name that only friends use");
    await at.press("save");
    await page.getByRole("button", { name: "Nick", exact: true }).click();
    await page.getByText("A name that only friends use").waitFor();
    await page.getByRole("button", { name: at.t("exchange.remove"), exact: true }).click();
    await page.locator("dialog").getByRole("button", { name: at.t("exchange.remove"), exact: true }).click();
    await at.sees("exchange.parameters.none");
    await at.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [
  ["an integrator asks as a person and as a machine, reads the answer, adds a profile", exchange],
  ["a program is registered, asks a doctor, is seen by both and ended by both", programs],
  ["an export is begun, fetched and deleted; a search parameter of the clinic comes and goes", carriedOut],
];
