// Two people speak, the box writes along, and both find it afterwards.
import { spoken } from "../lib/spoken.mjs";

export const walks = [["what two people say is written along, offered to the note and found by the patient", () => spoken()]];
