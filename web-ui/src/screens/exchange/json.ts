// A JSON text as a tree that keeps what a record must keep: the order of members and the spelling of numbers
// (JSON.parse would show 72.50 as 72.5). Pure. The text is the box's own answer, but depth and size are bounded.

export type Node =
  | { kind: "object"; members: { name: string; node: Node }[] }
  | { kind: "array"; items: Node[] }
  | { kind: "string"; text: string }
  | { kind: "plain"; text: string };

/** As deep as the box lets a record be, with room for the bundle around it. */
const DEEPEST = 80;

/** A text that cannot be taken: where, and the name that stands twice in one object if that is why. */
export class NoJson extends SyntaxError {
  constructor(
    /** The character, from 0. */
    readonly at: number,
    readonly twice: string | null = null,
  ) {
    super(twice === null ? `not JSON at character ${at + 1}` : `"${twice}" stands twice, again at character ${at + 1}`);
  }
}

class Reader {
  private at = 0;
  constructor(
    private readonly text: string,
    private readonly strict: boolean,
  ) {}

  whole(): Node {
    const node = this.value(0);
    this.space();
    if (this.at < this.text.length) throw this.wrong();
    return node;
  }

  private wrong(): NoJson {
    return new NoJson(this.at);
  }

  private space(): void {
    while (" \t\r\n".includes(this.text.charAt(this.at)) && this.at < this.text.length) this.at += 1;
  }

  private expect(mark: string): void {
    this.space();
    if (this.text.charAt(this.at) !== mark) throw this.wrong();
    this.at += 1;
  }

  private take(mark: string): boolean {
    this.space();
    if (this.text.charAt(this.at) !== mark) return false;
    this.at += 1;
    return true;
  }

  private value(depth: number): Node {
    if (depth > DEEPEST) throw this.wrong();
    this.space();
    const mark = this.text.charAt(this.at);
    if (mark === "{") return this.object(depth);
    if (mark === "[") return this.array(depth);
    if (mark === '"') return { kind: "string", text: this.string() };
    const word = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.])/y;
    word.lastIndex = this.at;
    const found = word.exec(this.text);
    if (!found) throw this.wrong();
    this.at = word.lastIndex;
    return { kind: "plain", text: found[0] };
  }

  private object(depth: number): Node {
    this.at += 1;
    const members: { name: string; node: Node }[] = [];
    if (this.take("}")) return { kind: "object", members };
    do {
      this.space();
      const begins = this.at;
      const name = this.string();
      if (this.strict && members.some((one) => one.name === name)) throw new NoJson(begins, name);
      this.expect(":");
      members.push({ name, node: this.value(depth + 1) });
    } while (this.take(","));
    this.expect("}");
    return { kind: "object", members };
  }

  private array(depth: number): Node {
    this.at += 1;
    const items: Node[] = [];
    if (this.take("]")) return { kind: "array", items };
    do items.push(this.value(depth + 1));
    while (this.take(","));
    this.expect("]");
    return { kind: "array", items };
  }

  private string(): string {
    const whole = /"(?:[^"\\]|\\.)*"/y;
    whole.lastIndex = this.at;
    const found = whole.exec(this.text);
    if (!found) throw this.wrong();
    try {
      const text = JSON.parse(found[0]) as string;
      this.at = whole.lastIndex;
      return text;
    } catch {
      throw this.wrong();
    }
  }
}

/** Reads a JSON text; throws NoJson with the place. */
export function read(text: string): Node {
  return new Reader(text, false).whole();
}

/** What is wrong with a text that a person wrote, as the line and the name that stands twice; null when nothing is. Of two
 * members with one name only the last would count, and the person would not know. */
export function slip(text: string): { line: number; twice: string | null } | null {
  try {
    new Reader(text, true).whole();
    return null;
  } catch (problem) {
    if (!(problem instanceof NoJson)) throw problem;
    return { line: text.slice(0, problem.at).split("\n").length, twice: problem.twice };
  }
}

/** The member of an object, or undefined. */
export function member(node: Node | undefined, name: string): Node | undefined {
  return node?.kind === "object" ? node.members.find((one) => one.name === name)?.node : undefined;
}

/** What stands under a chain of members. */
export function under(node: Node | undefined, ...names: string[]): Node | undefined {
  return names.reduce(member, node);
}

/** The text of a string, number or truth value; undefined for anything else. */
export function plain(node: Node | undefined): string | undefined {
  return node?.kind === "string" || node?.kind === "plain" ? node.text : undefined;
}

/** The items of an array; none for anything else. */
export function items(node: Node | undefined): Node[] {
  return node?.kind === "array" ? node.items : [];
}
