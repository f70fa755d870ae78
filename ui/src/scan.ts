// One scan: its progress while it is made, then the model.

import * as api from "./api";
import { announce, h, sizeText } from "./dom";
import { errorBox } from "./start";
import { known, remember } from "./store";

const STAGES: [string, string][] = [
  ["frames", "Reading the video"],
  ["cameras", "Where the camera was"],
  ["depth", "How far everything is"],
  ["fusion", "Joining it"],
  ["mesh", "Cleaning it"],
  ["texture", "Painting it"],
  ["export", "Writing files"],
];
const DOWNLOADS: Record<string, string> = {
  "model.glb": "3D model (GLB)",
  "points.ply": "Points (PLY)",
  "cameras.json": "Cameras (JSON)",
  "report.html": "Report",
};

export function showScan(main: HTMLElement, id: string): () => void {
  let stop: () => void = () => {};
  let gone = false;
  const begin = async (): Promise<void> => {
    try {
      const status = await api.status(id);
      if (gone) return;
      if (!known().some((k) => k.id === id)) remember(id, status.filename);
      if (status.status === "completed") {
        const result = await api.result(id);
        if (!gone) stop = showModel(main, result, status.filename, () => void begin());
      } else if (status.status === "processing") {
        stop = showProgress(main, status, () => void begin());
      } else {
        main.replaceChildren(failed(status, () => void begin()));
      }
    } catch (error) {
      main.replaceChildren(h("section", { class: "card" }, errorBox(error), h("p", {}, h("a", { href: "#/" }, "To the start"))));
    }
  };
  void begin();
  return () => {
    gone = true;
    stop();
  };
}

function failed(status: api.Status, again: () => void): HTMLElement {
  const retry = async (): Promise<void> => {
    await api.process(status.job_id, "standard").catch(() => undefined);
    again();
  };
  return h(
    "section",
    { class: "card" },
    h("h1", {}, status.filename),
    status.failure
      ? h("div", { class: "error", role: "alert" }, h("strong", {}, status.failure.message), " ", status.failure.advice)
      : h("p", {}, "This video has not been processed yet."),
    h("div", { class: "row" }, h("button", { type: "button", click: () => void retry() }, status.failure ? "Try again" : "Make the model"), h("a", { href: "#/" }, "Another video")),
  );
}

function showProgress(main: HTMLElement, status: api.Status, ended: () => void): () => void {
  const bar = h("progress", { max: 100, value: status.progress?.progress ?? 0, "aria-label": "Progress" });
  const message = h("p", { class: "message" }, "Waiting for its turn");
  const steps = new Map(STAGES.map(([stage, text]) => [stage, h("li", {}, text)]));
  main.replaceChildren(
    h(
      "section",
      { class: "card progress" },
      h("h1", {}, status.filename),
      bar,
      message,
      h("ol", { class: "stages" }, ...steps.values()),
      h("p", { class: "quiet-text" }, "You may close this page: the work goes on, and this browser finds it again."),
    ),
  );
  let reached = -1;
  const show = (progress: api.Progress): void => {
    bar.value = progress.progress;
    const items = progress.total_frames ? ` (${progress.current_frame} of ${progress.total_frames})` : "";
    message.textContent = `${progress.message}${items}`;
    const at = STAGES.findIndex(([stage]) => stage === progress.stage);
    STAGES.forEach(([stage], index) => {
      const step = steps.get(stage)!;
      step.className = index < at ? "done" : index === at ? "now" : "";
      if (index === at) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    });
    if (at > reached) announce(progress.message);
    reached = at;
  };
  if (status.progress) show(status.progress);
  return api.follow(status.job_id, { onProgress: show, onEnd: ended });
}

function showModel(main: HTMLElement, result: api.Result, name: string, reload: () => void): () => void {
  const stage = h("div", { class: "stage" });
  const scale = h("p", { class: "scale" });
  const percent = Math.round(result.scale.uncertainty * 100);
  scale.append(
    h("strong", {}, result.scale.metric ? "True lengths" : "Estimated lengths"),
    ` (± ${percent} %). `,
    result.scale.metric ? "" : "Measure one length that you know, and the model becomes exact.",
  );
  const tools = h("div", { class: "row tools", role: "toolbar", "aria-label": "View" });
  const hint = h("p", { class: "hint", role: "status" }, "Loading…");
  main.replaceChildren(
    h("h1", { class: "scan-title" }, name),
    h("div", { class: "viewer" }, stage, tools, hint),
    h("section", { class: "card" }, scale, ...result.warnings.slice(0, 3).map((w) => h("p", { class: "quiet-text" }, w))),
    h(
      "section",
      { class: "card downloads" },
      h("h2", {}, "Take it with you"),
      h(
        "ul",
        {},
        ...result.files
          .filter((file) => file.path in DOWNLOADS)
          .map((file) =>
            h("li", {}, h("a", { href: file.url, download: file.path !== "report.html" && `${file.path}` }, DOWNLOADS[file.path]!), ` ${sizeText(file.size_bytes)}`),
          ),
      ),
    ),
  );
  let dispose: () => void = () => {};
  let left = false;
  // The viewer is a chunk of its own: the start loads without it.
  import("./viewer").then(
    ({ Viewer }) => {
      if (left) return;
      const viewer = new Viewer(stage, result);
      dispose = () => viewer.dispose();
      wire(viewer, tools, hint, result.job_id, reload);
    },
    () => (hint.textContent = "The viewer could not be loaded. Reload the page."),
  );
  return () => {
    left = true;
    dispose();
  };
}

function wire(
  viewer: import("./viewer").Viewer,
  tools: HTMLElement,
  hint: HTMLElement,
  id: string,
  reload: () => void,
): void {
  const say = (text: string): void => {
    hint.textContent = text;
  };
  const outside = h("button", { type: "button", "aria-pressed": "true" }, "From outside");
  const inside = h("button", { type: "button", "aria-pressed": "false" }, "Step inside");
  const measure = h("button", { type: "button", "aria-pressed": "false" }, "Measure");
  const select = (which: HTMLElement): void => {
    for (const button of [outside, inside]) button.setAttribute("aria-pressed", String(button === which));
  };
  outside.addEventListener("click", () => {
    viewer.fromOutside();
    select(outside);
    say("Drag to turn, pinch or scroll to come nearer.");
  });
  inside.addEventListener("click", () => {
    viewer.stepInside();
    select(inside);
    say("Drag to look around; arrow keys or scrolling to walk.");
  });
  measure.addEventListener("click", () => {
    measure.setAttribute("aria-pressed", "true");
    say("Tap the two ends of something in the model.");
    viewer.measure((points, metres) => {
      measure.setAttribute("aria-pressed", "false");
      hint.replaceChildren(lengthForm(points, metres, id, reload, say));
    });
  });
  tools.append(outside, inside, measure);
  void viewer.load((text) => say(text || "Drag to turn, pinch or scroll to come nearer."));
}

function lengthForm(
  points: number[][],
  metres: number,
  id: string,
  reload: () => void,
  say: (text: string) => void,
): HTMLElement {
  const input = h("input", { type: "number", min: 0.02, max: 100, step: "any", value: metres.toFixed(2), id: "length", inputmode: "decimal" });
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      await api.setScale(id, points, Number(input.value));
      reload();
    } catch (error) {
      say(error instanceof api.Problem ? error.message : "That did not work.");
    }
  };
  return h(
    "form",
    { class: "row", submit: (event) => void submit(event) },
    h("label", { for: "length" }, `${metres.toFixed(2)} m in the model. In truth, metres:`),
    input,
    h("button", { type: "submit" }, "Set the scale"),
  );
}
