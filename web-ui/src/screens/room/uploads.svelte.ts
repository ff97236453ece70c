// Files on their way into the chat: one after the other, with how far each is, why one was not taken, and a plain copy of a picture
// whose original is not taken. Leaves to others: what is taken (the box decides by content), the messages that come of it.
import { Refused } from "../../api/error";
import type { ChatMessage } from "../../room";

/** Most bytes of one file; the box says so too. */
const MOST_BYTES = 10 << 20;
/** Longest side of a plain copy, in dots. */
const LONGEST_SIDE = 4_000;

export interface Upload {
  key: string;
  name: string;
  file: Blob;
  /** From 0 to 1. */
  sent: number;
  problem: unknown;
  /** A plain copy may be made: it is a picture, and its original was refused. */
  picture: boolean;
}

export type Send = (upload: { file: Blob; name: string; key: string }, sent: (part: number) => void) => Promise<ChatMessage>;

export class Uploads {
  list = $state.raw<readonly Upload[]>([]);
  private line: Promise<void> = Promise.resolve();

  constructor(
    private readonly send: Send,
    private readonly took: (message: ChatMessage) => void,
    private readonly draw: (file: Blob) => Promise<Blob> = drawn,
  ) {}

  add(files: Iterable<File>): void {
    for (const file of files) {
      const one: Upload = { key: crypto.randomUUID(), name: file.name, file, sent: 0, problem: null, picture: /^image\/(?!svg)/.test(file.type) };
      this.list = [...this.list, one];
      this.go(one.key);
    }
  }

  /** Sends it again under the same key: the box keeps it once. */
  again(key: string): void {
    this.change(key, { problem: null, sent: 0 });
    this.go(key);
  }

  /** Sends what the picture shows, drawn anew as JPEG. */
  async plain(key: string): Promise<void> {
    const one = this.list.find((each) => each.key === key);
    if (!one) return;
    try {
      this.change(key, { file: await this.draw(one.file), picture: false });
      this.again(key);
    } catch {
      // This browser cannot show it either.
      this.change(key, { picture: false });
    }
  }

  drop(key: string): void {
    this.list = this.list.filter((one) => one.key !== key);
  }

  /** Ends once everything that was given up to now is sent or refused. */
  settled(): Promise<void> {
    return this.line;
  }

  private go(key: string): void {
    this.line = this.line.then(() => this.one(key));
  }

  private async one(key: string): Promise<void> {
    const one = this.list.find((each) => each.key === key);
    if (!one) return;
    try {
      if (one.file.size > MOST_BYTES) throw new Refused(413, "fileTooLarge", "");
      const { file, name } = one;
      this.took(await this.send({ file, name, key }, (sent) => this.change(key, { sent })));
      this.drop(key);
    } catch (problem) {
      this.change(key, { problem });
    }
  }

  private change(key: string, what: Partial<Upload>): void {
    this.list = this.list.map((one) => (one.key === key ? { ...one, ...what } : one));
  }
}

/** A picture as a browser draws it: nothing of the original but its dots. */
async function drawn(file: Blob): Promise<Blob> {
  const picture = await createImageBitmap(file);
  try {
    const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale)));
    const pen = canvas.getContext("2d");
    if (!pen) throw new Error("no canvas");
    // JPEG knows no transparency.
    pen.fillStyle = "white";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
  } finally {
    picture.close();
  }
}
