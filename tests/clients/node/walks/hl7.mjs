// HL7 v2 over MLLP with node-hl7-client as sender and node-hl7-server as receiver, plain and over TLS.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import test from "node:test";
import { Client, Message } from "node-hl7-client";
import { HL7_2_5_1 } from "node-hl7-client/hl7";
import { Server } from "node-hl7-server";
import { base, number, SYSTEM, token, word } from "../lib/clinic.mjs";
import { channel, file, fingerprint, freePort, line, mllp, pem, program, records, until, without } from "../lib/hl7.mjs";

/** A message of the library's own builder; `segments` are names with places and values. */
function message(type, trigger, structure, id, segments) {
  const made = new Message({
    specification: new HL7_2_5_1(),
    messageHeader: { msh_9_1: type, msh_9_2: trigger, msh_9_3: structure, msh_10: id, msh_11_1: "P" },
  });
  made.set("MSH.3", "NODEHIS");
  made.set("MSH.4", "CITYHOSP");
  for (const [name, fields] of segments) {
    const segment = made.addSegment(name);
    for (const [place, value] of Object.entries(fields)) segment.set(place, value);
  }
  return made;
}

const person = (who) => ["PID", { 3.1: who.number, 3.4: "CITYHOSP", 3.5: "MR", 5.1: who.family, 5.2: "Zoë & Uma", 7: "19840307", 8: "F", 11.1: "14 Lane|2", 11.3: "Pune", 13.1: who.phone }];
const somebody = () => ({ number: number().slice(0, 18), family: word(), phone: `98${Math.floor(Math.random() * 1e8)}` });
const registration = (who, id) => message("ADT", "A04", "ADT_A01", id, [["EVN", { 2: "20260203090000+0530" }], person(who), ["PV1", { 2: "O" }]]);
const result = (who, id) =>
  message("ORU", "R01", "ORU_R01", id, [
    person(who),
    ["OBR", { 1: "1", 2: `P${id}`, 3: `F${id}`, 4.1: "24323-8", 4.2: "Panel", 4.3: "LN", 7: "20260203083000+0530", 25: "F" }],
    ["OBX", { 1: "1", 2: "NM", 3.1: "2823-3", 3.2: "Potassium", 3.3: "LN", 5: "5.9", 6: "mmol/L", 7: "3.5-5.1", 8: "H", 11: "F", 14: "20260203083000+0530" }],
  ]);

/** Sends messages over one connection, each when the one before it was answered; answers what came back. */
async function exchanged(messages, client, port) {
  const answers = [];
  const connection = client.createConnection({ port, waitAck: true }, (answer) => void answers.push(answer.getMessage()));
  try {
    await new Promise((resolve, reject) => {
      connection.once("connect", resolve);
      connection.once("client.error", reject);
    });
    for (const each of messages) {
      const before = answers.length;
      await connection.sendMessage(each);
      await until("an acknowledgement", () => answers.length > before);
    }
  } finally {
    await connection.close();
  }
  return answers;
}

async function stored(who, id) {
  const [patient] = await records(`Patient?identifier=${who.number}`);
  assert.deepEqual(patient.name[0], { ...patient.name[0], family: who.family, given: ["Zoë & Uma"] });
  assert.deepEqual([patient.birthDate, patient.gender], ["1984-03-07", "female"]);
  assert.deepEqual([patient.address[0].line[0], patient.address[0].city], ["14 Lane|2", "Pune"]);
  assert.ok(patient.telecom.some(({ value }) => value.replace(/\D/g, "").endsWith(who.phone)), JSON.stringify(patient.telecom));
  const [report] = await records(`DiagnosticReport?patient=${patient.id}`);
  assert.ok(report.identifier.some(({ value }) => value === `F${id}`), JSON.stringify(report.identifier));
  const [potassium] = await records(`Observation?patient=${patient.id}&code=http://loinc.org|2823-3`);
  const { value, unit } = potassium.valueQuantity;
  assert.deepEqual([value, unit, potassium.status], [5.9, "mmol/L", "final"]);
  assert.equal(new Date(potassium.effectiveDateTime).toISOString(), "2026-02-03T03:00:00.000Z");
  assert.equal(potassium.interpretation[0].coding[0].code, "H");
  return patient;
}

const acknowledged = (answer, id) => assert.deepEqual([answer.get("MSA.1").toString(), answer.get("MSA.2").toString()], ["AA", id], answer.toString());

test("hl7: node-hl7-client sends a registration and a result, and both are in the record", async () => {
  const who = somebody();
  const [one, two] = ["A", "B"].map((letter) => letter + number().slice(0, 18));
  const answers = await exchanged([registration(who, one), result(who, two), result(who, two)], new Client({ host: mllp.host }), mllp.port);
  [one, two, two].forEach((id, n) => acknowledged(answers[n], id));
  assert.deepEqual([answers[0].get("MSH.5").toString(), answers[0].get("MSH.6").toString()], ["NODEHIS", "CITYHOSP"]);
  assert.equal(answers[2].toString(), answers[1].toString(), "a repetition has the same answer");
  await stored(who, two);
});

