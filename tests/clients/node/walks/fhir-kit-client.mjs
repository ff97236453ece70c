// fhir-kit-client: what its README offers, one walk for each.
import assert from "node:assert/strict";
import test from "node:test";
import { CapabilityTool, Client } from "fhir-kit-client";
import { base, ids, number, outcome, patient, potassium, resources, speaks, SYSTEM, token, tokenFor, word } from "../lib/clinic.mjs";

const client = new Client({ baseUrl: base, bearerToken: token });
const response = (answer) => Client.httpFor(answer).response;

async function refused(request, status, code) {
  const error = await request.then(
    (answer) => assert.fail(`not refused: ${JSON.stringify(answer).slice(0, 400)}`),
    (error) => error,
  );
  assert.equal(error.response?.status, status, `${error} ${JSON.stringify(error.response?.data)}`);
  return outcome(error.response.data, code);
}

const create = (body) => client.create({ resourceType: body.resourceType, body });

test("fhir-kit: capabilities are read without a token and found by the tool", async () => {
  const open = new Client({ baseUrl: base });
  const statement = await open.capabilityStatement();
  assert.equal(statement.fhirVersion, "4.0.1");
  const tool = new CapabilityTool(statement);
  for (const code of ["transaction", "batch", "history-system"]) assert.ok(tool.serverCan(code), code);
  for (const code of ["read", "vread", "update", "patch", "delete", "create", "search-type", "history-instance", "history-type"]) {
    assert.ok(tool.resourceCan("Patient", code), code);
  }
  assert.ok(tool.resourceSearch("Observation", "code-value-quantity"));
  assert.ok(tool.resourceSearch("Patient", "birthdate"));
  assert.equal(tool.resourceCan("Nothing", "read"), false);
  await refused(open.read({ resourceType: "Patient", id: "x" }), 401);
});

test("fhir-kit: create, read, update, versions and history, delete", async () => {
  const made = await create(patient(word()));
  assert.equal(response(made).status, 201);
  assert.match(response(made).headers.get("location"), new RegExp(`^${base}/Patient/${made.id}/_history/1$`));
  assert.equal(response(made).headers.get("etag"), 'W/"1"');
  const of = { resourceType: "Patient", id: made.id };
  const read = await client.read(of);
  assert.deepEqual(read, made);
  const changed = await client.update({ ...of, body: { ...read, active: true }, options: { headers: { "If-Match": 'W/"1"' } } });
  assert.equal(changed.meta.versionId, "2");
  await refused(client.update({ ...of, body: { ...read, active: false }, options: { headers: { "If-Match": 'W/"1"' } } }), 412);
  assert.deepEqual(await client.vread({ ...of, version: "1" }), made);
  assert.deepEqual(await client.vread({ ...of, version: "2" }), changed);
  await client.delete(of);
  await refused(client.read(of), 410, "deleted");
  await refused(client.read({ resourceType: "Patient", id: number() }), 404, "not-found");
  const history = await client.history(of);
  assert.deepEqual([history.type, history.total], ["history", 3]);
  assert.deepEqual(history.entry.map((entry) => entry.request.method), ["DELETE", "PUT", "POST"]);
  assert.deepEqual(history.entry.map((entry) => entry.response.status.slice(0, 3)), ["204", "200", "201"]);
  const ofType = await client.history({ resourceType: "Patient" });
  assert.ok(ofType.entry.some((entry) => entry.fullUrl?.endsWith(made.id)));
  const ofAll = await client.history();
  assert.equal(ofAll.type, "history");
  const revived = await client.update({ ...of, body: { ...patient(word()), id: made.id } });
  assert.deepEqual([response(revived).status, revived.meta.versionId], [201, "4"]);
});

