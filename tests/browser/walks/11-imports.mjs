// Records taken in by hand: what is wrong is said at its field, the import shows how far it is and what it left out; and a
// search parameter of one's own shows how far records are indexed by it.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Box } from "../lib/box.mjs";
import { adt } from "../lib/messages.mjs";
import { signIn } from "../lib/steps.mjs";
import { DESK, PHONE, Visitor } from "../lib/visitor.mjs";

const LAKSHMI = { number: "88120", family: "Pawar", given: "Lakshmi Devi", birth: "19680314", phone: "7000041207" };
const PEOPLE = 3_000;

const person = (n) => ({ resourceType: "Patient", id: `old-${n}`, name: [{ family: `Kadam ${n}`, given: ["Asha"] }, { use: "nickname", text: `Nick ${n}` }], gender: "female" });

/** What the box's own export gives of a type, as NDJSON. */
async function exported(box, type) {
  await box.fhir("GET", "/Patient?_summary=count");
  const headers = { authorization: `Bearer ${box.token}` };
  const asked = await fetch(`${box.url}/fhir/$export?_type=${type}`, { headers: { ...headers, prefer: "respond-async" } });
  const state = asked.headers.get("content-location");
  for (;;) {
    const answer = await fetch(state, { headers });
    if (answer.status === 200) {
      const [file] = (await answer.json()).output;
      return (await fetch(file.url, { headers })).text();
    }
    if (answer.status !== 202) throw new Error(`the export: ${answer.status} ${await answer.text()}`);
    await new Promise((done) => setTimeout(done, 200));
  }
}

async function imports(browser) {
  const box = await new Box().init().start();
  try {
    await box.hl7(adt(LAKSHMI));
    const owner = box.staff("vilas", "Vilas Gaikwad", "owner", "doctor");
    const lines = (await exported(box, "Patient")).trim().split("\n").map((line) => JSON.parse(line));
    lines[0].name[0].given = ["Lakshmi"];
    const file = join(box.folder, "people.ndjson");
    const wrong = { ...person("x"), gender: "lady" };
    writeFileSync(file, [...lines, wrong, ...Array.from({ length: PEOPLE }, (_, n) => person(n))].map((one) => JSON.stringify(one)).join("\n"));
    const torn = join(box.folder, "torn.ndjson");
    writeFileSync(torn, `${JSON.stringify(person(1))}\n{"resourceType": "Pat\n`);

    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, owner);
    await page.goto("/exchange/jobs");
    await page.getByRole("radio", { name: at.t("jobs.way.import") }).check({ force: true });
    const source = page.locator("#import-source");

    // Nothing said, and an address that is none: each is refused at its field, which gets the focus.
    await page.getByTestId("import-start").click();
    await at.sees("jobs.import.badSource");
    await at.sees("jobs.import.noFile");
    await page.waitForFunction(() => document.activeElement?.id === "import-source");
    await source.fill("the old desk");
    await page.getByTestId("import-start").click();
    await at.sees("jobs.import.badSource");
    if ((await source.getAttribute("aria-invalid")) !== "true") throw new Error("the field does not say that it is refused");
    await at.look("exchange-import-refused");
    await page.getByRole("radio", { name: at.t("jobs.import.folder") }).check();
    await page.locator("#import-names").fill("people.ndjson");
    await source.fill("urn:old-desk");
    await page.getByTestId("import-start").click();
    await at.sees("jobs.import.badNames");
    await at.look("exchange-import-folder-refused");

    // A file with a torn line takes nothing in.
    await page.getByRole("radio", { name: at.t("jobs.import.device") }).check();
    await page.locator("#import-files").setInputFiles(torn);
    await page.getByTestId("import-start").click();
    await at.sees("jobs.import.badLine", { n: 2, file: "torn.ndjson" });
    await at.look("exchange-import-torn");

    // What the box gave out itself comes back changed, with many more and one that cannot be taken in.
    await page.setViewportSize(PHONE);
    await page.locator("#import-files").setInputFiles(file);
    await page.getByTestId("import-start").click();
    const row = page.getByTestId("job-row").filter({ hasText: at.t("jobs.kind.import") });
    await row.locator("progress").first().waitFor();
    // On a telephone the list stands below the form, and is shown when something was begun.
    await page.waitForFunction(() => document.getElementById("jobs-title").getBoundingClientRect().top < innerHeight / 2);
    await page.setViewportSize(DESK);
    await at.look("exchange-import-runs");
    await row.getByTestId("job-state").filter({ hasText: at.t("jobs.state.done") }).waitFor({ timeout: 120_000 });
    await row.getByText(at.t("jobs.problems.one", { n: 1 })).waitFor();
    await row.getByRole("button", { name: at.t("jobs.files") }).click();
    await row.getByText(/gender: "lady"/).first().waitFor();
    await at.look("exchange-import-done");
    const { total } = await box.fhir("GET", "/Patient?_summary=count");
    if (total !== PEOPLE + 1) throw new Error(`${total} patients are here`);
    const changed = await box.fhir("GET", "/Patient?given:exact=Lakshmi&_summary=count");
    if (changed.total !== 1) throw new Error("the record that was here has not got the version of the file");
    await at.leave();
  } finally {
    await box.stop();
  }
}

async function indexed(browser) {
  const box = await new Box().init().start();
  try {
    for (let from = 0; from < 3_000; from += 500) {
      const entry = Array.from({ length: 500 }, (_, n) => ({ resource: person(from + n), request: { method: "PUT", url: `Patient/old-${from + n}` } }));
      await box.fhir("POST", "", { resourceType: "Bundle", type: "transaction", entry });
    }
    const owner = box.staff("vilas", "Vilas Gaikwad", "owner", "doctor");
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, owner);
    await page.goto("/exchange/parameters");
    await at.press("exchange.parameter.new");
    await page.locator("#parameter-code").fill("nick");
    await page.locator("#parameter-url").fill("http://clinic.example/SearchParameter/nick");
    await page.locator("#parameter-base").fill("Patient");
    await page.locator("#parameter-type").selectOption("string");
    await page.locator("#parameter-expression").fill("Patient.name.where(use = 'nickname').text");
    await page.locator("#parameter-description").fill("A name that friends use");
    await at.press("save");
    // How far it is is said while it is not whole, and until then nobody gets half of an answer.
    const far = page.getByText(/^Indexing, \d+ %$/);
    const ready = page.getByText(at.t("exchange.index.ready"), { exact: true });
    await far.or(ready).first().waitFor();
    await at.look("exchange-parameter-indexing");
    await ready.first().waitFor({ timeout: 120_000 });
    await at.look("exchange-parameter-ready");
    const { total } = await box.fhir("GET", "/Patient?nick=nick%2042&_summary=count");
    if (total !== 11) throw new Error(`${total} are found by it`);
    await at.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [
  ["an import is refused at its fields, shows how far it is, and says what it left out", imports],
  ["a search parameter of the clinic says how far records are indexed by it", indexed],
];
