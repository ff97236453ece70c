// The line to a room: a ticket, a socket, the first message; when it is lost, another ticket and on from the last event seen.
// Owns when to come back and when not to. What is said is not its matter.
import { BoxLost, Refused } from "../api/error";
import { CLOSED, VERSION, type FromBox, type ToBox, type Welcome } from "./protocol";

/** connecting: for the first time. in: things can be said. waiting: it will come back. out: it will not. */
export type LineState = "connecting" | "in" | "waiting" | "out";
/** Why it is out. */
export type Out = "left" | "over" | "replaced" | "out" | "session" | "protocol";

export interface Door {
  ticket(): Promise<string>;
  open(): WebSocket;
}

interface On {
  message(message: FromBox): void;
  state(state: LineState, why: Out | null): void;
}

const FIRST_MS = 500;
const LONGEST_MS = 10_000;
/** Too many messages: the box wants a pause. */
const FLOOD_MS = 5_000;
/** A socket that is open and silent for so long is none. The box pings every 10 s, which a page does not see; so this is generous. */
const OPEN_MS = 15_000;

export class Line {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private refusals = 0;
  private state: LineState = "connecting";
  private epoch: string | null = null;
  private seen = 0;

  constructor(
    private readonly consultation: string,
    private readonly device: string,
    private readonly door: Door,
    private readonly on: On,
  ) {}

  start(): void {
    void this.connect();
  }

  /** False when nothing can be said now. */
  send(message: ToBox): boolean {
    // A socket that is closing (2) takes no more, though its close is told only when it is closed.
    if (this.state !== "in" || this.socket === null || this.socket.readyState >= 2) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** Comes back at once, such as when the network is there again. */
  hurry(): void {
    if (this.state !== "waiting" || this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    void this.connect();
  }

  stop(why: Out): void {
    if (this.state === "out") return;
    if (why === "left") this.send({ type: "leave" });
    clearTimeout(this.timer);
    this.drop();
    this.become("out", why);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    if (socket === null) return;
    socket.onmessage = socket.onclose = socket.onopen = null;
    socket.close();
  }

  private become(state: LineState, why: Out | null = null): void {
    if (this.state === state && why === null) return;
    this.state = state;
    this.on.state(state, why);
  }

  private async connect(): Promise<void> {
    this.timer = undefined;
    let ticket: string;
    try {
      ticket = await this.door.ticket();
    } catch (error) {
      return this.noTicket(error);
    }
    if (this.state === "out") return;
    const socket = this.door.open();
    this.socket = socket;
    const impatient = setTimeout(() => socket.close(), OPEN_MS);
    socket.onopen = () => {
      const known = this.epoch === null ? {} : { epoch: this.epoch, seen: this.seen };
      socket.send(JSON.stringify({ type: "hello", v: VERSION, consultation: this.consultation, ticket, device: this.device, ...known }));
    };
    socket.onmessage = ({ data }) => {
      clearTimeout(impatient);
      if (this.socket === socket && typeof data === "string") this.take(JSON.parse(data) as FromBox);
    };
    socket.onclose = ({ code }) => {
      clearTimeout(impatient);
      if (this.socket === socket) this.closed(code);
    };
  }

  private noTicket(error: unknown): void {
    if (this.state === "out") return;
    if (error instanceof Refused && error.status < 500 && error.status !== 429) {
      return this.stop(error.status === 401 ? "session" : error.status === 409 ? "over" : "out");
    }
    if (!(error instanceof Refused) && !(error instanceof BoxLost)) console.debug("room", error);
    this.later();
  }

  private take(message: FromBox): void {
    if (message.type === "welcome") this.welcomed(message);
    if (message.type === "event") {
      // The box tells each once; whoever is told again has resumed from further back than he was.
      if (message.n <= this.seen) return;
      this.seen = message.n;
    }
    this.on.message(message);
  }

  private welcomed(welcome: Welcome): void {
    (this.failures = 0), (this.refusals = 0);
    this.epoch = welcome.epoch;
    if (!welcome.resumed) this.seen = welcome.n;
    this.become("in");
  }

  private closed(code: number): void {
    this.socket = null;
    if (code === CLOSED.ticket) {
      // One that was too old is nobody's fault; a second in a row is.
      this.refusals += 1;
      if (this.refusals > 1) return this.stop("session");
    }
    if (code === CLOSED.protocol) return this.stop("protocol");
    if (code === CLOSED.out) return this.stop("out");
    if (code === CLOSED.replaced) return this.stop("replaced");
    if (code === CLOSED.over) return this.stop("over");
    this.later(code === CLOSED.flood ? FLOOD_MS : 0);
  }

  private later(least = 0): void {
    this.become("waiting");
    const pause = Math.min(FIRST_MS * 2 ** this.failures, LONGEST_MS);
    this.failures += 1;
    // Not all at once when the box comes back.
    this.timer = setTimeout(() => void this.connect(), Math.max(least, pause * (0.8 + Math.random() * 0.4)));
  }
}
