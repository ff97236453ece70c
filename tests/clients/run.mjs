// FHIR clients of other makers against the real binary over HTTPS, and HL7 v2 senders and receivers of other makers over MLLP,
// with the invented clinic of `clinicvault demo`.
// The clinic's own certificate authority is trusted the way each client is told to trust one; nothing is switched off.
// Ends with `N passed, N failed`.
// usage: node run.mjs node [part of a file's name] | node run.mjs python PYTHON [pytest arguments]
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { Box } from "../browser/lib/box.mjs";

// What `clinicvault demo` prints, and one account for each role that the demo has nobody for.
const PASSWORD = "eleven mangoes on a bicycle";
const STAFF = { meera: "owner", imran: "doctor", rekha: "nurse", sanjana: "reception", vikas: "lab" };
const MORE = { deepa: "dispenser", kiran: "cashier", anita: "auditor" };

/** A certificate that somebody at `localhost` made for itself, with its key: NAME.crt and NAME.key, PEM. */
function certificate(folder, name) {
  const [crt, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  const made = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", crt, "-keyout", key],
  ]);
  if (made.status !== 0) throw new Error(`openssl: ${made.error ?? made.stderr}`);
}

/** Certificates for MLLP over TLS: of the peer, of a stranger, and one that the box shows to receivers. */
function certificates(box) {
  const folder = join(box.folder, "peers");
  const own = join(box.data, "tls");
  for (const each of [folder, own]) mkdirSync(each, { recursive: true });
  for (const name of ["peer", "stranger", "sender"]) certificate(folder, name);
  for (const file of ["sender.crt", "sender.key"]) copyFileSync(join(folder, file), join(own, file));
  return folder;
}

async function opened() {
  const box = new Box({ CLINICVAULT_SESSIONS_SECOND_FACTOR: "optional" });
  box.cli("demo");
  const peers = certificates(box);
  await box.start();
  const password = join(box.folder, "password");
  writeFileSync(password, PASSWORD);
  for (const [name, role] of Object.entries(MORE)) {
    box.cli("user", "add", name, "--name", name, "--role", role, "--password-file", password);
  }
  const ca = join(box.folder, "ca.pem");
  writeFileSync(ca, box.cli("ca"));
  const root = `https://localhost:${box.https.split(":").at(-1)}`;
  Object.assign(process.env, {
    CLINIC_ROOT: root,
    CLINIC_BASE: `${root}/fhir`,
    CLINIC_DATA: box.data,
    CLINIC_CA: ca,
    CLINIC_MLLP: box.mllp,
    CLINIC_PEERS: peers,
    CLINIC_TOKEN: box.cli("token", "--scope", "system/*.cruds", "--name", "clients").trim().split("\n").at(-1),
    CLINIC_STAFF: JSON.stringify({ ...STAFF, ...MORE }),
    CLINIC_PASSWORD: PASSWORD,
    // Node reads its list of authorities when a process starts: the walks run in processes of their own.
    NODE_EXTRA_CA_CERTS: ca,
    // What Python's ssl module and `requests` read.
    SSL_CERT_FILE: ca,
    REQUESTS_CA_BUNDLE: ca,
    HYPOTHESIS_STORAGE_DIRECTORY: join(box.folder, "hypothesis"),
  });
  await settled(box.url, process.env.CLINIC_TOKEN);
  return box;
}

/** Waits until searches no longer say that the index of this clinic, which was filled before the first start, is renewed. */
async function settled(url, token) {
  for (;;) {
    const answer = await fetch(`${url}/fhir/Patient?_count=1`, { headers: { authorization: `Bearer ${token}` } });
    const { entry } = await answer.json();
    if (!entry.some(({ search }) => search.mode === "outcome")) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function node(only = "") {
  const folder = fileURLToPath(new URL("node/walks/", import.meta.url));
  const files = readdirSync(folder).filter((name) => name.endsWith(".mjs") && name.includes(only)).sort();
  const walks = run({ files: files.map((name) => join(folder, name)), concurrency: 2, timeout: 300_000 });
  let passed = 0;
  let failed = 0;
  walks.on("test:pass", (event) => (passed += event.details.type !== "suite" && event.skip === undefined));
  walks.on("test:fail", () => failed++);
  walks.compose(new spec()).pipe(process.stdout);
  await new Promise((resolve) => walks.on("end", resolve));
  return [passed, failed];
}

async function python(interpreter, ...more) {
  const folder = fileURLToPath(new URL("python/", import.meta.url));
  const tests = spawn(interpreter, ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", folder, ...more], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
  });
  let last = "";
  tests.stdout.on("data", (piece) => {
    process.stdout.write(piece);
    last = (last + piece).slice(-2000);
  });
  const status = await new Promise((resolve) => tests.on("close", resolve));
  const count = (what) => Number(last.match(new RegExp(`(\\d+) ${what}`, "g"))?.at(-1).split(" ")[0] ?? 0);
  const [passed, failed] = [count("passed"), count("failed") + count("error")];
  return [passed, failed === 0 && status !== 0 ? 1 : failed];
}

const [which, ...rest] = process.argv.slice(2);
const box = await opened();
let [passed, failed] = [0, 1];
try {
  [passed, failed] = await { node, python }[which](...rest);
} finally {
  await box.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
