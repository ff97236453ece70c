// What the walks over MLLP share: channels of the box, and records that come of a message.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { base, bin, resources, root, signedIn, token } from "./clinic.mjs";

const { env } = process;
const WITHIN = 30_000;

/** Where the listener of the settings is. */
export const mllp = { host: env.CLINIC_MLLP.split(":")[0], port: Number(env.CLINIC_MLLP.split(":")[1]) };

/** PEM file of a certificate or key of `peer`, `stranger` or `sender`. */
export const file = (name) => `${env.CLINIC_PEERS}/${name}`;
export const pem = (name) => readFileSync(file(name), "utf8");
export const fingerprint = (name) => new X509Certificate(pem(`${name}.crt`)).fingerprint256;

/** Asks until there is an answer. */
export async function until(what, ask) {
  const began = Date.now();
  for (;;) {
    const found = await ask();
    if (found) return found;
    assert.ok(Date.now() - began < WITHIN, `${what} in ${WITHIN / 1000} s`);
    await sleep(50);
  }
}

/** The records that a search finds, once there are so many. */
export function records(query, count = 1) {
  return until(`${count} of ${query}`, async () => {
    const answer = await fetch(`${base}/${query}`, { headers: { authorization: `Bearer ${token}` } });
    const found = resources(await answer.json()).filter((each) => each.resourceType !== "OperationOutcome");
    assert.ok(found.length <= count, `${query}: ${found.length} records`);
    return found.length === count && found;
  });
}

const owner = await signedIn("owner");

/** Writes a channel and waits until it runs; answers its line in the list. */
export async function channel(document) {
  const written = await fetch(`${root}/api/channels/${document.name}`, { method: "PUT", headers: owner, body: JSON.stringify(document) });
  assert.equal(written.status, 201, await written.text());
  return until(`channel ${document.name} runs`, async () => {
    const found = await line(document.name);
    return found.state === "running" && found;
  });
}

/** How a channel is. */
export async function line(name) {
  const { channels } = await (await fetch(`${root}/api/channels`, { headers: owner })).json();
  return channels.find((each) => each.name === name);
}

/** Takes a channel away. */
export async function without(name) {
  const answer = await fetch(`${root}/api/channels/${name}`, { method: "DELETE", headers: { ...owner, "if-match": 'W/"1"' } });
  assert.ok(answer.ok, await answer.text());
}

/** A port that is free now. */
export async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  // The peers take no port above 65353.
  return port > 65353 ? freePort() : port;
}

/** Runs the program while this process goes on answering; answers what it printed. */
export async function program(...args) {
  const child = spawn(bin, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (said += piece));
  const status = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(status, 0, said);
  return said;
}
