// What a message carries that the clinic could give a meaning: codes in no table, codes of the sender's own systems, fields
// of Z-segments. Pure.
import type { InboxMessage, Maps } from "../../../api/types";
import { NO_CODE, NO_FIELD, type CodeDraft, type FieldDraft } from "./maps";

/** Fields whose code is looked up in one of our tables. */
const TABLE_OF: Record<string, string> = {
  "PID-8": "sex", "NK1-15": "sex", "PID-15": "language", "PID-16": "marital", "PID-17": "religion", "PID-22": "ethnicity", "NK1-3": "relationship", "NK1-7": "contact-role", "PV1-2": "encounter-class", "OBX-8": "interpretation", "OBX-11": "observation-status", "OBR-25": "report-status", "ORC-1": "order-control", "ORC-5": "order-status", "TQ1-9": "order-priority",
  "AL1-2": "allergy-type", "AL1-4": "allergy-severity", "DG1-6": "diagnosis-use", "SCH-25": "appointment-status", "RXA-20": "immunization-status", "IN1-17": "subscriber-relationship", "PID-5.7": "name-use", "PID-11.7": "address-use", "PID-13.2": "telecom-use", "PID-13.3": "telecom-system",
};

/** Fields that hold a code with the name of its system. */
const CODED = new Set(["OBR-4", "OBX-3", "OBX-5", "DG1-3", "AL1-3", "IAM-3", "PR1-3", "RXA-5", "RXE-2", "RXO-1", "SPM-4"]);

/** Names of systems that need no explanation (table 0396 of HL7). */
const KNOWN = /^(LN|LOINC|SCT|SNM|I10\w*|I9\w*|UCUM|CVX|NDC|MVX|ISO\w*|HL7\d{4}|RXNORM|ATC|ICD10\w*|C4|CPT\w*)$/i;

export interface SentCodeOf {
  /** Where it stands, such as `PID-8`. */
  place: string;
  code: string;
  /** What the sender calls it; empty where nothing is said. */
  text: string;
  /** A table of ours, or the sender's own system; both empty where neither is clear. */
  table: string;
  own: string;
}

/** `OBX[3]-8.1` without the count of the segment and of the repetition. */
const plainly = (path: string) => path.replace(/\[\d+\]/g, "");

/** The codes of a message that are known neither here nor to the maps, each once. */
export function codesOf(message: InboxMessage, maps: Maps): SentCodeOf[] {
  const all: SentCodeOf[] = message.unknownCodes.map(({ path, value }) => {
    const place = plainly(path);
    return { place, code: value, text: "", table: TABLE_OF[place] ?? TABLE_OF[place.replace(/\.\d+$/, "")] ?? "", own: "" };
  });
  for (const segment of message.segments) {
    for (const field of segment.fields) {
      const place = `${segment.name}-${field.number}`;
      const type = segment.fields.find((other) => other.number === 2)?.text ?? "";
      if (!CODED.has(place) || (place === "OBX-5" && !/^(CE|CWE|CNE|CF)$/.test(type))) continue;
      for (const repetition of field.text.split("~")) {
        const [code = "", text = "", own = ""] = repetition.split("^");
        if (code && own && !KNOWN.test(own)) all.push({ place, code, text, table: "", own });
      }
    }
  }
  const has = (one: SentCodeOf) => maps.concepts.some((entry) => entry.code.toLowerCase() === one.code.toLowerCase() && (one.own ? entry.codeSystem?.toLowerCase() === one.own.toLowerCase() : entry.table === one.table));
  return all.filter((one, at) => !has(one) && all.findIndex((other) => other.code === one.code && other.own === one.own && other.table === one.table) === at);
}

/** The form for a code that was met. */
export function draftOf(one: SentCodeOf): CodeDraft {
  const blank = { ...NO_CODE, code: one.code, display: one.text };
  return one.own ? { ...blank, own: one.own } : one.table ? { ...blank, by: "table", table: one.table, system: "" } : { ...blank, by: "table", system: "" };
}

export interface SentField {
  /** Such as `ZPI-3` or `ZPI-3.1`. */
  field: string;
  value: string;
}

/** The fields of Z-segments that no rule reads, each once with the first value. */
export function fieldsOf(message: InboxMessage, maps: Maps): SentField[] {
  const all = message.unmapped.filter(({ path }) => path.startsWith("Z")).map(({ path, value }) => ({ field: plainly(path), value }));
  return all.filter((one, at) => !maps.zsegments.some((rule) => rule.field === one.field) && all.findIndex((other) => other.field === one.field) === at);
}

export const fieldDraftOf = (one: SentField): FieldDraft => ({ ...NO_FIELD, field: one.field });

/** Whether somebody who keeps the maps has something to do with a message. */
export const teaches = (message: InboxMessage): boolean => {
  const none: Maps = { concepts: [], zsegments: [] };
  return codesOf(message, none).length > 0 || fieldsOf(message, none).length > 0;
};

