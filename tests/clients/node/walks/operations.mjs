// The operations that the box offers, as fhir-kit-client and MedplumClient call them.
import assert from "node:assert/strict";
import test from "node:test";
import { MedplumClient } from "@medplum/core";
import { Client } from "fhir-kit-client";
import { base, ids, needs, outcome, patient, potassium, resources, root, SYSTEM, token, word } from "../lib/clinic.mjs";

const client = new Client({ baseUrl: base, bearerToken: token });
const medplum = new MedplumClient({ baseUrl: `${root}/`, fhirUrlPath: "fhir", cacheTime: 0, resourceCacheSize: 0, extendedMode: false });
medplum.setAccessToken(token);

const response = (answer) => Client.httpFor(answer).response;
const create = (body) => client.create({ resourceType: body.resourceType, body });
const parameters = (...pairs) => ({ resourceType: "Parameters", parameter: pairs.map(([name, value]) => ({ name, ...value })) });
const valueOf = (answer, name) => {
  const found = answer.parameter?.find((each) => each.name === name) ?? {};
  return Object.entries(found).find(([key]) => key.startsWith("value"))?.[1];
};

test("operations: meta is read, added to and taken from", needs("Patient/meta"), async () => {
  const made = await create(patient(word(), { meta: { tag: [{ system: SYSTEM, code: "one" }] } }));
  const at = { resourceType: "Patient", id: made.id };
  const codes = (answer) => valueOf(answer, "return").tag.map((tag) => tag.code).sort();
  assert.deepEqual(codes(await client.operation({ ...at, name: "$meta", method: "GET" })), ["one"]);
  if (needs("Patient/meta-add").skip) return;
  const meta = (code) => parameters(["meta", { valueMeta: { tag: [{ system: SYSTEM, code }] } }]);
  assert.deepEqual(codes(await client.operation({ ...at, name: "$meta-add", input: meta("two") })), ["one", "two"]);
  assert.deepEqual(codes(await client.operation({ ...at, name: "meta-delete", input: meta("one") })), ["two"]);
  assert.deepEqual((await client.read(at)).meta.tag, [{ system: SYSTEM, code: "two" }]);
});

test("operations: everything of a patient, at once and page by page", needs("Patient/everything"), async () => {
  const who = await create(patient(word()));
  const other = await create(patient(word()));
  const mine = [];
  for (let n = 0; n < 5; n++) mine.push((await create(potassium(`Patient/${who.id}`, 4 + n / 10))).id);
  await create(potassium(`Patient/${other.id}`, 6));
  const all = await medplum.readPatientEverything(who.id);
  assert.equal(all.type, "searchset");
  assert.deepEqual(ids(all).sort(), [who.id, ...mine].sort());
  let page = await client.operation({ resourceType: "Patient", id: who.id, name: "everything", method: "GET", input: { _count: 2 } });
  const seen = [];
  while (page) {
    seen.push(...ids(page));
    page = await client.nextPage({ bundle: page });
  }
  assert.deepEqual(seen.sort(), [who.id, ...mine].sort());
  const typed = await client.operation({ resourceType: "Patient", id: who.id, name: "everything", method: "GET", input: { _type: "Observation" } });
  assert.ok(resources(typed).every((each) => each.resourceType === "Observation"));
});

test("operations: a resource is checked without being stored", needs("Patient/validate"), async () => {
  const family = word();
  const good = await medplum.validateResource(patient(family));
  assert.ok(outcome(good).issue.every((issue) => issue.severity !== "error"), JSON.stringify(good));
  const bad = outcome(await medplum.validateResource({ resourceType: "Patient", gender: "blue" }));
  assert.ok(bad.issue.some((issue) => issue.severity === "error" && issue.expression[0].startsWith("Patient.gender")), JSON.stringify(bad));
  const wrapped = parameters(["resource", { resource: patient(family) }], ["mode", { valueCode: "create" }]);
  outcome(await client.operation({ resourceType: "Patient", name: "validate", input: wrapped }));
  assert.equal((await client.search({ resourceType: "Patient", searchParams: { family } })).total, 0);
});

