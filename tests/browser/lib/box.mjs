// One clinic for a walk: the real binary on a temporary folder, plain HTTP on loopback.
import { spawn, spawnSync } from "node:child_process";
import { createWriteStream, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const bin = process.env.CLINICVAULT_BIN ?? join(root, process.env.CARGO_TARGET_DIR ?? "target", "debug", "clinicvault");
// The environment without settings meant for another box.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CLINICVAULT_")));

export const OWNER = { username: "owner", password: "Peacock-register-77 margin" };

export class Box {
  /**
   * `settings` are variables of the box, `CLINICVAULT_SECTION_KEY`. A `place` is elsewhere than here: `before` the command that
   * goes there, `host` the address that it has there, where it is met by HTTPS.
   */
  constructor(settings = {}, place = {}) {
    this.env = { ...env, ...settings };
    this.place = { before: [], host: null, ...place };
    this.folder = mkdtempSync(join(tmpdir(), "clinicvault-walk-"));
    this.data = join(this.folder, "data");
    this.lines = [];
  }

  /** Runs a sub-command to its end and returns what it printed. */
  cli(...args) {
    const done = spawnSync(bin, [...args, "--data", this.data], { env: this.env, encoding: "utf8" });
    if (done.status !== 0) throw new Error(`clinicvault ${args.join(" ")}: ${done.error ?? done.stderr}`);
    return done.stdout;
  }

  /** Makes the clinic without a browser. */
  init() {
    const password = join(this.folder, "password");
    writeFileSync(password, OWNER.password);
    this.cli("init", "--owner", OWNER.username, "--password-file", password, "--unlock", "keyfile");
    return this;
  }

  /** Adds a member of staff; returns what signIn needs. */
  staff(username, name, ...roles) {
    const password = `${username.length * 3} mornings at the front desk`;
    const file = join(this.folder, "password");
    writeFileSync(file, password);
    const done = this.cli("user", "add", username, "--name", name, "--password-file", file, ...roles.flatMap((role) => ["--role", role]));
    if (!done.includes(username)) throw new Error(`user add: ${done}`);
    return { username, password, name };
  }

  /** Starts the box; resolves when it says `ready`. */
  async start() {
    // Once it has run, its pages are where browsers know them.
    const { before, host } = this.place;
    const listen = host ? (this.https ?? `${host}:0`) : "127.0.0.1:0";
    const serve = [bin, "serve", "--data", this.data, "--listen", listen, "--http", this.http ?? "127.0.0.1:0", "--mllp", "127.0.0.1:0"];
    const [command, ...args] = [...before, ...serve];
    this.child = spawn(command, args, { env: this.env, stdio: ["ignore", "pipe", "pipe"] });
    const log = createWriteStream(join(this.folder, "stderr"), { flags: "a" });
    this.child.stderr.pipe(log);
    let errors = "";
    this.child.stderr.on("data", (piece) => (errors = (errors + piece).slice(-4000)));
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the box did not get ready: ${errors}`)), 60_000);
      this.child.on("error", reject);
      this.child.on("exit", (code) => reject(new Error(`the box ended with ${code}: ${errors}`)));
      readline.createInterface({ input: this.child.stdout }).on("line", (line) => {
        this.lines.push(line);
        const [, what, address] = /^listening (\w+) (\S+)$/.exec(line) ?? [];
        if (what) this[what] = address;
        if (line === "ready") {
          clearTimeout(late);
          resolve();
        }
      });
    });
    this.child.removeAllListeners("exit");
    // Browsers treat localhost as a secure place, also without HTTPS.
    this.url = host ? `https://${this.https}` : `http://localhost:${this.http.split(":").at(-1)}`;
    return this;
  }

  /** The one-time code that the box printed for its first run. */
  get setupCode() {
    const found = this.lines.map((line) => /\bcode\b\W+([A-Z0-9][A-Z0-9-]{3,})/i.exec(line)?.[1]).find(Boolean);
    if (!found) throw new Error(`no setup code among: ${this.lines.join(" / ")}`);
    return found;
  }

  /** Sends one HL7 message and returns its acknowledgement. */
  hl7(message, to = this.mllp) {
    const [host, port] = to.split(":");
    return new Promise((resolve, reject) => {
      let got = "";
      const socket = net.connect(Number(port), host, () => socket.write(`\x0b${message}\x1c\r`));
      socket.setTimeout(30_000, () => socket.destroy(new Error("no acknowledgement in 30 s")));
      socket.on("error", reject);
      socket.on("data", (piece) => {
        got += piece.toString("utf8");
        if (got.endsWith("\x1c\r")) {
          socket.end();
          resolve(got.slice(1, -2));
        }
      });
    });
  }

  /** A machine client of `/fhir`; resolves to the parsed answer. */
  async fhir(method, path, body) {
    this.token ??= this.cli("token", "--scope", "system/*.cruds").trim().split("\n").at(-1);
    const answer = await fetch(`${this.url}/fhir${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/fhir+json" },
      body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Pulls the plug, and puts it in again. */
  async crash() {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await ended;
    return this.start();
  }

  /** The processes that the box has started and that run now. */
  children() {
    const tasks = `/proc/${this.child.pid}/task`;
    return readdirSync(tasks).flatMap((task) => {
      try {
        return readFileSync(`${tasks}/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number);
      } catch (error) {
        if (["ENOENT", "ESRCH"].includes(error.code)) return []; // a thread that has just ended
        throw error;
      }
    });
  }

  async stop() {
    if (this.child?.exitCode === null) {
      const ended = new Promise((resolve) => this.child.once("exit", resolve));
      this.child.kill("SIGTERM");
      const late = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(late);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
