// One scan: its progress while it is made, then the model, or why there is none.

import * as api from "./api";
import { h } from "./dom";
import { errorBox, failureBox, problemOf } from "./errors";
import { showModel } from "./model";
import { showProgress } from "./progress";
import { qualityChoice } from "./quality";
import { forget, known, remember } from "./store";

export function showScan(main: HTMLElement, id: string): () => void {
  let stop: () => void = () => {};
  let gone = false;
  let shown = false;
  const begin = async (): Promise<void> => {
    try {
      const status = await api.status(id);
      const result = status.status === "completed" ? await api.result(id) : null;
      if (gone) return;
      stop();
      stop = () => {};
      document.title = `${status.filename} · Garaza`;
      if (!known().some((scan) => scan.id === id)) remember(id, status.filename);
      if (result) stop = showModel(main, result, status, () => void begin());
      else if (status.status === "processing") stop = showProgress(main, status, () => void begin());
      else main.replaceChildren(beginAgain(status, () => void begin()));
    } catch (error) {
      if (gone) return;
      stop();
      stop = () => {};
      main.replaceChildren(notShown(id, error, () => void begin()));
    }
    // What had the focus may have gone with what was shown before.
    if (shown && document.activeElement === document.body) main.focus({ preventScroll: true });
    shown = true;
  };
  void begin();
  return () => {
    gone = true;
    stop();
  };
}

async function removeScan(id: string, name: string, following?: Following): Promise<void> {
  if (!confirm(`Delete “${name}” and what was made of it?`)) return;
  following?.stop();
  await api.remove(id).catch((error: unknown) => {
    if (problemOf(error).status === 404) return;
    following?.begin();
    throw error;
  });
  forget(id);
  location.hash = "#/";
}

function beginAgain(status: api.Status, begun: () => void): HTMLElement {
  const { failure, filename, job_id } = status;
  const quality = qualityChoice("quality-again");
  const problem = h("div", {});
  const start = async (): Promise<void> => {
    try {
      await api.process(job_id, quality.value());
      begun();
    } catch (error) {
      if (problemOf(error).status === 409) begun();
      else problem.replaceChildren(errorBox(error));
    }
  };
  return h(
    "section",
    { class: "card narrow" },
    h("h1", { class: "name" }, filename),
    failure ? failureBox(failure.message, failure.advice) : h("p", {}, "The video is here, but no model was made of it yet."),
    quality.element,
    problem,
    h(
      "div",
      { class: "row" },
      h("button", { type: "button", class: "main", click: () => void start() }, failure ? "Try again" : "Make the model"),
      h("a", { class: "button", href: "#/" }, "Another video"),
      deleteButton(job_id, filename, problem),
    ),
  );
}

// What asks about a scan all the time: not any more once it is to be deleted, for then there is nothing to ask about.
export interface Following {
  stop: () => void;
  begin: () => void;
}

export function deleteButton(id: string, name: string, problem: HTMLElement, text = "Delete", following?: Following): HTMLElement {
  const remove = (): void => void removeScan(id, name, following).catch((error: unknown) => problem.replaceChildren(errorBox(error)));
  return h("button", { type: "button", class: "plain", click: remove }, text);
}

function notShown(id: string, error: unknown, again: () => void): HTMLElement {
  const missing = problemOf(error).status === 404;
  const dismiss = (): void => {
    forget(id);
    location.hash = "#/";
  };
  return h(
    "section",
    { class: "card narrow" },
    errorBox(error),
    h(
      "div",
      { class: "row" },
      missing
        ? h("button", { type: "button", class: "main", click: dismiss }, "To the start")
        : h("button", { type: "button", class: "main", click: again }, "Try again"),
    ),
  );
}
