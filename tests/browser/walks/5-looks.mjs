// Every screen in Hindi and in the dark as well: nothing untranslated, no accessibility fault, no sideways scroll.
import { Box } from "../lib/box.mjs";
import { adt, oru } from "../lib/messages.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

const LAKSHMI = { number: "88120", family: "Pawar", given: "Lakshmi Devi Chandrashekhar Venkataramanan", birth: "19680314", phone: "7000041207" };

/** Screens by address; `{id}` is the patient, `{seq}` a message. */
const SCREENS = {
  doctor: [["home", "/"], ["patients", "/patients"], ["register", "/patients/new"], ["chart", "/patients/{id}"], ["chart-visits", "/patients/{id}/visits"], ["chart-medicines", "/patients/{id}/medicines"], ["chart-files", "/patients/{id}/files"], ["access-log", "/patients/{id}/log"], ["inbox", "/messages"], ["message", "/messages/{seq}"], ["me", "/me"], ["nowhere", "/no-such-page"]],
  owner: [["home-owner", "/"], ["users", "/users"], ["medicines", "/medicines"], ["box", "/box"], ["box-trail", "/box/trail"], ["machines", "/box/tokens"], ["exchange", "/exchange"], ["exchange-profiles", "/exchange/profiles"], ["exchange-parameters", "/exchange/parameters"]],
};

async function tour(browser, lang, theme) {
  const box = await new Box().init().start();
  try {
    await box.hl7(adt(LAKSHMI));
    for (const [glucose, at] of [["118", "20251103083000+0530"], ["212", "20260203083000+0530"]]) await box.hl7(oru({ ...LAKSHMI, glucose, at }));
    const people = { doctor: box.staff("meera", "Dr Meera Kulkarni", "doctor"), owner: box.staff("vilas", "Vilas Gaikwad", "owner") };
    const found = await box.fhir("GET", "/Patient?identifier=88120");
    const id = found.entry[0].resource.id;
    for (const [role, screens] of Object.entries(SCREENS)) {
      const at = await Visitor.arrive(browser, box, { lang, theme });
      const { page } = at;
      await page.locator(`.langs button[lang=${lang}]`).click();
      await page.locator(`html[lang=${lang}]`).waitFor();
      await at.look(`sign-in-${role}`);
      await signIn(at, people[role]);
      let seq;
      for (const [name, path] of screens) {
        // The list was the screen before.
        if (path.includes("{seq}")) seq = await page.getByTestId("inbox-row").first().locator("a").getAttribute("href");
        await page.goto(seq ?? path.replace("{id}", id));
        seq = undefined;
        await page.locator("h1").first().waitFor({ state: "attached" });
        await page.waitForLoadState("networkidle");
        await at.look(name);
        if (lang === "hi") await translated(at, name);
      }
      await at.leave();
    }
  } finally {
    await box.stop();
  }
}

/** A Hindi page shows its own words: headings, buttons and labels hold no plain English sentence. */
async function translated(at, name) {
  const left = await at.page.evaluate(() => {
    const own = (el) => !el.closest("[translate=no], [lang=en], .mono, kbd, code");
    return [...document.querySelectorAll("h1, h2, button, label, legend, summary, th")]
      .filter((el) => own(el) && el.checkVisibility())
      .map((el) => [...el.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).join(" "))
      .filter((text) => /^[A-Za-z][A-Za-z ,.'?-]{8,}$/.test(text));
  });
  at.faults.push(...left.map((text) => `not translated on ${name}: ${text}`));
}

export const walks = [
  ["every screen in Hindi", (browser) => tour(browser, "hi", "light")],
  ["every screen in the dark", (browser) => tour(browser, "en", "dark")],
  ["every screen in Hindi in the dark", (browser) => tour(browser, "hi", "dark")],
];
