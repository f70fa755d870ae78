// The start: a place to drop a video, and the scans this browser knows.

import * as api from "./api";
import { announce, h, sizeText } from "./dom";
import { forget, known, remember } from "./store";

const TIPS = [
  "Walk slowly through the room, sideways along the walls, for 20 to 60 seconds.",
  "Keep the phone upright or level, and all of the room in good light.",
  "Film each part from two places: depth is seen only while you move.",
];

export function showStart(main: HTMLElement): () => void {
  const list = h("ul", { class: "scans" });
  const heading = h("h2", {}, "Your scans");
  const section = h("section", { "aria-label": "Your scans" }, heading, list);
  main.append(
    h("section", { class: "hero" }, h("h1", {}, "Film a room. Walk around in it."), uploadCard()),
    h("ul", { class: "tips" }, ...TIPS.map((tip) => h("li", {}, tip))),
    section,
  );
  let timer = 0;
  const refresh = async (): Promise<void> => {
    const scans = known();
    section.hidden = scans.length === 0;
    try {
      const found = new Map((await api.statuses(scans.map((k) => k.id))).map((s) => [s.job_id, s]));
      list.replaceChildren(...scans.map((k) => scanCard(k.id, k.name, found.get(k.id), refresh)));
    } catch {
      // The next round tries again; what is on the screen stays.
    }
    timer = window.setTimeout(refresh, 3000);
  };
  section.hidden = true;
  void refresh();
  return () => window.clearTimeout(timer);
}

function uploadCard(): HTMLElement {
  const input = h("input", { type: "file", id: "file", accept: "video/*,.mkv,.mov,.mp4,.webm", class: "hidden-input" });
  const quality = h(
    "select",
    { id: "quality" },
    h("option", { value: "draft" }, "Draft: about a minute"),
    h("option", { value: "standard", selected: true }, "Standard: a few minutes"),
    h("option", { value: "high" }, "High: ten minutes or more"),
  );
  const status = h("div", { class: "upload-status", role: "status" });
  const zone = h(
    "label",
    { class: "drop", for: "file" },
    h("strong", {}, "Choose a video, or film one"),
    h("span", {}, "or drop it here"),
  );
  const card = h(
    "div",
    { class: "card upload" },
    input,
    zone,
    h("div", { class: "row" }, h("label", { for: "quality" }, "Quality"), quality),
    status,
  );
  const take = (file: File | undefined): void => {
    if (file) void send(file, quality.value, status, card);
  };
  input.addEventListener("change", () => take(input.files?.[0]));
  for (const kind of ["dragenter", "dragover"]) {
    card.addEventListener(kind, (event) => {
      event.preventDefault();
      card.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) card.addEventListener(kind, () => card.classList.remove("over"));
  card.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer?.files[0]);
  });
  return card;
}

async function send(file: File, quality: string, status: HTMLElement, card: HTMLElement): Promise<void> {
  card.classList.add("busy");
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Upload" });
  const text = h("span", {}, `Sending ${file.name} (${sizeText(file.size)})`);
  const { done, cancel } = api.upload(file, (share) => {
    bar.value = share;
    if (share === 1) text.textContent = "Looking into it…";
  });
  status.replaceChildren(text, bar, h("button", { type: "button", class: "quiet", click: cancel }, "Cancel"));
  announce("Upload started");
  try {
    const { job_id } = await done;
    remember(job_id, file.name);
    await api.process(job_id, quality);
    location.hash = `#/scan/${job_id}`;
  } catch (error) {
    status.replaceChildren(errorBox(error));
  } finally {
    card.classList.remove("busy");
  }
}

export function errorBox(error: unknown): HTMLElement | string {
  if (error instanceof DOMException && error.name === "AbortError") return "Cancelled.";
  const problem = error instanceof api.Problem ? error : new api.Problem(0, "Something went wrong.", String(error));
  return h("div", { class: "error", role: "alert" }, h("strong", {}, problem.title), " ", problem.advice);
}

function scanCard(id: string, name: string, found: api.Status | undefined, refresh: () => void): HTMLElement {
  const done = found?.status === "completed";
  const state = !found
    ? "Expired or deleted"
    : found.status === "processing"
      ? `${found.progress?.message ?? "Waiting"} · ${Math.round(found.progress?.progress ?? 0)} %`
      : { completed: "Ready", failed: found.error ?? "Failed", uploaded: "Not processed", cancelled: "Cancelled" }[
          found.status
        ];
  const drop = async (): Promise<void> => {
    if (!confirm(`Delete “${name}” and its model?`)) return;
    if (found) await api.remove(id).catch(() => undefined);
    forget(id);
    refresh();
  };
  return h(
    "li",
    { class: "card scan" },
    done
      ? h("img", { src: `/api/assets/${id}/thumbnail.jpg`, alt: "", width: 96, height: 60, loading: "lazy" })
      : h("div", { class: "no-picture", "aria-hidden": "true" }),
    h(
      "div",
      { class: "about" },
      found ? h("a", { href: `#/scan/${id}` }, name) : h("span", {}, name),
      h("span", { class: "state" }, state),
    ),
    h("button", { type: "button", class: "quiet", "aria-label": `Delete ${name}`, click: () => void drop() }, "✕"),
  );
}