test("fhir-kit: a read that has not changed is a 304", async () => {
  const made = await create(patient(word()));
  const url = `${base}/Patient/${made.id}`;
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}`, "if-none-match": 'W/"1"' } });
  assert.equal(answer.status, 304);
  assert.equal(await answer.text(), "");
});

test("fhir-kit: conditional create and update, conditional delete", async () => {
  const body = patient(word());
  const by = `identifier=${SYSTEM}|${body.identifier[0].value}`;
  const once = () => client.create({ resourceType: "Patient", body, options: { headers: { "If-None-Exist": by } } });
  const made = await once();
  assert.equal(response(made).status, 201);
  const again = await once();
  assert.deepEqual([response(again).status, again.id], [200, made.id]);
  const searchParams = { identifier: `${SYSTEM}|${body.identifier[0].value}` };
  const changed = await client.update({ resourceType: "Patient", searchParams, body: { ...body, active: true } });
  assert.deepEqual([changed.id, changed.active, changed.meta.versionId], [made.id, true, "2"]);
  const other = number();
  const fresh = await client.update({
    resourceType: "Patient",
    searchParams: { identifier: `${SYSTEM}|${other}` },
    body: { ...body, identifier: [{ system: SYSTEM, value: other }] },
  });
  assert.equal(response(fresh).status, 201);
  await refused(client.update({ resourceType: "Patient", searchParams: { family: body.name[0].family }, body }), 412, "multiple-matches");
  await client.httpClient.delete(`Patient?identifier=${SYSTEM}|${other}`);
  await refused(client.read({ resourceType: "Patient", id: fresh.id }), 410);
});

test("fhir-kit: JSON Patch, its test operation and its refusals", async () => {
  const made = await create(patient(word()));
  const of = { resourceType: "Patient", id: made.id };
  const changed = await client.patch({
    ...of,
    jsonPatch: [
      { op: "test", path: "/gender", value: "female" },
      { op: "replace", path: "/birthDate", value: "1985-03-01" },
      { op: "add", path: "/name/0/given/-", value: "Devi" },
    ],
  });
  assert.deepEqual([changed.birthDate, changed.name[0].given, changed.meta.versionId], ["1985-03-01", ["Asha", "Devi"], "2"]);
  await refused(client.patch({ ...of, jsonPatch: [{ op: "test", path: "/gender", value: "male" }] }), 412);
  await refused(client.patch({ ...of, jsonPatch: [{ op: "replace", path: "/gender", value: "blue" }] }), 422);
  await refused(client.patch({ ...of, jsonPatch: [{ op: "remove", path: "/photo/3" }] }), 422);
  await refused(client.patch({ ...of, jsonPatch: { op: "remove" } }), 400);
});

test("fhir-kit: search in the address and by POST give the same", async () => {
  const family = word();
  const [one, two] = [await create(patient(family)), await create(patient(family, { gender: "male", birthDate: "1990-05" }))];
  for (const postSearch of [false, true]) {
    const search = (searchParams) => client.search({ resourceType: "Patient", searchParams, options: { postSearch } });
    const found = async (searchParams) => ids(await search({ family, ...searchParams })).sort();
    const both = [one.id, two.id].sort();
    assert.deepEqual(await found({}), both);
    assert.deepEqual(await found({ gender: "male" }), [two.id]);
    assert.deepEqual(await found({ gender: "male,female" }), both);
    assert.deepEqual(await found({ birthdate: ["ge1984-01-01", "lt1990"] }), [one.id]);
    assert.deepEqual(await found({ birthdate: "1990" }), [two.id]);
    assert.deepEqual(await found({ given: "ASH" }), both);
    assert.deepEqual(await found({ "given:exact": "ASH" }), []);
    assert.deepEqual(await found({ "given:contains": "sh" }), both);
    assert.deepEqual(await found({ "phone:missing": "true" }), both);
    assert.deepEqual(await found({ "gender:not": "male" }), [one.id]);
    assert.deepEqual(await found({ identifier: `${SYSTEM}|${one.identifier[0].value}` }), [one.id]);
    assert.deepEqual(await found({ _id: `${one.id},${two.id}`, _sort: "-birthdate" }), both);
    const counted = await search({ family, _summary: "count" });
    assert.deepEqual([counted.total, counted.entry], [2, undefined]);
    const narrow = resources(await search({ family, _elements: "birthDate" }))[0];
    assert.equal(narrow.name, undefined);
    assert.ok(narrow.meta.tag.some((tag) => tag.code === "SUBSETTED"));
    const sorted = resources(await search({ family, _sort: "-birthdate" }));
    assert.deepEqual(sorted.map((each) => each.id), [two.id, one.id]);
    await refused(search({ birthdate: "soon" }), 400);
    await refused(search({ "birthdate:exact": "1984" }), 400);
  }
});

test("fhir-kit: an unknown search parameter is an error when strict and left out of self when lenient", async () => {
  const ask = (handling) =>
    client.search({ resourceType: "Patient", searchParams: { colour: "red", _count: 1 }, options: { headers: { prefer: `handling=${handling}` } } });
  await refused(ask("strict"), 400);
  const lenient = await ask("lenient");
  const self = lenient.link.find((link) => link.relation === "self").url;
  assert.ok(!self.includes("colour"), self);
});

test("fhir-kit: pages follow one another without a gap or a repeat, and back", async () => {
  const family = word();
  const made = [];
  for (let n = 0; n < 7; n++) made.push((await create(patient(family, { birthDate: `19${70 + n}-01-01` }))).id);
  let page = await client.search({ resourceType: "Patient", searchParams: { family, _count: 3, _sort: "birthdate" } });
  const seen = [];
  while (page) {
    seen.push(...ids(page));
    assert.ok(page.entry.length <= 3);
    page = await client.nextPage({ bundle: page });
  }
  assert.deepEqual(seen, made);
});

test("fhir-kit: quantities, dates and composites of observations", async () => {
  const who = await create(patient(word()));
  const subject = `Patient/${who.id}`;
  const low = await create(potassium(subject, 3.9, "2026-03-04T09:30:00+05:30"));
  const high = await create(potassium(subject, 5.9, "2026-03-05"));
  const found = async (searchParams) => ids(await client.search({ resourceType: "Observation", searchParams: { subject, ...searchParams } })).sort();
  assert.deepEqual(await found({}), [low.id, high.id].sort());
  assert.deepEqual(await found({ "value-quantity": "gt5|http://unitsofmeasure.org|mmol/L" }), [high.id]);
  assert.deepEqual(await found({ "value-quantity": "3.9" }), [low.id]);
  assert.deepEqual(await found({ "value-quantity": "lt0.005|http://unitsofmeasure.org|mol/L" }), [low.id]);
  assert.deepEqual(await found({ date: "2026-03-04" }), [low.id]);
  assert.deepEqual(await found({ date: "sa2026-03-04T23:59:59+05:30" }), [high.id]);
  assert.deepEqual(await found({ "code-value-quantity": "http://loinc.org|2823-3$gt5" }), [high.id]);
  assert.deepEqual(await found({ code: "2823-3", status: "final" }), [low.id, high.id].sort());
  assert.deepEqual(await found({ code: "http://loinc.org|" }), [low.id, high.id].sort());
  assert.deepEqual(await found({ code: "|2823-3" }), []);
});

test("fhir-kit: compartment searches, in the address and by POST", speaks("search-system"), async () => {
  const who = await create(patient(word()));
  const mine = await create(potassium(`Patient/${who.id}`, 4.1));
  for (const postSearch of [false, true]) {
    const bundle = await client.search({
      resourceType: "Observation",
      compartment: { resourceType: "Patient", id: who.id },
      searchParams: { code: "2823-3" },
      options: { postSearch },
    });
    assert.deepEqual([bundle.type, ids(bundle)], ["searchset", [mine.id]]);
  }
});

test("fhir-kit: searches over all types, in the address and by POST", speaks("search-system"), async () => {
  const tag = word();
  const meta = { tag: [{ system: SYSTEM, code: tag }] };
  const who = await create(patient(word(), { meta }));
  const what = await create(potassium(`Patient/${who.id}`, 4.1, undefined, { meta }));
  for (const postSearch of [false, true]) {
    const bundle = await client.search({ searchParams: { _type: "Patient,Observation", _tag: `${SYSTEM}|${tag}` }, options: { postSearch } });
    assert.deepEqual(ids(bundle).sort(), [who.id, what.id].sort());
  }
});

test("fhir-kit: chains, reverse chains and includes", speaks("search-system"), async () => {
  const family = word();
  const who = await create(patient(family));
  const what = await create(potassium(`Patient/${who.id}`, 4.1));
  const search = (resourceType, searchParams) => client.search({ resourceType, searchParams });
  assert.deepEqual(ids(await search("Observation", { "subject:Patient.family": family })), [what.id]);
  assert.deepEqual(ids(await search("Observation", { "patient.family": family })), [what.id]);
  assert.deepEqual(ids(await search("Patient", { "_has:Observation:patient:code": "2823-3", family })), [who.id]);
  const included = await search("Observation", { _id: what.id, _include: "Observation:subject" });
  assert.deepEqual(included.entry.map((entry) => [entry.resource.id, entry.search.mode]), [[what.id, "match"], [who.id, "include"]]);
  assert.equal(included.total, 1);
  const reverse = await search("Patient", { _id: who.id, _revinclude: "Observation:subject" });
  assert.deepEqual(ids(reverse), [who.id, what.id]);
});

test("fhir-kit: a transaction stores everything under new ids or nothing", async () => {
  const family = word();
  const urn = `urn:uuid:${number()}`;
  const entry = (resource, fullUrl) => ({ fullUrl, resource, request: { method: "POST", url: resource.resourceType } });
  const body = { resourceType: "Bundle", type: "transaction", entry: [entry(potassium(urn, 4.4)), entry(patient(family), urn)] };
  const done = await client.transaction({ body });
  assert.equal(done.type, "transaction-response");
  assert.deepEqual(done.entry.map((each) => each.response.status.slice(0, 3)), ["201", "201"]);
  const [what, who] = done.entry.map((each) => each.response.location.match(/(\w+\/[^/]+)\/_history/)[1]);
  const stored = await client.read({ resourceType: "Observation", id: what.split("/")[1] });
  assert.equal(stored.subject.reference, who);
  body.entry[0].resource.status = "unheard-of";
  const issue = await refused(client.transaction({ body }), 422);
  assert.match(issue.issue[0].expression[0], /^Bundle\.entry\[0\]/);
  assert.equal((await client.search({ resourceType: "Patient", searchParams: { family } })).total, 1);
  await refused(client.transaction({ body: { ...body, type: "collection" } }), 400);
});

test("fhir-kit: entries of a batch stand alone", async () => {
  const family = word();
  const done = await client.batch({
    body: {
      resourceType: "Bundle",
      type: "batch",
      entry: [
        { resource: patient(family), request: { method: "POST", url: "Patient" } },
        { request: { method: "GET", url: `Patient/${number()}` } },
        { resource: { resourceType: "Patient", gender: "blue" }, request: { method: "POST", url: "Patient" } },
        { request: { method: "GET", url: `Patient?family=${family}` } },
      ],
    },
  });
  assert.equal(done.type, "batch-response");
  assert.deepEqual(done.entry.map((each) => each.response.status.slice(0, 3)), ["201", "404", "422", "200"]);
  outcome(done.entry[1].response.outcome, "not-found");
  outcome(done.entry[2].response.outcome);
  assert.equal(done.entry[3].resource.type, "searchset");
});

test("fhir-kit: a reference is resolved from the box, from contained resources and from a bundle", async () => {
  const who = await create(patient(word()));
  assert.equal((await client.resolve({ reference: `Patient/${who.id}` })).id, who.id);
  assert.equal((await client.resolve({ reference: `${base}/Patient/${who.id}` })).id, who.id);
  const inside = { resourceType: "Organization", id: "lab", name: "Within" };
  const report = await create(potassium(`Patient/${who.id}`, 4, undefined, { contained: [inside], performer: [{ reference: "#lab" }] }));
  assert.equal((await client.resolve({ reference: "#lab", context: report })).name, "Within");
  const bundle = await client.search({ resourceType: "Patient", searchParams: { _id: who.id } });
  assert.equal((await client.resolve({ reference: `Patient/${who.id}`, context: bundle })).id, who.id);
});

test("fhir-kit: bodies that are no resource are refused with a place and a reason", async () => {
  await refused(client.create({ resourceType: "Patient", body: "{" }), 400);
  await refused(client.create({ resourceType: "Patient", body: { resourceType: "Observation" } }), 400);
  const issue = await refused(create({ resourceType: "Patient", colour: "red" }), 422);
  assert.match(issue.issue[0].expression[0], /^Patient/);
  await refused(client.create({ resourceType: "Patient", body: patient("A"), options: { headers: { "content-type": "text/plain" } } }), 415);
  await refused(client.request("Nothing", { method: "POST", body: { resourceType: "Nothing" }, options: { headers: { "content-type": "application/fhir+json" } } }), 404);
});

test("fhir-kit: a token is held to its scope", async () => {
  const narrow = new Client({ baseUrl: base, bearerToken: tokenFor("system/Patient.rs") });
  const who = await create(patient(word()));
  assert.equal((await narrow.read({ resourceType: "Patient", id: who.id })).id, who.id);
  await refused(narrow.create({ resourceType: "Patient", body: patient("X") }), 403);
  const what = await create(potassium(`Patient/${who.id}`, 4));
  await refused(narrow.read({ resourceType: "Observation", id: what.id }), 403);
  await refused(narrow.search({ resourceType: "Observation" }), 403);
  await refused(new Client({ baseUrl: base, bearerToken: "made-up" }).search({ resourceType: "Patient" }), 401);
});
