// Keeps the clinic's maps and writes them one entry at a time. Somebody else's change in between is read, and the entry is
// put into what stands then; only when both changed the same entry does the person decide.
import * as box from "../../../api/box";
import { Refused } from "../../../api/error";
import type { Maps, MapsTried, SentCode, ZField } from "../../../api/types";
import { writing } from "../../../state/app.svelte";
import { issuesOf, type Issue } from "../channels/channel";
import { codeIndex, fieldIndex, withEntry } from "./maps";

export class Saver {
  maps = $state<Maps | null>(null);
  version = $state(0);
  error = $state<unknown>(null);
  /** Why they could not be read. */
  unread = $state<unknown>(null);
  issues = $state<Issue[]>([]);
  /** The place of the entry that was written last, such as `concepts[3]`. */
  entry = $state("");
  busy = $state(false);
  /** What was tried last, until something else is. */
  tried = $state<MapsTried | null>(null);

  /** `done` is told of every change that the box took. */
  constructor(private readonly done: (what: "saved" | "removed") => void) {}

  readonly load = async (): Promise<void> => {
    try {
      const now = await box.maps();
      this.maps = now.maps;
      this.version = now.version;
      this.unread = null;
    } catch (problem) {
      this.unread = problem;
    }
  };

  /** What was wrong before belongs to another form. */
  clear(): void {
    this.error = null;
    this.issues = [];
    this.entry = "";
    this.tried = null;
  }

  putCode(known: SentCode | null, entry: SentCode | null): Promise<boolean> {
    return this.put((maps) => this.withCode(maps, known, entry), entry === null);
  }

  putField(known: ZField | null, rule: ZField | null): Promise<boolean> {
    return this.put((maps) => this.withField(maps, known, rule), rule === null);
  }

  /** What the entry would change in stored messages if it were saved. */
  tryCode(known: SentCode | null, entry: SentCode): Promise<boolean> {
    return this.tryOut((maps) => this.withCode(maps, known, entry));
  }

  tryField(known: ZField | null, rule: ZField): Promise<boolean> {
    return this.tryOut((maps) => this.withField(maps, known, rule));
  }

  private withCode(maps: Maps, known: SentCode | null, entry: SentCode | null): Maps | null {
    const at = known ? codeIndex(maps, known) : -1;
    this.entry = `concepts[${at < 0 ? maps.concepts.length : at}]`;
    return known && at < 0 ? null : { ...maps, concepts: withEntry(maps.concepts, at, entry) };
  }

  private withField(maps: Maps, known: ZField | null, rule: ZField | null): Maps | null {
    const at = known ? fieldIndex(maps, known) : -1;
    this.entry = `zsegments[${at < 0 ? maps.zsegments.length : at}]`;
    return known && at < 0 ? null : { ...maps, zsegments: withEntry(maps.zsegments, at, rule) };
  }

  /** Says whether the box could read the maps. */
  private async tryOut(change: (maps: Maps) => Maps | null): Promise<boolean> {
    if (this.busy || !this.maps) return false;
    this.busy = true;
    this.clear();
    try {
      const document = change(this.maps);
      if (document === null) throw new Refused(412, "status412", "");
      this.tried = await box.tryMaps(document);
      return true;
    } catch (problem) {
      this.issues = problem instanceof Refused ? issuesOf(problem.body) : [];
      if (this.issues.length === 0) this.error = problem;
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** The whole document, as a file has it. */
  putAll(text: string): Promise<boolean> {
    this.entry = "";
    return this.put(() => text, false);
  }

  /** `change` gives the document to write, or null when the entry is not there any more. */
  private async put(change: (maps: Maps) => Maps | string | null, removed: boolean): Promise<boolean> {
    if (this.busy || !this.maps) return false;
    this.busy = true;
    this.error = null;
    this.issues = [];
    try {
      for (let left = 2; ; left -= 1) {
        const document = change(this.maps);
        if (document === null) throw new Refused(412, "status412", "");
        try {
          await writing(box.putMaps(document, this.version));
          break;
        } catch (problem) {
          if (!(problem instanceof Refused && problem.status === 412 && left > 0 && typeof document !== "string")) throw problem;
          await this.load();
        }
      }
      await this.load();
      this.done(removed ? "removed" : "saved");
      return true;
    } catch (problem) {
      this.issues = problem instanceof Refused ? issuesOf(problem.body) : [];
      if (this.issues.length === 0) this.error = problem;
      if (problem instanceof Refused && problem.status === 412) await this.load();
      return false;
    } finally {
      this.busy = false;
    }
  }
}
