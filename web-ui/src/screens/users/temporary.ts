// A temporary password that can be read out across a desk: four groups without look-alike characters, about 98 bits
// from the browser's secure source. It must be changed at the first sign-in.
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";

export function temporaryPassword(random: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array = (b) => crypto.getRandomValues(b)): string {
  const letters: string[] = [];
  const limit = Math.floor(256 / LETTERS.length) * LETTERS.length;
  while (letters.length < 20) {
    for (const byte of random(new Uint8Array(32))) {
      if (byte < limit && letters.length < 20) letters.push(LETTERS.charAt(byte % LETTERS.length));
    }
  }
  return [0, 5, 10, 15].map((at) => letters.slice(at, at + 5).join("")).join("-");
}