test("operations: value sets are expanded and codes looked up", needs("ValueSet/expand", "CodeSystem/lookup"), async () => {
  const genders = await medplum.valueSetExpand({ url: "http://hl7.org/fhir/ValueSet/administrative-gender" });
  assert.deepEqual(genders.expansion.contains.map((each) => each.code).sort(), ["female", "male", "other", "unknown"]);
  const few = await medplum.valueSetExpand({ url: "http://hl7.org/fhir/ValueSet/administrative-gender", filter: "fem" });
  assert.deepEqual(few.expansion.contains.map((each) => each.code), ["female"]);
  const ask = (resourceType, name, input) => client.operation({ resourceType, name, method: "GET", input });
  const url = "http://hl7.org/fhir/ValueSet/administrative-gender";
  const system = "http://hl7.org/fhir/administrative-gender";
  assert.equal(valueOf(await ask("ValueSet", "validate-code", { url, system, code: "female" }), "result"), true);
  assert.equal(valueOf(await ask("ValueSet", "validate-code", { url, system, code: "blue" }), "result"), false);
  assert.equal(valueOf(await ask("CodeSystem", "lookup", { system, code: "female" }), "display"), "Female");
  assert.equal(valueOf(await ask("CodeSystem", "subsumes", { system, codeA: "female", codeB: "male" }), "outcome"), "not-subsumed");
  const error = await ask("CodeSystem", "lookup", { system, code: "blue" }).catch((error) => error);
  outcome(error.response?.data);
});

test("operations: GraphQL", needs("graphql"), async () => {
  const family = word();
  const who = await create(patient(family));
  const { data } = await medplum.graphql(`{ Patient(id: "${who.id}") { id name { family given } birthDate } }`);
  assert.deepEqual(data, { Patient: { id: who.id, name: [{ family, given: ["Asha"] }], birthDate: "1984-02-29" } });
  const list = await medplum.graphql(`query($family: String) { PatientList(family: $family) { id } }`, null, { family });
  assert.deepEqual(list.data, { PatientList: [{ id: who.id }] });
});

test("operations: an export is started, waited for, fetched and deleted", needs("export"), async () => {
  const family = word();
  const who = await create(patient(family));
  const started = await client.operation({ name: "export", method: "GET", input: { _type: "Patient" }, options: { headers: { prefer: "respond-async" } } });
  assert.equal(response(started).status, 202);
  const at = response(started).headers.get("content-location");
  let manifest = await client.request(at, { options: { headers: { accept: "application/json" } } });
  for (let n = 0; response(manifest).status === 202 && n < 100; n++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    manifest = await client.request(at, { options: { headers: { accept: "application/json" } } });
  }
  assert.equal(response(manifest).status, 200);
  assert.deepEqual([...new Set(manifest.output.map((file) => file.type))], ["Patient"]);
  const lines = [];
  for (const { url, count } of manifest.output) {
    const answer = await fetch(url, { headers: manifest.requiresAccessToken ? { authorization: `Bearer ${token}` } : {} });
    assert.match(answer.headers.get("content-type"), /ndjson/);
    const rows = (await answer.text()).trim().split("\n").map((line) => JSON.parse(line));
    if (count !== undefined) assert.equal(rows.length, count);
    lines.push(...rows);
  }
  assert.ok(lines.some((each) => each.id === who.id && each.name[0].family === family));
  assert.equal(response(await client.request(at, { method: "DELETE" })).status, 202);
  const gone = await client.request(at).catch((error) => error.response.status);
  assert.equal(gone, 404);
});

test("operations: MedplumClient waits for an export by itself", needs("export"), async () => {
  const manifest = await medplum.bulkExport("", "Practitioner", undefined, { pollStatusOnAccepted: true, pollStatusPeriod: 100 });
  assert.deepEqual(manifest.output.map((file) => file.type), ["Practitioner"]);
  const blob = await medplum.download(manifest.output[0].url, { headers: { Accept: "application/fhir+ndjson" } });
  assert.ok((await blob.text()).includes('"resourceType":"Practitioner"'));
});
