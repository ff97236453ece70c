import { Box } from "../lib/box.mjs";
import { adt, oru } from "../lib/messages.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

const FAMILIES = ["Venkatanarasimharajuvaripeta", "Pawar", "Thorat", "Kale"];
const person = (n) => ({ number: `8812${n}`, family: FAMILIES[n], given: "Lakshmi Narasimha", birth: "19680314", phone: `700004120${n}` });

/** A list is as long as said, after the time a person needs to see it. */
async function rows(at, expected) {
  for (let tries = 0; tries < 50; tries++) {
    if ((await at.page.getByTestId("inbox-row").count()) === expected) return;
    await at.page.waitForTimeout(100);
  }
  throw new Error(`${await at.page.getByTestId("inbox-row").count()} messages are listed instead of ${expected}`);
}

async function finding(browser) {
  const box = await new Box().init().start();
  try {
    for (const n of FAMILIES.keys()) {
      await box.hl7(adt(person(n)));
      await box.hl7(oru({ ...person(n), glucose: "112.50" }));
    }
    const doctor = box.staff("asha", "Asha Bhosale", "doctor");
    const at = await Visitor.arrive(browser, box);
    await signIn(at, doctor);
    await at.page.goto("/messages");
    await rows(at, 8);
    await at.page.keyboard.press("f");
    await at.page.keyboard.type("pawar oru", { delay: 20 });
    await rows(at, 1);
    await at.look("messages-found");
    const find = at.page.getByTestId("inbox-find");
    await find.fill("88123");
    await rows(at, 2);
    await find.fill("nobody");
    await at.sees("inbox.empty.found");
    await find.fill("");
    await rows(at, 8);
    await at.page.getByTestId("inbox-days").click();
    await at.page.getByTestId("inbox-to").fill("2020-01-31");
    await rows(at, 0);
    await at.look("messages-days");
    await at.page.getByTestId("inbox-days").click();
    await rows(at, 8);
    await at.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["a doctor finds a laboratory's message by name, number and day", finding]];
