// Two views: the start (take a video, see one's scans) and a scan.

import { showScan } from "./scan";
import { showStart } from "./start";

let leave: () => void = () => {};

function route(): void {
  leave();
  const main = document.getElementById("main")!;
  main.replaceChildren();
  const found = /^#\/scan\/(\w+)$/.exec(location.hash);
  leave = found ? showScan(main, found[1]!) : showStart(main);
  window.scrollTo(0, 0);
}

window.addEventListener("hashchange", route);
route();
