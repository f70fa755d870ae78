// The start: a place to drop a video, and the scans this browser knows.

import { h } from "./dom";
import { scanList } from "./list";
import { uploadCard } from "./upload";

const TIPS: [string, string][] = [
  ["Walk, don’t turn on the spot.", "Depth shows only while the phone moves sideways."],
  ["Take 20 to 60 seconds.", "Go along the walls, slowly, and pass everything twice."],
  ["Turn the lights on.", "Blurred or dark pictures are left out."],
];

export function showStart(main: HTMLElement): () => void {
  const { element, stop } = scanList();
  main.append(
    h(
      "section",
      { class: "hero" },
      h("div", {}, h("h1", {}, "Film a room. Walk around in it."), h("p", { class: "lead" }, "A video from your phone becomes a 3D model to walk through, measure and download.")),
      uploadCard(),
    ),
    h(
      "section",
      { "aria-labelledby": "tips" },
      h("h2", { id: "tips" }, "How to film"),
      h("ol", { class: "tips" }, ...TIPS.map(([what, why]) => h("li", { class: "card" }, h("strong", {}, what), h("span", {}, why)))),
    ),
    h("p", { class: "aside" }, "Furnishing it? ", h("a", { href: "#/furniture" }, "Find furniture that fits")),
    element,
  );
  return stop;
}
