// A finished scan: the model, what to do with it, and how far its lengths can be trusted.

import type { Result, Status } from "./api";
import { h, momentText, percentText, sizeText } from "./dom";
import { Measuring } from "./measuring";
import { deleteButton } from "./scan";
import type { Viewer } from "./viewer";

const DOWNLOADS: [path: string, name: string, ending: string][] = [
  ["model.glb", "3D model", "GLB"],
  ["points.ply", "Points", "PLY"],
  ["cameras.json", "Cameras", "JSON"],
  ["report.html", "Report", ""],
];
// What the scale's own line says already.
const SAID_ALREADY = "The size is an estimate";
const OUTSIDE = "Drag to turn, pinch or scroll to come nearer.";
const INSIDE = "Drag to look around, tap where you want to go.";

export function showModel(main: HTMLElement, result: Result, status: Status, reload: () => void): () => void {
  const poster = h("img", { class: "poster", src: result.poster_url, alt: "" });
  const stage = h("div", { class: "stage" }, poster);
  const tools = h("div", { class: "tools", role: "group", "aria-label": "View" });
  const hint = h("p", { class: "quiet", id: "hint", role: "status" }, "Loading…");
  const panel = h("div", { class: "panel", "aria-live": "polite" });
  const problem = h("div", {});
  main.replaceChildren(
    h("h1", { class: "name" }, status.filename),
    h(
      "div",
      { class: "scan-page" },
      h("div", {}, h("div", { class: "viewer" }, stage, tools), hint, panel),
      h(
        "aside",
        {},
        aboutScale(result),
        downloads(result, status.filename),
        h(
          "div",
          { class: "keeping" },
          h("span", { class: "quiet" }, status.expires_at ? `Kept until ${momentText(status.expires_at)}` : ""),
          deleteButton(status.job_id, status.filename, problem),
        ),
        problem,
      ),
    ),
  );
  let viewer: Viewer | null = null;
  let left = false;
  const start = async (): Promise<void> => {
    // A chunk of its own: the start loads without it.
    const { Viewer } = await import("./viewer");
    if (left) return;
    viewer = new Viewer(stage, result);
    await viewer.load(() => {
      poster.remove();
      wire(viewer!, tools, hint, new Measuring(viewer!, panel, result, reload));
    });
  };
  start().catch(() => {
    if (!left) hint.textContent = "The model can’t be shown here. Reload the page, or download it below.";
  });
  return () => {
    left = true;
    viewer?.dispose();
  };
}

function aboutScale({ scale, warnings }: Result): HTMLElement {
  const percent = Math.max(1, Math.round(scale.uncertainty * 100));
  return h(
    "section",
    { class: "card", "aria-labelledby": "size" },
    h("h2", { id: "size" }, "Size"),
    h(
      "p",
      {},
      h("span", { class: scale.metric ? "badge good" : "badge" }, scale.metric ? "Metric" : "Estimated"),
      ` Lengths are right to about ${percentText(percent)}. `,
      scale.metric ? "" : "Measure one thing whose length you know, such as a door, to make all of them exact.",
    ),
    ...warnings.filter((text) => !text.startsWith(SAID_ALREADY)).map((text) => h("p", { class: "quiet" }, text)),
  );
}

function downloads(result: Result, filename: string): HTMLElement {
  const base = filename.replace(/\.\w{1,5}$/, "");
  const files = DOWNLOADS.flatMap(([path, name, ending]) => {
    const file = result.files.find((f) => f.path === path);
    if (!file) return [];
    const how = ending ? { download: `${base}.${ending.toLowerCase()}` } : { target: "_blank", rel: "noopener" };
    return [h("li", {}, h("a", { href: file.url, ...how }, h("span", {}, name), h("span", { class: "quiet" }, [ending, sizeText(file.size_bytes)].filter(Boolean).join(" · "))))];
  });
  return h("section", { class: "card", "aria-labelledby": "take" }, h("h2", { id: "take" }, "Take it with you"), h("ul", { class: "downloads" }, ...files));
}

function wire(viewer: Viewer, tools: HTMLElement, hint: HTMLElement, measuring: Measuring): void {
  const outside = h("button", { type: "button", title: "The whole room; again to go back to the first view" }, "Outside");
  const inside = h("button", { type: "button", title: "Where the camera stood" }, "Inside");
  const measure = h("button", { type: "button" }, "Measure");
  const path = h("button", { type: "button", title: "Where the camera went" }, "Path");
  const press = (button: HTMLElement, on: boolean): void => button.setAttribute("aria-pressed", String(on));
  const enter = (within: boolean): void => {
    press(outside, !within);
    press(inside, within);
    hint.textContent = within ? INSIDE : OUTSIDE;
    if (within) viewer.stepInside();
    else viewer.fromOutside();
  };
  let pathShown = false;
  outside.addEventListener("click", () => enter(false));
  inside.addEventListener("click", () => enter(true));
  measure.addEventListener("click", () => press(measure, measuring.toggle()));
  path.addEventListener("click", () => {
    pathShown = !pathShown;
    press(path, pathShown);
    viewer.showPath(pathShown);
  });
  press(measure, false);
  press(path, false);
  tools.replaceChildren(h("div", { class: "segments" }, outside, inside), measure, path);
  enter(false);
}
