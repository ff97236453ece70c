// A call from behind a NAT, over a relay, with losses and a cut; run by packaging/call-net.sh inside the namespace of the
// home, which passes the names of the others. Ends with `N passed, N failed`.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allMeet, inCall, until } from "./lib/calls.mjs";
import { moves } from "./lib/consultation.mjs";
import { spoken } from "./lib/spoken.mjs";

const { NS_BOX, NS_RELAY, NS_NAT, IP_BOX, IP_RELAY } = process.env;
const SECRET = "a secret of the relay and the box";
const nft = (...words) => execFileSync("ip", ["netns", "exec", NS_NAT, "nft", ...words], { encoding: "utf8" });

// The relay looks into its table of users even when names carry their own proof, and makes an empty one in a new file.
const folder = mkdtempSync(join(tmpdir(), "clinicvault-relay-"));
const relay = spawn("ip", ["netns", "exec", NS_RELAY, "turnserver", "-n", "--listening-ip", IP_RELAY, "--relay-ip", IP_RELAY,
  "--use-auth-secret", "--static-auth-secret", SECRET, "--realm", "clinic", "--no-cli", "--no-tls", "--no-dtls",
  "--pidfile", "/dev/null", "--userdb", join(folder, "users"), "--log-file", "stdout"], { stdio: ["ignore", "pipe", "pipe"] });
let log = "";
relay.stdout.on("data", (piece) => (log = (log + piece).slice(-8000)));
relay.stderr.on("data", (piece) => (log = (log + piece).slice(-8000)));

/** Everything between home and box goes this way, or the test would show nothing. */
async function overRelay(person) {
  const pair = await person.page.evaluate(async () => {
    const all = [...(await pc.getStats()).values()];
    const pair = all.find((r) => r.type === "candidate-pair" && r.nominated && r.state === "succeeded");
    return all.find((r) => r.id === pair?.localCandidateId)?.candidateType;
  });
  if (pair !== "relay") throw new Error(`${person.name} goes by ${pair}`);
}

const box = (walk) => inCall(["--ip", IP_BOX, "--turn", `turn:${IP_RELAY}:3478?transport=udp`, "--secret", SECRET], walk, ["ip", "netns", "exec", NS_BOX]);

/** A whole consultation: doctor and box in the clinic, the patient at home, reached by the relay alone; then nothing for ten seconds. */
async function whole() {
  const there = ["ip", "netns", "exec", NS_BOX];
  const chromiumThere = join(folder, "chromium");
  writeFileSync(chromiumThere, `#!/bin/sh\nexec ${there.join(" ")} ${process.env.CHROMIUM ?? "/usr/bin/chromium"} "$@"\n`, { mode: 0o755 });
  const secret = join(folder, "secret");
  writeFileSync(secret, SECRET);
  const settings = {
    CLINICVAULT_CALLS_ADDRESSES: JSON.stringify([IP_BOX]),
    CLINICVAULT_CALLS_TURN: JSON.stringify([`turn:${IP_RELAY}:3478?transport=udp`]),
    CLINICVAULT_CALLS_TURN_SECRET_FILE: secret,
  };
  const onlyTheRelay = () => nft("add", "rule", "ip", "call", "through", "ip", "daddr", IP_BOX, "meta", "l4proto", "udp", "drop");
  onlyTheRelay();
  const arrive = ({ context }) => context.addInitScript(() => {
    const Own = RTCPeerConnection;
    window.RTCPeerConnection = class extends Own {
      constructor(...config) {
        super(...config);
        window.pc = this;
      }
    };
  });
  const during = async ({ doctor, patient }) => {
    await overRelay({ name: "the patient", page: patient.page });
    const lines = () => doctor.page.getByTestId("captions").locator("li").filter({ hasText: "Farida" }).count();
    const before = await lines();
    nft("add", "rule", "ip", "call", "through", "drop");
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    nft("flush", "chain", "ip", "call", "through");
    onlyTheRelay();
    const mended = Date.now();
    await Promise.all([moves(doctor, "the doctor"), moves(patient, "the patient")]);
    console.log(`     pictures move ${((Date.now() - mended) / 1000).toFixed(1)} s after the line was mended`);
    await until("the patient is written along again", async () => (await lines()) > before, 60);
    await overRelay({ name: "the patient", page: patient.page });
    // What the browser says of requests that did not come through the cut.
    for (const one of [doctor, patient]) one.faults = one.faults.filter((fault) => !/net::ERR_|WebSocket/.test(fault));
  };
  await spoken({ place: { before: there, host: IP_BOX }, settings, chromiumThere, arrive, during });
}

const walks = [
  ["straight through the NAT", () => box(async ({ come }) => {
    await allMeet([await come(150), await come(230)]);
  })],
  ["with 5 % of all packets lost each way", () => box(async ({ come }) => {
    nft("add", "rule", "ip", "call", "through", "meta", "l4proto", "udp", "numgen", "random", "mod", "100", "<", "5", "drop");
    const people = [await come(150), await come(230)];
    await allMeet(people);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    await allMeet(people);
    const meters = (await people[0].state()).quality;
    if (!meters?.some((m) => m.uplinkLost > 0.01)) throw new Error(`the meter shows no loss: ${JSON.stringify(meters)}`);
  })],
  ["over a relay, forced", () => box(async ({ come }) => {
    const people = [await come(150, "?policy=relay"), await come(230, "?policy=relay")];
    await allMeet(people);
    for (const one of people) await overRelay(one);
  })],
  ["over a relay, because nothing else gets through", () => box(async ({ come }) => {
    nft("add", "rule", "ip", "call", "through", "ip", "daddr", IP_BOX, "meta", "l4proto", "udp", "drop");
    const people = [await come(150), await come(230)];
    await allMeet(people);
    for (const one of people) await overRelay(one);
  })],
  ["cut for ten seconds at the NAT", () => box(async ({ come }) => {
    const people = [await come(150), await come(230)];
    await allMeet(people);
    nft("add", "rule", "ip", "call", "through", "meta", "l4proto", "udp", "drop");
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    nft("flush", "chain", "ip", "call", "through");
    const mended = Date.now();
    await allMeet(people);
    console.log(`     pictures move ${((Date.now() - mended) / 1000).toFixed(1)} s after the line was mended`);
    await until("a restart was offered", async () => (await people[0].state()).restarts > 0);
  })],
  ["a whole consultation over a relay, cut for ten seconds", whole],
];

const only = process.argv[2] ?? "";
let passed = 0, failed = 0;
for (const [name, walk] of walks.filter(([name]) => name.includes(only))) {
  nft("flush", "chain", "ip", "call", "through");
  const began = Date.now();
  try {
    await walk();
    passed++;
    console.log(`ok   ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}\n    ${error?.stack ?? error}\n${log.split("\n").slice(-15).join("\n")}`);
  }
}
relay.kill();
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
