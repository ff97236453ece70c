// What a call outlives: the worker that listens is killed, the box itself loses its power and comes back.
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../lib/calls.mjs";
import { ask, consultation, meet } from "../lib/room.mjs";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const bin = process.env.CLINICVAULT_BIN ?? join(root, process.env.CARGO_TARGET_DIR ?? "target", "debug", "clinicvault");
const models = join(dirname(dirname(bin)), "models");
const hears = existsSync(models) && readdirSync(models).length > 1;

/** The processes of the box that listen; they run from memory, which carries their name. */
function workers(box) {
  return box.children().filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/exe`).includes("scribe-worker");
    } catch {
      return false;
    }
  });
}

async function faults({ box, id, doctor, patient }) {
  for (const { page } of [doctor, patient]) await page.evaluate(() => window.meet());
  await meet(doctor, patient);

  if (hears) {
    for (const { page } of [doctor, patient]) await page.evaluate(() => window.room.agree(true));
    await until("a worker listens", () => workers(box).length > 0, 60);
    const before = workers(box);
    for (const pid of before) process.kill(pid, "SIGKILL");
    const killed = Date.now();
    await until("another worker listens", async () => workers(box).some((pid) => !before.includes(pid)), 20);
    console.log(`     another worker is there ${((Date.now() - killed) / 1000).toFixed(1)} s after the first was killed`);
    for (const { page } of [doctor, patient]) {
      if ((await page.evaluate(() => window.pcs.length)) !== 1) throw new Error("the call began anew for a worker's sake");
    }
    await meet(doctor, patient);
  } else console.log(`     skipped: no models in ${models}, so no worker to kill (make model)`);

  await doctor.page.evaluate(() => window.room.chat("Before the cut"));
  await until("it is written", async () => (await patient.page.evaluate(() => window.room.messages.length)) === 1);
  await box.crash();
  const back = Date.now();
  for (const { page } of [doctor, patient]) await until("back in the room", () => page.evaluate(() => window.seen.states.at(-1) === "in" && window.seen.states.length > 1), 60);
  await meet(doctor, patient);
  console.log(`     they see and hear each other again ${((Date.now() - back) / 1000).toFixed(1)} s after the box is back`);
  const texts = await patient.page.evaluate(() => window.room.messages.map((message) => message.text).join());
  if (texts !== "Before the cut") throw new Error(`written before the cut: ${texts}`);
  const { state } = await ask(doctor.page, "GET", `/api/consultations/${id}`);
  if (state !== "ACTIVE") throw new Error(`after the cut it is ${state}`);
}

export const walks = [["a call outlives its listener and a box that loses its power", () => consultation(faults, hears ? { CLINICVAULT_SCRIBE_MODELS_DIR: models } : {})]];
