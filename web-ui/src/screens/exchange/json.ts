// A JSON text as a tree that keeps what a record must keep: the order of members and the spelling of numbers
// (JSON.parse would show 72.50 as 72.5). Pure. The text is the box's own answer, but depth and size are bounded.

export type Node =
  | { kind: "object"; members: { name: string; node: Node }[] }
  | { kind: "array"; items: Node[] }
  | { kind: "string"; text: string }
  | { kind: "plain"; text: string };

/** As deep as the box lets a record be, with room for the bundle around it. */
const DEEPEST = 80;

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  whole(): Node {
    const node = this.value(0);
    this.space();
    if (this.at < this.text.length) throw this.wrong();
    return node;
  }

  private wrong(): SyntaxError {
    return new SyntaxError(`not JSON at character ${this.at + 1}`);
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
      const name = this.string();
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
    this.at = whole.lastIndex;
    return JSON.parse(found[0]) as string;
  }
}

/** Reads a JSON text; throws SyntaxError with the place. */
export function read(text: string): Node {
  return new Reader(text).whole();
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