test("hl7: node-hl7-client over TLS, known by its certificate; a stranger and one without are turned away", async () => {
  const name = "node-tls";
  const source = { kind: "mllp", address: "127.0.0.1:0", tls: { peers: [{ name: "node", fingerprint: fingerprint("peer") }] } };
  const { address } = await channel({ name, source });
  const port = Number(address.split(":").at(-1));
  const ca = pem("../ca.pem");
  const as = (own) => new Client({ host: "localhost", tls: { ca, ...(own && { cert: pem(`${own}.crt`), key: pem(`${own}.key`) }) } });
  const who = somebody();
  const [one, two] = ["A", "B"].map((letter) => letter + number().slice(0, 18));
  const answers = await exchanged([registration(who, one), result(who, two)], as("peer"), port);
  [one, two].forEach((id, n) => acknowledged(answers[n], id));
  await stored(who, two);
  // TLS 1.3 tells a client of the refusal after it has sent: what counts is that nothing was answered and nothing is stored.
  const other = somebody();
  let answered = 0;
  const connection = as("stranger").createConnection({ port }, () => void answered++);
  await connection.sendMessage(registration(other, `C${who.number}`)).catch(() => {});
  const { trouble } = await until("the refusal is told", async () => (await line(name)).trouble && line(name));
  assert.match(trouble, new RegExp(fingerprint("stranger")));
  await connection.close();
  assert.equal(answered, 0);
  await records(`Patient?identifier=${other.number}`, 0);
  await without(name);
});

/** A receiver that takes everything, and shows the messages with a name in PID-5.1. */
async function receiver(tls) {
  const got = [];
  const port = await freePort();
  const inbound = new Server({ bindAddress: "127.0.0.1", tls }).createInbound({ port }, async (request, response) => {
    got.push(request.getMessage());
    await response.sendResponse("AA");
  });
  await new Promise((resolve, reject) => inbound.on("listen", resolve).on("error", reject));
  const about = (family) => got.filter((each) => each.get("PID.5.1").toString() === family);
  return { port, about, wait: (family, count) => until(`${count} messages`, () => about(family).length >= count && about(family)), close: () => inbound.close() };
}

const own = { key: pem("peer.key"), cert: pem("peer.crt"), requestCert: true, ca: pem("sender.crt") };

for (const [way, tls, flags] of [
  ["plain", undefined, []],
  ["over mutual TLS", own, ["--pin", fingerprint("peer"), "--name", "localhost", "--cert", file("sender.crt"), "--key", file("sender.key")]],
]) {
  test(`hl7: node-hl7-server takes what clinicvault hl7 send sends, ${way}`, async () => {
    const peer = await receiver(tls);
    const who = somebody();
    const ids = ["A", "B"].map((letter) => letter + number().slice(0, 18));
    const path = file(`${ids[0]}.hl7`);
    writeFileSync(path, `${registration(who, ids[0])}\r${result(who, ids[1])}\r`);
    // This receiver hands on all it has got since the connection began, again with each message, and answers it all again.
    const said = await program("hl7", "send", path, "--to", `127.0.0.1:${peer.port}`, ...flags);
    for (const id of ids) assert.ok(said.includes(`${id}: AA`) && said.includes(`MSA|AA|${id}`), said);
    const got = peer.about(who.family);
    const last = got.at(-1);
    assert.deepEqual([got[0].get("MSH.10").toString(), last.get("MSH.10").toString()], ids);
    assert.equal(last.get("OBX.5").toString(), "5.9");
    assert.equal(got[0].get("PID.5.2").toString(), "Zoë & Uma");
    await peer.close();
  });

  test(`hl7: node-hl7-server is told of a registration and of its change, ${way}`, async () => {
    const peer = await receiver(tls);
    const name = tls ? "node-told-tls" : "node-told";
    const secure = tls && { fingerprint: fingerprint("peer"), name: "localhost", certificate: "sender" };
    const to = { kind: "mllp", host: "127.0.0.1", port: peer.port, application: "NODEHIS", facility: "CITYHOSP", timeoutSeconds: 5, ...(secure && { tls: secure }) };
    await channel({ name, source: { kind: "records", messages: ["ADT^A04", "ADT^A08"] }, destinations: [{ name: "node", to }] });
    const family = word();
    const address = [{ line: ["14 Lane|2"], city: "Pune", postalCode: "411028", country: "IN" }];
    const body = { resourceType: "Patient", id: family.toLowerCase(), identifier: [{ system: SYSTEM, value: family }], name: [{ family, given: ["Zoë & Uma"] }], gender: "female", birthDate: "1984-03-07", address, telecom: [{ system: "phone", value: "9822012345" }] };
    const put = async (more) => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/fhir+json" };
      const answer = await fetch(`${base}/Patient/${body.id}`, { method: "PUT", headers, body: JSON.stringify({ ...body, ...more }) });
      assert.ok(answer.ok, await answer.text());
    };
    await put({});
    const [first] = await peer.wait(family, 1);
    await put({ gender: "other" });
    const last = await until("the change", () => peer.about(family).find((each) => each.get("MSH.9.2").toString() === "A08"));
    const read = (message, ...paths) => paths.map((path) => message.get(path).toString());
    assert.deepEqual(read(first, "MSH.9.1", "MSH.9.2", "MSH.9.3", "MSH.5", "MSH.6", "MSH.12"), ["ADT", "A04", "ADT_A01", "NODEHIS", "CITYHOSP", "2.5.1"]);
    assert.deepEqual(read(first, "PID.3.1", "PID.5.1", "PID.5.2", "PID.7", "PID.8"), [family, family, "Zoë & Uma", "19840307", "F"]);
    assert.deepEqual(read(first, "PID.11.1", "PID.11.3", "PID.11.5", "PID.11.6"), ["14 Lane|2", "Pune", "411028", "IN"]);
    assert.deepEqual(read(last, "PID.3.1", "PID.8"), [family, "O"]);
    assert.notEqual(read(last, "MSH.10")[0], read(first, "MSH.10")[0]);
    await without(name);
    await peer.close();
  });
}
