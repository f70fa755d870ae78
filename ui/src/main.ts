// The views: the start (send a video, see one's scans), a scan, and furniture.

import { unreachable } from "./api";
import { errorBox } from "./errors";
import { showScan } from "./scan";
import { showStart } from "./start";

const main = document.getElementById("main")!;
let leave: () => void = () => {};
let first = true;

function route(): void {
  leave();
  main.replaceChildren();
  document.title = "Garaza: a room from a video";
  const found = /^#\/scan\/(\w+)$/.exec(location.hash);
  if (/^#\/furniture(?![^/?])/.test(location.hash)) leave = showFurniture();
  else leave = found ? showScan(main, found[1]!) : showStart(main);
  window.scrollTo(0, 0);
  // After a change of view a screen reader goes on from its beginning; on the first load it begins there anyway.
  if (!first) main.focus({ preventScroll: true });
  first = false;
}

// Who comes to send a video needs none of its code.
function showFurniture(): () => void {
  let stop: () => void = () => {};
  let gone = false;
  import("./furniture/view").then(
    (view) => {
      if (!gone) stop = view.show(main, location.hash);
    },
    () => {
      if (!gone) main.replaceChildren(errorBox(unreachable()));
    },
  );
  return () => {
    gone = true;
    stop();
  };
}

document.querySelector(".skip")!.addEventListener("click", (event) => {
  // Its address would be taken for a view.
  event.preventDefault();
  main.focus();
});
// A video dropped beside the drop zone would replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
window.addEventListener("hashchange", route);
route();
