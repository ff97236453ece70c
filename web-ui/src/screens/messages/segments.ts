// Links between the three views of a message: which segment and field a line of stored JSON came from.
import type { InboxMessage, StoredResource } from "../../api/types";

export interface JsonLine {
  text: string;
  /** JSON pointer of the member that begins or stands on this line; null for closing brackets. */
  pointer: string | null;
}

/** Cuts pretty-printed JSON into lines and gives each the pointer of what stands on it. Digits stay as they came. */
export function jsonLines(json: string): JsonLine[] {
  const path: (string | number)[] = [];
  const inArray: boolean[] = [];
  return json.split("\n").map((text) => {
    const line = text.trim();
    if (/^[}\]],?$/.test(line)) {
      inArray.pop();
      const pointer = pointerOf(path);
      path.pop();
      return { text, pointer };
    }
    if (inArray.at(-1) === true) {
      const last = path.at(-1);
      path[path.length - 1] = typeof last === "number" ? last + 1 : 0;
    }
    const member = /^"((?:[^"\\]|\\.)*)"\s*:/.exec(line);
    if (member && inArray.at(-1) === false) path[path.length - 1] = member[1] ?? "";
    const pointer = pointerOf(path);
    if (/[[{]$/.test(line)) {
      inArray.push(line.endsWith("["));
      path.push(line.endsWith("[") ? -1 : "");
    }
    return { text, pointer };
  });
}

function pointerOf(path: (string | number)[]): string {
  return path.filter((part) => part !== "" && part !== -1).map((part) => `/${String(part).replace(/~/g, "~0").replace(/\//g, "~1")}`).join("");
}

/** Whether a line of the JSON belongs to a link: the member itself or what stands inside it. */
export function under(pointer: string | null, link: string): boolean {
  return pointer !== null && (pointer === link || pointer.startsWith(`${link}/`));
}

/** The resource that a segment mostly became. */
export function resourceOf(message: InboxMessage, segment: number): number {
  const counts = message.resources.map((r) => r.links.filter((l) => l.segment === segment).length);
  const best = Math.max(...counts, 0);
  return best === 0 ? -1 : counts.indexOf(best);
}

/** Makes the JSON readable: parsed and indented; left as it is when that would change a digit. */
export function readable(resource: StoredResource): string {
  return resource.json.includes("\n") ? resource.json : indent(resource.json);
}

/** Indents JSON without parsing its numbers, so that 6.30 stays 6.30. */
export function indent(json: string): string {
  let out = "";
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const c = json.charAt(i);
    if (c === '"') {
      let end = i + 1;
      while (end < json.length && json.charAt(end) !== '"') end += json.charAt(end) === "\\" ? 2 : 1;
      out += json.slice(i, end + 1);
      i = end;
    } else if (c === "{" || c === "[") {
      const close = c === "{" ? "}" : "]";
      const rest = /^\s*/.exec(json.slice(i + 1))?.[0].length ?? 0;
      if (json.charAt(i + 1 + rest) === close) {
        out += c + close;
        i += 1 + rest;
      } else {
        depth += 1;
        out += `${c}\n${"  ".repeat(depth)}`;
      }
    } else if (c === "}" || c === "]") {
      depth -= 1;
      out += `\n${"  ".repeat(depth)}${c}`;
    } else if (c === ",") out += `,\n${"  ".repeat(depth)}`;
    else if (c === ":") out += ": ";
    else if (!/\s/.test(c)) out += c;
  }
  return out;
}
