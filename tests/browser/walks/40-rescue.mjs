// A box whose database is gone: after three starts in vain it says so on its page, and opens again when it is back.
import { renameSync } from "node:fs";
import { join } from "node:path";
import { Box } from "../lib/box.mjs";
import { Visitor } from "../lib/visitor.mjs";

async function rescued(browser) {
  const box = new Box({ NOTIFY_SOCKET: "/nonexistent/notify" }).init();
  const [database, aside] = ["vault.redb", "aside"].map((name) => join(box.data, name));
  renameSync(database, aside);
  for (let time = 0; time < 3; time += 1) {
    await box.start().then(() => Promise.reject(new Error("it started without its database")), () => {});
  }
  await box.start();
  try {
    const somebody = await Visitor.arrive(browser, box);
    await somebody.sees("rescue.title");
    await somebody.page.getByText("vault.redb").waitFor();
    await somebody.look("rescue");
    const reader = await Visitor.arrive(browser, box, { lang: "hi", theme: "dark" });
    await reader.sees("rescue.title");
    await reader.look("rescue");
    await reader.leave();
    renameSync(aside, database);
    await somebody.press("rescue.again");
    await somebody.page.locator("#signin-name").waitFor();
    await somebody.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["a box that failed too often says why, and tries again when somebody asks it to", rescued]];
