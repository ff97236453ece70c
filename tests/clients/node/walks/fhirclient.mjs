// fhirclient, the JavaScript client of SMART Health IT, with its Node adapter.
import assert from "node:assert/strict";
import test from "node:test";
import smart from "fhirclient";
import { base, ids, number, patient, potassium, token, word } from "../lib/clinic.mjs";

/** A client as `FHIR.oauth2.ready()` hands it to an app that has been launched for this patient. */
function app(patientId, more = {}) {
  const request = { url: "/", headers: { host: "app.example" }, socket: {}, session: {} };
  const state = { serverUrl: base, tokenResponse: { access_token: token, patient: patientId }, scope: "launch/patient", ...more };
  return smart(request, {}).client(state);
}

const client = app();

async function refused(request, status) {
  const error = await request.then(
    (answer) => assert.fail(`not refused: ${JSON.stringify(answer).slice(0, 400)}`),
    (error) => error,
  );
  assert.equal(error.status ?? error.statusCode, status, String(error));
  return error;
}

test("fhirclient: the release of FHIR is read from the capabilities", async () => {
  assert.equal(await client.getFhirVersion(), "4.0.1");
  assert.equal(await client.getFhirRelease(), 4);
});

test("fhirclient: create, read, update, delete", async () => {
  const made = await client.create(patient(word()));
  assert.equal(made.meta.versionId, "1");
  assert.deepEqual(await client.request(`Patient/${made.id}`), made);
  const changed = await client.update({ ...made, active: true });
  assert.deepEqual([changed.active, changed.meta.versionId], [true, "2"]);
  const history = await client.request(`Patient/${made.id}/_history`);
  assert.deepEqual(ids(history), [made.id, made.id]);
  await client.delete(`Patient/${made.id}`);
  await refused(client.request(`Patient/${made.id}`), 410);
});

test("fhirclient: a create that asks for no body is followed to its location", async () => {
  const made = await client.create(patient(word()), { headers: { prefer: "return=minimal" } });
  assert.equal(made.resourceType, "Patient");
  assert.equal(made.meta.versionId, "1");
});

test("fhirclient: patch", async () => {
  const made = await client.create(patient(word()));
  const changed = await client.patch(`Patient/${made.id}`, [
    { op: "replace", path: "/gender", value: "other" },
    { op: "remove", path: "/birthDate" },
  ]);
  assert.deepEqual([changed.gender, changed.birthDate, changed.meta.versionId], ["other", undefined, "2"]);
  await refused(client.patch(`Patient/${made.id}`, [{ op: "replace", path: "/gender", value: "blue" }]), 422);
});

test("fhirclient: a launched app asks for its patient's records only", async () => {
  const who = await client.create(patient(word()));
  const other = await client.create(patient(word()));
  const mine = await client.create(potassium(`Patient/${who.id}`, 4.2));
  await client.create(potassium(`Patient/${other.id}`, 6.2));
  const launched = app(who.id);
  assert.equal((await launched.patient.read()).id, who.id);
  assert.deepEqual(ids(await launched.patient.request("Observation")), [mine.id]);
  assert.deepEqual(ids(await launched.patient.request("Observation?code=http://loinc.org|2823-3")), [mine.id]);
  assert.deepEqual(ids(await launched.patient.request("Patient")), [who.id]);
  for (const type of ["Condition", "AllergyIntolerance", "MedicationRequest", "Encounter", "Immunization", "DiagnosticReport", "CarePlan", "Procedure", "DocumentReference"]) {
    assert.equal((await launched.patient.request(type)).total ?? 0, 0, type);
  }
});

test("fhirclient: pages are followed and flattened", async () => {
  const family = word();
  const made = [];
  for (let n = 0; n < 5; n++) made.push((await client.create(patient(family, { birthDate: `198${n}-01-01` }))).id);
  const url = `Patient?family=${family}&_count=2&_sort=birthdate`;
  const flat = await client.request(url, { pageLimit: 0, flat: true });
  assert.deepEqual(flat.map((each) => each.id), made);
  const pages = [];
  for await (const page of client.pages(url)) pages.push(page.entry.length);
  assert.deepEqual(pages, [2, 2, 1]);
  const walked = [];
  for await (const each of client.resources(url)) walked.push(each.id);
  assert.deepEqual(walked, made);
});

test("fhirclient: references are resolved into the answer", async () => {
  const family = word();
  const who = await client.create(patient(family));
  const what = await client.create(potassium(`Patient/${who.id}`, 4.2));
  const whole = await client.request(`Observation/${what.id}`, { resolveReferences: ["subject"] });
  assert.equal(whole.subject.name[0].family, family);
  const { data, references } = await client.request(`Observation?_id=${what.id}`, { resolveReferences: ["subject"], graph: false, pageLimit: 0 });
  assert.deepEqual(data.flatMap(ids), [what.id]);
  assert.equal(references[`Patient/${who.id}`].id, who.id);
});

test("fhirclient: measurements of the invented clinic are found by their codes and their units are known", async () => {
  const all = await client.request("Observation?code=http://loinc.org|29463-7&_count=20", { flat: true });
  const weights = client.byCodes(all, "code")("29463-7");
  assert.ok(weights.length > 0);
  for (const weight of weights) assert.ok(client.units.kg(weight.valueQuantity) > 1, JSON.stringify(weight.valueQuantity));
});

test("fhirclient: an error carries the outcome's words", async () => {
  const error = await refused(client.request(`Patient/${number()}`), 404);
  assert.match(String(error), /does not exist/);
  const wrong = await refused(client.create({ resourceType: "Patient", colour: "red" }), 422);
  assert.match(String(wrong), /colour/);
});
