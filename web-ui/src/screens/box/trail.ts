// Lines of the audit log as people read them: AuditEvents (FHIR R4) of the box's own FHIR address. Pure.

/** The box's own words of what was done. */
const OWN = "urn:clinicvault:audit-action";

export interface TrailLine {
  id: string;
  at: string;
  who: string;
  /** Codes of roles; none for the box itself. */
  roles: string[];
  from: string;
  /** What was done, in the box's word. */
  action: string;
  /** The patient's id, where one is concerned. */
  patient: string | null;
  /** A type, or a record. */
  what: string | null;
  /** The question, as in an address. */
  query: string | null;
  purpose: string | null;
  outcome: "done" | "refused" | "failed";
  /** Why, when it was not done. */
  why: string | null;
}

export interface TrailPage {
  lines: TrailLine[];
  /** The address of the next page, below the base. */
  next: string | null;
}

interface Coding { system?: string; code?: string }
interface Entity { what?: { reference?: string }; role?: Coding; name?: string; description?: string; query?: string }
interface AuditEvent {
  id: string;
  recorded: string;
  subtype?: Coding[];
  outcome?: string;
  outcomeDesc?: string;
  purposeOfEvent?: { coding?: Coding[] }[];
  agent?: { name?: string; altId?: string; who?: { display?: string }; role?: { coding?: Coding[] }[]; network?: { address?: string } }[];
  entity?: Entity[];
}
interface Bundle { entry?: { resource?: unknown }[]; link?: { relation: string; url: string }[] }

/** What is asked of the log: the newest first. */
export function questionOf({ day, who, refused }: { day: string; who: string; refused: boolean }): string {
  const asked = new URLSearchParams({ _count: "50", _sort: "-date" });
  if (/^\d{4}-\d\d-\d\d$/.test(day)) asked.set("date", day);
  if (who.trim() !== "") asked.set("agent-name:contains", who.trim());
  if (refused) asked.set("outcome", "4,8");
  return `AuditEvent?${asked.toString()}`;
}

export function pageOf(text: string, base: string): TrailPage {
  const bundle = JSON.parse(text) as Bundle;
  const events = (bundle.entry ?? []).map((entry) => entry.resource as AuditEvent & { resourceType?: string }).filter((event) => event?.resourceType === "AuditEvent");
  const next = bundle.link?.find((link) => link.relation === "next")?.url ?? null;
  return { lines: events.map(lineOf), next: next === null ? null : next.replace(`${base}/`, "") };
}

function lineOf(event: AuditEvent): TrailLine {
  const [agent] = event.agent ?? [];
  const entities = event.entity ?? [];
  const references = entities.map((one) => one.what?.reference).filter((one) => one !== undefined);
  const patient = references.find((one) => one.startsWith("Patient/"))?.slice("Patient/".length) ?? null;
  const record = entities.find((one) => one.what?.reference && !one.what.reference.startsWith("Patient/"))?.what?.reference;
  const asked = entities.find((one) => !one.what);
  const refused = event.outcome !== "0";
  return {
    id: event.id,
    at: event.recorded,
    who: agent?.name ?? agent?.who?.display ?? agent?.altId ?? "",
    roles: (agent?.role ?? []).flatMap((role) => role.coding ?? []).map((coding) => coding.code ?? "").filter(Boolean),
    from: agent?.network?.address ?? "",
    action: wordOf(event.subtype?.find((coding) => coding.system === OWN)?.code ?? event.subtype?.at(-1)?.code ?? ""),
    patient,
    what: record ?? asked?.description ?? asked?.name ?? null,
    query: asked?.query ? unpacked(asked.query) : null,
    purpose: event.purposeOfEvent?.[0]?.coding?.[0]?.code ?? null,
    outcome: event.outcome === "0" ? "done" : event.outcome === "4" ? "refused" : "failed",
    why: refused ? (event.outcomeDesc ?? null) : null,
  };
}

/** `message-applied` as other lists of the log have it: `messageApplied`. */
function wordOf(code: string): string {
  return code.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function unpacked(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)));
}
