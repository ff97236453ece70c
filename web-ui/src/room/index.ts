// The room of a consultation for the screens: `joinRoom` and its types.
import { ownChat, ownRoomTicket, readChat, roomTicket } from "../api/box";
import { Room, type Callbacks } from "./room";

export { Room, type Callbacks, type Outgoing } from "./room";
export type { LineState, Out } from "./line";
export type { Caption, ChatFile, ChatMessage, Happening, Heard, Meter, Mode, Muted, Person, Recorded, Refusal, Standing } from "./protocol";

const DEVICE = "room-device";

/** The browser's own name, for as long as its window is open: two windows are two devices. */
function device(): string {
  const known = sessionStorage.getItem(DEVICE);
  if (known !== null) return known;
  const fresh = crypto.randomUUID();
  sessionStorage.setItem(DEVICE, fresh);
  return fresh;
}

/** Comes into the room of a consultation; `portal` for the patient. Ends with `leave()`. */
export function joinRoom(wish: { consultation: string; portal: boolean; on: Callbacks }): Room {
  const { consultation, portal, on } = wish;
  const own = device();
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const box = {
    ticket: async () => (await (portal ? ownRoomTicket : roomTicket)(consultation, own)).ticket,
    history: (after: number) => (portal ? ownChat : readChat)(consultation, after),
    open: () => new WebSocket(`${scheme}://${location.host}/api/room`),
  };
  const hurry = () => room.hurry();
  const room = new Room(consultation, own, box, {
    ...on,
    state: (state, why) => {
      if (state === "out") window.removeEventListener("online", hurry);
      on.state?.(state, why);
    },
  });
  window.addEventListener("online", hurry);
  room.start();
  return room;
}
