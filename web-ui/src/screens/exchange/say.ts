// One line for a FHIR element, as a person would say it: for cells of a table and for closed branches of the tree.
// Pure; datatypes are told apart by the members that they have.
import { items, member, plain, under, type Node } from "./json";

/** The longest line, in characters. */
const LONGEST = 120;

/** A line for an element; empty when there is nothing to say. */
export function say(node: Node | undefined): string {
  const text = line(node).replace(/\s+/g, " ").trim();
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

function line(node: Node | undefined): string {
  if (!node) return "";
  if (node.kind === "string" || node.kind === "plain") return node.text;
  if (node.kind === "array") return node.items.map(line).filter(Boolean).slice(0, 4).join(", ");
  const of = (name: string) => plain(member(node, name));
  const resource = of("resourceType");
  if (resource) return [resource, of("id")].filter(Boolean).join("/");
  return (
    of("text") ??
    codeable(node) ??
    of("display") ??
    person(node) ??
    of("reference") ??
    quantity(node) ??
    period(node) ??
    address(node) ??
    of("div") ??
    of("value") ??
    of("code") ??
    of("url") ??
    node.members.map((one) => line(one.node)).filter(Boolean).slice(0, 4).join(", ")
  );
}

function codeable(node: Node): string | undefined {
  const coding = items(member(node, "coding"))[0];
  return coding && (plain(member(coding, "display")) ?? plain(member(coding, "code")));
}

function person(node: Node): string | undefined {
  const family = plain(member(node, "family"));
  const given = items(member(node, "given")).map(plain).filter(Boolean);
  return family === undefined && given.length === 0 ? undefined : [...given, family].filter(Boolean).join(" ");
}

function quantity(node: Node): string | undefined {
  const value = plain(member(node, "value"));
  const unit = plain(member(node, "unit")) ?? plain(member(node, "code"));
  const whole = member(node, "system") === undefined || member(node, "unit") !== undefined;
  if (value === undefined || unit === undefined || !whole) return undefined;
  return [plain(member(node, "comparator")), value, unit].filter(Boolean).join(" ");
}

function period(node: Node): string | undefined {
  const start = plain(member(node, "start"));
  const end = plain(member(node, "end"));
  return start === undefined && end === undefined ? undefined : `${start ?? ""} – ${end ?? ""}`;
}

function address(node: Node): string | undefined {
  const parts = [...items(member(node, "line")).map(plain), plain(member(node, "city")), plain(member(node, "state")), plain(member(node, "postalCode"))];
  return member(node, "city") || member(node, "line") ? parts.filter(Boolean).join(", ") : undefined;
}

/** The address below the FHIR base that a string of the tree leads to, or null: references and links of our own box. */
export function leadsTo(name: string, text: string, base: string): string | null {
  if (name === "reference" || name === "fullUrl" || name === "url" || name === "location") {
    const own = text.startsWith(`${base}/`) ? text.slice(base.length + 1) : text.startsWith(`${base}?`) ? text.slice(base.length) : name === "reference" ? text : null;
    if (own !== null && /^(\?|[A-Z][A-Za-z]+(\/|\?|$))/.test(own)) return own;
  }
  return null;
}

/** One issue of an OperationOutcome. */
export interface Issue {
  severity: string;
  text: string;
  place: string;
}

/** What an answer says about itself: the issues of an OperationOutcome, or of those that came with a searchset. */
export function issues(node: Node | undefined): Issue[] {
  const type = plain(member(node, "resourceType"));
  if (type === "Bundle") {
    const aside = items(member(node, "entry")).filter((entry) => plain(under(entry, "search", "mode")) === "outcome");
    return aside.flatMap((entry) => issues(member(entry, "resource")));
  }
  if (type !== "OperationOutcome") return [];
  return items(member(node, "issue")).map((issue) => ({
    severity: plain(member(issue, "severity")) ?? "",
    text: plain(member(issue, "diagnostics")) ?? (say(member(issue, "details")) || (plain(member(issue, "code")) ?? "")),
    place: items(member(issue, "expression")).map(plain).filter(Boolean).join(", "),
  }));
}
