// Calls between real browsers over the media crate's own small server (appliance/media/examples/call_server.rs).
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const bin = process.env.CLINICVAULT_BIN ?? join(root, process.env.CARGO_TARGET_DIR ?? "target", "debug", "clinicvault");
const server = process.env.CLINICVAULT_CALL_SERVER ?? join(dirname(bin), "examples", "call_server");
export const RATE = 16_000;

/** Three seconds of a gliding tone with overtones that swells, different for each `pitch`: no two moments sound alike. */
export function clip(pitch) {
  const samples = new Float32Array(3 * RATE);
  let phase = 0;
  for (let i = 0; i < samples.length; i++) {
    const t = i / RATE;
    phase += (2 * Math.PI * (pitch + 60 * t)) / RATE;
    const tone = Math.sin(phase) + Math.sin(2 * phase) / 2 + Math.sin(3 * phase) / 3;
    samples[i] = 0.25 * tone * (0.6 + 0.4 * Math.sin(t * 25));
  }
  return samples;
}

export function wav(samples) {
  const bytes = Buffer.alloc(44 + samples.length * 2);
  bytes.write("RIFF", 0); bytes.writeUInt32LE(36 + samples.length * 2, 4); bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16); bytes.writeUInt16LE(1, 20); bytes.writeUInt16LE(1, 22); bytes.writeUInt32LE(RATE, 24);
  bytes.writeUInt32LE(RATE * 2, 28); bytes.writeUInt16LE(2, 32); bytes.writeUInt16LE(16, 34);
  bytes.write("data", 36); bytes.writeUInt32LE(samples.length * 2, 40);
  samples.forEach((s, i) => bytes.writeInt16LE(Math.round(s * 32767), 44 + i * 2));
  return bytes;
}

/** How alike a piece of what was heard is to the clip at its best place, 0 to 1. */
export function alike(heard, said) {
  const piece = heard.subarray(0, RATE / 2);
  const looped = Float32Array.from({ length: said.length + piece.length }, (_, i) => said[i % said.length]);
  const own = Math.sqrt(piece.reduce((sum, s) => sum + s * s, 0));
  let best = 0;
  for (let at = 0; at < said.length; at++) {
    let dot = 0, power = 0;
    for (let i = 0; i < piece.length; i++) { dot += piece[i] * looped[at + i]; power += looped[at + i] ** 2; }
    best = Math.max(best, dot / (own * Math.sqrt(power) || 1));
  }
  return best;
}

/** The server and as many browsers as are asked for; closed again at the end. `before` stands before the server's command. */
export async function inCall(args, walk, before = []) {
  const folder = mkdtempSync(join(tmpdir(), "clinicvault-call-"));
  const [command, ...rest] = [...before, server, ...args];
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"] });
  const browsers = [];
  try {
    const address = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`call_server ended with ${code}`)));
      readline.createInterface({ input: child.stdout }).on("line", (line) => line.startsWith("ready ") && resolve(line.slice(6)));
    });
    const come = async (pitch, query = "") => {
      const file = join(folder, `${pitch}.wav`);
      writeFileSync(file, wav(clip(pitch)));
      const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        args: [
          "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--autoplay-policy=no-user-gesture-required",
          `--unsafely-treat-insecure-origin-as-secure=http://${address}`,
          "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", `--use-file-for-fake-audio-capture=${file}`,
        ],
      });
      browsers.push(browser);
      const page = await browser.newPage();
      await page.goto(`http://${address}/${query}`);
      await page.evaluate(() => start());
      await until(`${pitch} is in`, () => page.evaluate(() => call.you > 0 || call.refused));
      const you = await page.evaluate(() => call.you);
      return { page, you, name: `p${you}`, state: () => page.evaluate(() => ({ ...call, streams: Object.keys(call.streams) })) };
    };
    await walk({ come, post: (path) => fetch(`http://${address}/${path}`, { method: "POST" }), address });
  } finally {
    for (const browser of browsers) await browser.close();
    child.removeAllListeners("exit");
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function until(what, holds, seconds = 30) {
  const late = Date.now() + seconds * 1000;
  let last;
  while (Date.now() < late) {
    last = await holds();
    if (last) return last;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never: ${what}`);
}

/** Everybody decodes more and more pictures of everybody else, and hears him. */
export async function allMeet(people) {
  for (const one of people) {
    const others = people.filter((p) => p !== one).map((p) => p.name).sort();
    let before = {};
    const met = async () => {
      const now = await one.page.evaluate(() => look());
      const good = others.every((o) => now[o]?.frames > (before[o]?.frames ?? Infinity) && now[o]?.level > 0.02);
      before = now;
      return good;
    };
    await until(`${others} move and are loud at ${one.name}`, met).catch(async (error) => {
      throw new Error(`${error.message}: ${JSON.stringify({ before, state: await one.state() })}`);
    });
    const state = await one.state();
    if (state.refused) throw new Error(`the box refused ${one.name}: ${state.refused}`);
    if (state.streams.sort().join() !== others.join()) throw new Error(`${one.name} has ${state.streams}, not ${others}`);
  }
}

