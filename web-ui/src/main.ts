// Starts the page: look and language first, then keys, addresses and the clock, then the box is asked where it stands.
import "./style/tokens.css";
import "./style/base.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { begin, restoreLook, startClock } from "./state/app.svelte";
import { startKeys } from "./state/keys.svelte";
import { isPortal } from "./routes";
import { startRouter } from "./state/router.svelte";

const target = document.getElementById("app");
if (target) {
  await restoreLook();
  startRouter();
  startKeys();
  startClock();
  mount(App, { target });
  if (!isPortal(location.pathname)) await begin();
}
