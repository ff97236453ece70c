// Parameters whose values another parameter of the same type already has: they ask that one, and cost no rows.

/** Lines of a type's parameters: places, or `=M` where others have the values. */
export function aliases(rows) {
  const stored = [];
  const lines = [];
  // What is asked for least generally is decided last, so that it can lean on the others; equals by their number.
  const general = (row) => (row.places.some((p) => p.only) ? 1 : 0);
  const ordered = [...rows].sort((a, b) => general(a) - general(b) || a.places.length - b.places.length || a.number - b.number);
  for (const row of ordered) {
    const parts = row.type === "special" ? null : same(row, stored) ?? narrower(row, stored) ?? union(row, stored);
    if (parts) lines.push({ number: row.number, text: parts.join(" "), code: row.code });
    else {
      stored.push(row);
      lines.push({ number: row.number, text: row.places.map((p) => p.text).join(" "), code: row.code });
    }
  }
  return lines;
}

const texts = (row) => row.places.map((p) => p.text).sort().join(" ");
const keys = (row) => row.places.map((p) => p.key).sort().join(" ");

/** Another parameter with the very same places. */
function same(row, stored) {
  const other = stored.find((o) => o.type === row.type && texts(o) === texts(row));
  return other && [`=${other.number}`];
}

/** Another parameter with the same places, of which this one takes the references to one type. */
function narrower(row, stored) {
  const only = new Set(row.places.map((p) => p.only));
  if (row.type !== "reference" || only.size !== 1 || only.has(null)) return null;
  const other = stored.find((o) => o.type === row.type && o.places.every((p) => !p.only) && keys(o) === keys(row));
  return other && [`=${other.number}>${[...only][0]}`];
}

/** Several parameters that together have these places and no other. Chains ask one number only: not for references. */
function union(row, stored) {
  if (row.type === "reference" || row.places.length < 2) return null;
  const mine = new Set(row.places.map((p) => p.text));
  const parts = stored.filter((o) => o.type === row.type && o.places.every((p) => mine.has(p.text)));
  const left = new Set(mine);
  const used = [];
  for (const part of parts.sort((a, b) => b.places.length - a.places.length || a.number - b.number)) {
    if (!part.places.some((p) => left.has(p.text))) continue;
    part.places.forEach((p) => left.delete(p.text));
    used.push(`=${part.number}`);
  }
  return left.size === 0 && used.length > 1 ? used : null;
}
