// A change that the box refuses with `proveAgain` is asked about once and sent once more.
import { afterEach, describe, expect, test, vi } from "vitest";
import { Refused } from "../src/api/error";
import { proveBy, withProof } from "../src/api/prove";

const refusal = (code: string) => new Response(JSON.stringify({ error: { code, message: code } }), { status: 403, headers: { "content-type": "application/json" } });
const change = () => new Request("https://box.test/api/users", { method: "POST", body: '{"name":"Rao"}', headers: { "content-type": "application/json" } });

/** A box that gives these answers in turn and keeps the bodies that it was sent. */
function boxOf(...answers: Response[]) {
  const bodies: string[] = [];
  const transmit = async (request: Request) => {
    bodies.push(await request.text());
    const answer = answers.shift();
    if (!answer) throw new Error("asked once too often");
    return answer;
  };
  return { bodies, transmit };
}

let forget = () => {};
afterEach(() => {
  forget();
  vi.unstubAllGlobals();
});

describe("the password once more", () => {
  test("a proven change is sent once more, with the same body, and its answer is the answer", async () => {
    const ask = vi.fn(async () => true);
    forget = proveBy(ask);
    const box = boxOf(refusal("proveAgain"), new Response("made", { status: 201 }));
    const response = await withProof(change(), box.transmit);
    expect([response.status, await response.text()]).toEqual([201, "made"]);
    expect(box.bodies).toEqual(['{"name":"Rao"}', '{"name":"Rao"}']);
    expect(ask).toHaveBeenCalledTimes(1);
  });

  test("a closed question yields the refusal as it came, its body unread", async () => {
    forget = proveBy(async () => false);
    const box = boxOf(refusal("proveAgain"));
    const response = await withProof(change(), box.transmit);
    expect([response.status, await response.json()]).toEqual([403, { error: { code: "proveAgain", message: "proveAgain" } }]);
    expect(box.bodies).toHaveLength(1);
  });

  test("a second refusal is not asked about again", async () => {
    const ask = vi.fn(async () => true);
    forget = proveBy(ask);
    const box = boxOf(refusal("proveAgain"), refusal("proveAgain"));
    expect((await withProof(change(), box.transmit)).status).toBe(403);
    expect(ask).toHaveBeenCalledTimes(1);
  });

  test("another refusal is nobody's question", async () => {
    const ask = vi.fn(async () => true);
    forget = proveBy(ask);
    for (const answer of [refusal("forbidden"), new Response("not json", { status: 403 }), new Response(null, { status: 204 })]) {
      const box = boxOf(answer);
      expect(await withProof(change(), box.transmit)).toBe(answer);
    }
    expect(ask).not.toHaveBeenCalled();
  });

  test("two changes refused together share one question", async () => {
    let answer = (_: boolean) => {};
    const ask = vi.fn(() => new Promise<boolean>((resolve) => (answer = resolve)));
    forget = proveBy(ask);
    const one = boxOf(refusal("proveAgain"), new Response("one"));
    const two = boxOf(refusal("proveAgain"), new Response("two"));
    const both = Promise.all([withProof(change(), one.transmit), withProof(change(), two.transmit)]);
    await vi.waitFor(() => expect([one.bodies.length, two.bodies.length, ask.mock.calls.length]).toEqual([1, 1, 1]));
    await new Promise((done) => setTimeout(done, 5));
    answer(true);
    expect(await Promise.all((await both).map((response) => response.text()))).toEqual(["one", "two"]);
    expect(ask).toHaveBeenCalledTimes(1);
  });

  test("the client of the screens goes this way", async () => {
    vi.stubGlobal("location", { origin: "https://box.test" });
    const answers = [refusal("proveAgain"), new Response(null, { status: 204 }), refusal("proveAgain")];
    const sent: string[] = [];
    vi.stubGlobal("fetch", async (request: Request) => {
      sent.push(`${request.method} ${new URL(request.url).pathname} ${request.headers.get("x-clinicvault")}`);
      return answers.shift() ?? new Response(null, { status: 500 });
    });
    const { api, take } = await import("../src/api/client");
    const end = () => take(api.DELETE("/api/tokens/{id}", { params: { path: { id: "t1" } } }));
    forget = proveBy(async () => true);
    await end();
    expect(sent).toEqual(["DELETE /api/tokens/t1 1", "DELETE /api/tokens/t1 1"]);
    forget();
    forget = proveBy(async () => false);
    await expect(end()).rejects.toSatisfy((error: unknown) => error instanceof Refused && error.code === "proveAgain");
    expect(sent).toHaveLength(3);
  });
});

test("an outcome of the FHIR address that wants a proof is a refusal like any other", async () => {
  const ask = vi.fn(async () => true);
  forget = proveBy(ask);
  const outcome = (code: string) => new Response(JSON.stringify({ resourceType: "OperationOutcome", issue: [{ severity: "error", code: "forbidden", details: { coding: [{ system: "urn:clinicvault:refusal", code }] } }] }), { status: 403 });
  const box = boxOf(outcome("proveAgain"), new Response(null, { status: 202 }), outcome("other"));
  expect((await withProof(change(), box.transmit)).status).toBe(202);
  expect((await withProof(change(), box.transmit)).status).toBe(403);
  expect(ask).toHaveBeenCalledTimes(1);
});
