// SMART App Launch and backend services, as fhirclient, fhir-kit-client and jose go through them.
import assert from "node:assert/strict";
import test from "node:test";
import smart from "fhirclient";
import { Client } from "fhir-kit-client";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { base, ids, number, patient, potassium, root, signedIn, token, word } from "../lib/clinic.mjs";

const known = await fetch(`${base}/.well-known/smart-configuration`);
const offered = known.ok ? {} : { skip: "the box does not offer SMART" };
const configuration = known.ok ? await known.json() : undefined;
const machine = new Client({ baseUrl: base, bearerToken: token });
const create = (body) => machine.create({ resourceType: body.resourceType, body });
const REDIRECT = "http://localhost:9999/app";

/** Registers a program as the owner does; resolves to the answer. */
async function register(program) {
  const headers = await signedIn("owner");
  const proof = await fetch(`${root}/api/session/prove`, { method: "POST", headers, body: JSON.stringify({ password: process.env.CLINIC_PASSWORD }) });
  const renewed = proof.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ");
  const answer = await fetch(`${root}/api/clients`, { method: "POST", headers: { ...headers, cookie: renewed || headers.cookie }, body: JSON.stringify(program) });
  assert.equal(answer.status, 201, await answer.clone().text());
  return answer.json();
}

/** What the doctor's browser does on the page that asks: everything that is offered is kept. Resolves to where it leads. */
async function allow(address, patientId) {
  const { cookie } = await signedIn("doctor");
  const page = await (await fetch(address, { headers: { cookie } })).text();
  const hidden = (name) => [...page.matchAll(new RegExp(`name="${name}" value="([^"]*)"`, "g"))].map((found) => found[1].replaceAll("&amp;", "&"));
  const form = new URLSearchParams([["handle", hidden("handle")[0]], ["answer", "yes"], ...hidden("keep").map((scope) => ["keep", scope])]);
  if (patientId) form.append("patient", patientId);
  const answer = await fetch(configuration.authorization_endpoint, {
    method: "POST",
    redirect: "manual",
    headers: { cookie, "sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded" },
    body: form.toString(),
  });
  assert.equal(answer.status, 303, await answer.text());
  return new URL(answer.headers.get("location"));
}

test("smart: discovery", offered, async () => {
  const found = await new Client({ baseUrl: base }).smartAuthMetadata();
  assert.equal(found.authorizeUrl.href, configuration.authorization_endpoint);
  assert.equal(found.tokenUrl.href, configuration.token_endpoint);
  assert.ok(configuration.code_challenge_methods_supported.includes("S256"));
});

test("smart: fhirclient launches an app for one patient and sees that patient alone", offered, async () => {
  const who = await create(patient(word()));
  const other = await create(patient(word()));
  const mine = await create(potassium(`Patient/${who.id}`, 4.2));
  const theirs = await create(potassium(`Patient/${other.id}`, 6.2));
  const scope = "launch/patient openid offline_access patient/*.rs";
  const { client } = await register({ name: word(), kind: "public", redirectUris: [REDIRECT], scope });

  const session = {};
  const at = (url) => smart({ url, headers: { host: "localhost:9999" }, socket: {}, session }, {});
  const address = await at("/launch").authorize({ iss: base, clientId: client.id, scope, redirectUri: REDIRECT, pkceMode: "required", noRedirect: true });
  const back = await allow(address, who.id);
  assert.equal(`${back.origin}${back.pathname}`, REDIRECT);
  const app = await at(back.pathname + back.search).ready();
  assert.equal(app.patient.id, who.id);
  assert.equal((await app.patient.read()).id, who.id);
  assert.deepEqual(ids(await app.patient.request("Observation")), [mine.id]);
  assert.deepEqual(ids(await app.request("Observation")), [mine.id]);
  for (const outside of [`Patient/${other.id}`, `Observation/${theirs.id}`]) {
    const error = await app.request(outside).catch((error) => error);
    assert.ok([403, 404].includes(error.status), `${outside}: ${error.status}`);
  }
  const refused = await app.create(potassium(`Patient/${who.id}`, 5)).catch((error) => error);
  assert.equal(refused.status, 403);
});

test("smart: a code is good once and only with its verifier", offered, async () => {
  const who = await create(patient(word()));
  const scope = "launch/patient patient/*.rs";
  const { client } = await register({ name: word(), kind: "public", redirectUris: [REDIRECT], scope });
  const session = {};
  const at = (url) => smart({ url, headers: { host: "localhost:9999" }, socket: {}, session }, {});
  const address = await at("/launch").authorize({ iss: base, clientId: client.id, scope, redirectUri: REDIRECT, pkceMode: "required", noRedirect: true });
  const code = (await allow(address, who.id)).searchParams.get("code");
  const ask = (code_verifier) =>
    fetch(configuration.token_endpoint, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: REDIRECT, client_id: client.id, code_verifier }),
    });
  const wrong = await ask("a".repeat(64));
  assert.deepEqual([wrong.status, (await wrong.json()).error], [400, "invalid_grant"]);
  const [state] = Object.values(session).filter((each) => each.codeVerifier);
  const late = await ask(state.codeVerifier);
  assert.deepEqual([late.status, (await late.json()).error], [400, "invalid_grant"], "a code that was tried wrongly is spent");
});

test("smart: a backend service signs an assertion with jose and gets what it is registered for", offered, async () => {
  for (const algorithm of ["RS384", "ES384"]) {
    const { publicKey, privateKey } = await generateKeyPair(algorithm);
    const jwk = { ...(await exportJWK(publicKey)), kid: number(), alg: algorithm, use: "sig" };
    const { client } = await register({ name: word(), kind: "backend", scope: "system/Patient.rs", jwks: { keys: [jwk] } });
    const assertion = (jti) =>
      new SignJWT({})
        .setProtectedHeader({ alg: algorithm, kid: jwk.kid, typ: "JWT" })
        .setIssuer(client.id)
        .setSubject(client.id)
        .setAudience(configuration.token_endpoint)
        .setJti(jti)
        .setIssuedAt()
        .setExpirationTime("4m")
        .sign(privateKey);
    const ask = async (client_assertion) =>
      fetch(configuration.token_endpoint, {
        method: "POST",
        body: new URLSearchParams({
          grant_type: "client_credentials",
          scope: "system/Patient.rs",
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
          client_assertion,
        }),
      });
    const signed = await assertion(number());
    const given = await ask(signed);
    assert.equal(given.status, 200, await given.clone().text());
    const { access_token, token_type, scope } = await given.json();
    assert.deepEqual([token_type.toLowerCase(), scope], ["bearer", "system/Patient.rs"]);
    const service = new Client({ baseUrl: base, bearerToken: access_token });
    assert.ok((await service.search({ resourceType: "Patient" })).total > 0);
    const refused = await service.search({ resourceType: "Observation" }).catch((error) => error.response.status);
    assert.equal(refused, 403);
    const again = await ask(signed);
    assert.deepEqual([again.status, (await again.json()).error], [401, "invalid_client"], "an assertion is good once");
  }
});
