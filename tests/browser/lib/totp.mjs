// Time-based codes (RFC 6238) as an authenticator app makes them.
import { createHmac } from "node:crypto";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const STEP = 30;

export function code(secret, at = Date.now() / 1000) {
  let bits = "";
  for (const letter of secret.toUpperCase().replace(/[\s=]/g, "")) bits += LETTERS.indexOf(letter).toString(2).padStart(5, "0");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / STEP)));
  const digest = createHmac("sha1", key).update(counter).digest();
  const word = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff;
  return String(word % 1_000_000).padStart(6, "0");
}

/** A code counts once; the box takes a clock that is one step ahead. */
export const nextCode = (secret) => code(secret, Date.now() / 1000 + STEP);
