// The owner looks after the box: how it is at the moment, and who did what, also what was refused.
import { Box } from "../lib/box.mjs";
import { until } from "../lib/calls.mjs";
import { asked } from "../lib/consultation.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

async function lookedAfter(browser) {
  const box = await new Box().init().start();
  try {
    const asha = box.staff("asha", "Asha Rao", "owner");
    box.staff("meera", "Dr Meera Rao", "doctor");
    const stranger = await Visitor.arrive(browser, box);
    await stranger.page.locator("#signin-name").fill("meera");
    await stranger.page.locator("#signin-password").fill("a guess of somebody else");
    await stranger.press("signin.go");
    await stranger.page.getByRole("alert").first().waitFor();
    await stranger.leave();

    const owner = await Visitor.arrive(browser, box);
    await signIn(owner, asha);
    await owner.page.locator(".who").first().waitFor();
    await owner.page.goto("/box");
    await owner.page.getByTestId("now-doctor").getByText("Dr Meera Rao").waitFor();
    const machine = owner.page.getByTestId("now-machine");
    await until("the machine has memory and disk", async () => (await machine.getByRole("meter").count()) === 3 && !(await machine.innerText()).includes("0.0 GB"));
    const { machine: told } = await asked(owner, "GET", "/api/live");
    if (!(told.ownMemory > 10_000_000 && told.disk > told.diskFree)) throw new Error(JSON.stringify(told));
    await owner.look("box-now");

    await owner.page.getByRole("link", { name: owner.t("box.tab.trail") }).click();
    const lines = owner.page.getByTestId("trail-line");
    await lines.first().waitFor();
    const all = await lines.count();
    await owner.page.getByLabel(owner.t("trail.refused")).check();
    await lines.filter({ hasText: owner.t("log.action.loginFailed") }).first().waitFor();
    await until("only what was refused or failed", async () => (await lines.count()) < all);
    await owner.page.getByTestId("trail-who").fill("nobody of this name");
    await owner.page.keyboard.press("Enter");
    await owner.sees("trail.none");
    await owner.look("box-trail-none");
    await owner.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["the owner sees how the box is and who did what", lookedAfter]];
