// Taking a video and sending it.

import * as api from "./api";
import { announce, h, percentText, sizeText } from "./dom";
import { errorBox } from "./errors";
import { qualityChoice } from "./quality";
import { remember } from "./store";
import { type State, send as sendByTus } from "./tus";
import { unfinished } from "./unfinished";

// One for the life of the page: an upload goes on while another view is looked at.
let card: HTMLElement | undefined;

export function uploadCard(): HTMLElement {
  card ??= makeCard();
  return card;
}

function makeCard(): HTMLElement {
  const accept = "video/*,.mkv,.mov,.mp4,.webm";
  const chosen = h("input", { type: "file", id: "file", accept, class: "hidden-input" });
  // `capture` opens the camera at once, and where there is none the same dialogue as the other: it is shown on touch
  // screens only. Without the list of endings, which would make some phones offer files only.
  const filmed = h("input", { type: "file", id: "film", accept: "video/*", capture: "environment", class: "hidden-input touch-only" });
  const quality = qualityChoice("quality");
  const status = h("div", { class: "upload-status" }, unfinishedNote());
  const made = h(
    "div",
    { class: "card upload" },
    h(
      "div",
      { class: "drop" },
      chosen,
      h("label", { class: "button main", for: "file" }, "Choose a video"),
      filmed,
      h("label", { class: "button touch-only", for: "film" }, "Film one now"),
      h("span", { class: "quiet mouse-only" }, "or drop it here"),
    ),
    quality.element,
    status,
  );
  let busy = false;
  const take = async (file: File | undefined): Promise<void> => {
    if (!file || busy) return;
    busy = true;
    let sent = false;
    made.classList.add("busy");
    window.addEventListener("beforeunload", askBeforeLeaving);
    try {
      sent = await send(file, quality.value(), status, made);
    } finally {
      busy = false;
      made.classList.remove("busy");
      window.removeEventListener("beforeunload", askBeforeLeaving);
      if (!sent) chosen.focus({ preventScroll: true });
    }
  };
  for (const input of [chosen, filmed]) {
    input.addEventListener("change", () => {
      void take(input.files?.[0]);
      // Choosing the same file again has to count.
      input.value = "";
    });
  }
  for (const kind of ["dragenter", "dragover"]) made.addEventListener(kind, () => made.classList.add("over"));
  for (const kind of ["dragleave", "drop"]) made.addEventListener(kind, () => made.classList.remove("over"));
  made.addEventListener("drop", (event) => void take(event.dataTransfer?.files[0]));
  return made;
}

// Of an upload that was going on when the page was left.
function unfinishedNote(): HTMLElement | undefined {
  const [note] = unfinished();
  return note && h("p", { class: "quiet" }, `“${note.name}” was not sent to its end. Choose it again, and it goes on from where it stopped.`);
}

function askBeforeLeaving(event: Event): void {
  event.preventDefault();
}

// Whether it worked; what went wrong is shown.
async function send(file: File, quality: string, status: HTMLElement, made: HTMLElement): Promise<boolean> {
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Upload" });
  const text = h("span", { class: "sent" }, `${percentText(0)} of ${sizeText(file.size)}`);
  const resumed = h("p", { class: "quiet", role: "status", hidden: true });
  let began = -1;
  const { done, cancel } = sendByTus(file, (sent, state) => {
    if (began < 0) {
      began = sent;
      resumed.hidden = sent === 0;
      resumed.textContent = `${sizeText(sent)} had arrived before: it goes on from there.`;
    }
    bar.value = file.size ? sent / file.size : 0;
    text.textContent = stateText(sent, file.size, state);
    if (state === "waiting") announce(text.textContent);
  });
  const stop = h("button", { type: "button", click: cancel }, "Cancel");
  status.replaceChildren(h("strong", { class: "file" }, file.name), bar, h("div", { class: "between" }, text, stop), resumed);
  stop.focus();
  announce("Sending the video");
  // A phone that goes to sleep would stop sending.
  const awake = await navigator.wakeLock?.request("screen").catch(() => undefined);
  try {
    const { job_id } = await done;
    remember(job_id, file.name);
    await api.process(job_id, quality);
    status.replaceChildren();
    if (made.isConnected) location.hash = `#/scan/${job_id}`;
    else announce("The video was sent");
    return true;
  } catch (error) {
    const cancelled = error instanceof DOMException && error.name === "AbortError";
    status.replaceChildren(cancelled ? h("p", { class: "quiet", role: "status" }, "Cancelled.") : errorBox(error));
    return false;
  } finally {
    void awake?.release();
  }
}

function stateText(sent: number, size: number, state: State): string {
  if (state === "looking") return "Looking into it…";
  if (state === "waiting") return "The connection is lost. Trying again…";
  return `${percentText(Math.floor((100 * sent) / size) || 0)} of ${sizeText(size)}`;
}
