// The clinic that run.mjs opened, and small things the walks share.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";

const { env } = process;
export const base = env.CLINIC_BASE;
export const root = env.CLINIC_ROOT;
export const token = env.CLINIC_TOKEN;
export const staff = Object.entries(JSON.parse(env.CLINIC_STAFF)).map(([username, role]) => ({ username, role, password: env.CLINIC_PASSWORD }));
export const SYSTEM = "http://clients.example/number";

const repository = fileURLToPath(new URL("../../../../", import.meta.url));
export const bin = env.CLINICVAULT_BIN ?? `${repository}${env.CARGO_TARGET_DIR ?? "target"}/debug/clinicvault`;

/** Runs a sub-command on the running clinic and returns what it printed. */
export function cli(...args) {
  const plain = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("CLINICVAULT_")));
  const done = spawnSync(bin, [...args, "--data", env.CLINIC_DATA], { env: plain, encoding: "utf8" });
  assert.equal(done.status, 0, `clinicvault ${args.join(" ")}: ${done.stderr}`);
  return done.stdout;
}

/** A bearer token with this scope. */
export const tokenFor = (scope) => cli("token", "--scope", scope, "--name", scope).trim().split("\n").at(-1);

/** A word that no other walk uses; letters only, so that it is one search term. */
export const word = () => "W" + randomUUID().replace(/-/g, "").replace(/\d/g, (digit) => "ghijklmnop"[digit]);

export const number = () => randomUUID();

export function patient(family, more = {}) {
  return {
    resourceType: "Patient",
    identifier: [{ system: SYSTEM, value: number() }],
    name: [{ family, given: ["Asha"] }],
    gender: "female",
    birthDate: "1984-02-29",
    ...more,
  };
}

export function potassium(subject, value, when = "2026-03-04T09:30:00+05:30", more = {}) {
  return {
    resourceType: "Observation",
    status: "final",
    code: { coding: [{ system: "http://loinc.org", code: "2823-3" }] },
    subject: { reference: subject },
    effectiveDateTime: when,
    valueQuantity: { value, unit: "mmol/L", system: "http://unitsofmeasure.org", code: "mmol/L" },
    ...more,
  };
}

/** Checks that a value is an OperationOutcome that says something, with this code. */
export function outcome(value, code) {
  assert.equal(value?.resourceType, "OperationOutcome", JSON.stringify(value));
  assert.ok(value.issue.length > 0);
  for (const issue of value.issue) {
    assert.match(issue.severity, /^(fatal|error|warning|information)$/);
    assert.ok(issue.diagnostics || issue.details?.text, JSON.stringify(issue));
  }
  if (code) assert.equal(value.issue[0].code, code, JSON.stringify(value));
  return value;
}

const statement = await (await fetch(`${base}/metadata`)).json();

/** Options of a walk that runs where the box says that it has these operations; `Type/name`, or `name` for all of it. */
export function needs(...operations) {
  const [rest] = statement.rest;
  const lacks = operations.filter((each) => {
    const [name, type] = each.split("/").reverse();
    const offered = type ? rest.resource.find((resource) => resource.type === type)?.operation : rest.operation;
    return !offered?.some((operation) => operation.name === name);
  });
  return lacks.length === 0 ? {} : { skip: `the box does not offer ${lacks.join(", ")}` };
}

/** Options of a walk that runs where the box says that it has this interaction over all types. */
export function speaks(interaction) {
  const found = statement.rest[0].interaction.some(({ code }) => code === interaction);
  return found ? {} : { skip: `the box does not offer ${interaction}` };
}

/** The headers of a person who is signed in and asks from the box's own page. */
export async function signedIn(role) {
  const { username, password } = staff.find((person) => person.role === role);
  const own = { "x-clinicvault": "1", "sec-fetch-site": "same-origin", "content-type": "application/json" };
  const answer = await fetch(`${root}/api/login`, { method: "POST", headers: own, body: JSON.stringify({ username, password }) });
  assert.ok((await answer.json()).session, `${username} is signed in`);
  return { ...own, cookie: answer.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ") };
}

export const resources = (bundle) => (bundle.entry ?? []).map((entry) => entry.resource);
export const ids = (bundle) => resources(bundle).map((resource) => resource.id);
