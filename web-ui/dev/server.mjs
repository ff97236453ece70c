// Development only: answers the box's HTTP contract from memory, so that screens can be built without a box. It is
// not part of the product, of the build, or of any test of the product. State is lost when it stops.
// FIXTURE_STATE=setup|sealed|ready, FIXTURE_ROLE=doctor|reception|owner|lab, FIXTURE_PORT=5199.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import * as data from "./data.mjs";

const port = Number(process.env.FIXTURE_PORT ?? 5199);
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const world = data.world(process.env.FIXTURE_STATE ?? "ready", process.env.FIXTURE_ROLE ?? "doctor");

const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain" };
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types cv";

function send(res, status, body) {
  res.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  res.end(body === undefined ? "" : JSON.stringify(body));
}

async function asset(path, res) {
  const safe = normalize(path).replace(/^([.][.][/\\])+/, "");
  const file = extname(safe) === "" ? "index.html" : safe;
  try {
    const bytes = await readFile(join(dist, file));
    res.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", "content-security-policy": policy });
    res.end(bytes);
  } catch {
    res.writeHead(404).end();
  }
}

createServer(async (req, res) => {
  const url = new URL(req.url ?? "/", "http://fixture");
  if (!url.pathname.startsWith("/api/")) return asset(url.pathname, res);
  let text = "";
  for await (const chunk of req) text += chunk;
  const body = text === "" ? {} : JSON.parse(text);
  if (req.method !== "GET" && req.headers["x-clinicvault"] !== "1") return send(res, 403, { error: { code: "crossSite", message: "header missing", requestId: "f" } });
  const answer = data.answer(world, req.method ?? "GET", url, body);
  send(res, answer.status, answer.body);
}).listen(port, "127.0.0.1", () => console.log(`fixture http://127.0.0.1:${port}`));
