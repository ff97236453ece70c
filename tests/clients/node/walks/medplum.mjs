// @medplum/core: MedplumClient against a base that is not Medplum's.
import assert from "node:assert/strict";
import test from "node:test";
import { ContentType, MedplumClient, OperationOutcomeError } from "@medplum/core";
import { ids, number, outcome, patient, potassium, root, SYSTEM, token, word } from "../lib/clinic.mjs";

// Its cache would answer reads that are meant for the box.
const options = { baseUrl: `${root}/`, fhirUrlPath: "fhir", cacheTime: 0, resourceCacheSize: 0, extendedMode: false };
const client = new MedplumClient(options);
client.setAccessToken(token);

async function refused(request, code) {
  const error = await request.then(
    (answer) => assert.fail(`not refused: ${JSON.stringify(answer).slice(0, 400)}`),
    (error) => error,
  );
  assert.ok(error instanceof OperationOutcomeError, String(error));
  return outcome(error.outcome, code);
}

test("medplum: create, read, update, versions, history, delete", async () => {
  const made = await client.createResource(patient(word()));
  assert.deepEqual(await client.readResource("Patient", made.id), made);
  const changed = await client.updateResource({ ...made, active: true });
  assert.equal(changed.meta.versionId, "2");
  assert.deepEqual(await client.readVersion("Patient", made.id, "1"), made);
  const history = await client.readHistory("Patient", made.id);
  assert.deepEqual(history.entry.map((entry) => entry.resource.meta.versionId), ["2", "1"]);
  assert.equal((await client.readReference({ reference: `Patient/${made.id}` })).id, made.id);
  await client.deleteResource("Patient", made.id);
  await refused(client.readResource("Patient", made.id), "deleted");
  await refused(client.readResource("Patient", number()), "not-found");
});

test("medplum: create if there is none, upsert by query", async () => {
  const body = patient(word());
  const query = `identifier=${SYSTEM}|${body.identifier[0].value}`;
  const made = await client.createResourceIfNoneExist(body, query);
  assert.equal((await client.createResourceIfNoneExist(body, query)).id, made.id);
  const changed = await client.upsertResource({ ...body, active: true }, query);
  assert.deepEqual([changed.id, changed.active], [made.id, true]);
});

test("medplum: patch", async () => {
  const made = await client.createResource(patient(word()));
  const changed = await client.patchResource("Patient", made.id, [{ op: "replace", path: "/gender", value: "other" }]);
  assert.deepEqual([changed.gender, changed.meta.versionId], ["other", "2"]);
  await refused(client.patchResource("Patient", made.id, [{ op: "replace", path: "/gender", value: "blue" }]));
});

test("medplum: searches as bundle, as list, as one, and page by page", async () => {
  const family = word();
  const made = [];
  for (let n = 0; n < 5; n++) made.push((await client.createResource(patient(family, { birthDate: `198${n}-01-01` }))).id);
  const bundle = await client.search("Patient", { family, _total: "accurate" });
  assert.deepEqual([bundle.type, bundle.total], ["searchset", 5]);
  const list = await client.searchResources("Patient", `family=${family}&_sort=-birthdate`);
  assert.deepEqual(list.map((each) => each.id), [...made].reverse());
  assert.equal((await client.searchOne("Patient", { family, birthdate: "1983-01-01" })).id, made[3]);
  assert.equal(await client.searchOne("Patient", { family, birthdate: "2001" }), undefined);
  const walked = [];
  for await (const page of client.searchResourcePages("Patient", { family, _count: 2, _sort: "birthdate" })) {
    walked.push(...page.map((each) => each.id));
  }
  assert.deepEqual(walked, made);
});

test("medplum: batch, transaction, and reads that are gathered into a batch", async () => {
  const family = word();
  const urn = `urn:uuid:${number()}`;
  const entry = (resource, fullUrl) => ({ fullUrl, resource, request: { method: "POST", url: resource.resourceType } });
  const done = await client.executeBatch({ resourceType: "Bundle", type: "transaction", entry: [entry(patient(family), urn), entry(potassium(urn, 4.4))] });
  assert.equal(done.type, "transaction-response");
  const [who, what] = done.entry.map((each) => each.response.location.match(/\w+\/([^/]+)\/_history/)[1]);
  const gathering = new MedplumClient({ ...options, autoBatchTime: 50 });
  gathering.setAccessToken(token);
  const [one, two, three] = await Promise.all([
    gathering.readResource("Patient", who),
    gathering.readResource("Observation", what),
    gathering.search("Patient", { family }),
  ]);
  assert.deepEqual([one.id, two.id, ids(three)], [who, what, [who]]);
  const missing = gathering.readResource("Patient", number());
  const present = gathering.readResource("Patient", who);
  await refused(missing, "not-found");
  assert.equal((await present).id, who);
});

test("medplum: a refusal is an OperationOutcomeError that says where", async () => {
  const told = await refused(client.createResource({ resourceType: "Patient", colour: "red" }));
  assert.match(told.issue[0].expression[0], /^Patient/);
  const unknown = new MedplumClient(options);
  unknown.setAccessToken("made-up");
  await refused(unknown.readResource("Patient", number()), "login");
});
