// The scans this browser knows, kept up to date while any of them is being worked on.

import * as api from "./api";
import { h, momentText, percentText } from "./dom";
import { forget, known, type Known } from "./store";

const PAUSE = 3000;

export function scanList(): { element: HTMLElement; stop: () => void } {
  const list = h("ul", { class: "scans" });
  const element = h("section", { "aria-labelledby": "scans", hidden: true }, h("h2", { id: "scans" }, "Your scans"), list);
  const cards = new Map<string, Card>();
  let timer = 0;
  let stopped = false;

  const show = (scans: Known[], found: Map<string, api.Status>): void => {
    for (const scan of scans) {
      const card = cards.get(scan.id);
      if (card) card.update(found.get(scan.id));
      else cards.set(scan.id, new Card(scan, found.get(scan.id), () => void refresh()));
    }
    const wanted = scans.map((scan) => cards.get(scan.id)!.element);
    // Those that are in their place stay: moving one takes the focus from it.
    for (const item of [...list.children]) if (!wanted.some((other) => other === item)) item.remove();
    wanted.forEach((item, i) => list.children[i] !== item && list.insertBefore(item, list.children[i] ?? null));
    element.hidden = scans.length === 0;
  };
  const refresh = async (): Promise<void> => {
    clearTimeout(timer);
    const scans = known();
    let busy = true;
    try {
      const found = new Map((await api.statuses(scans.map((scan) => scan.id))).map((s) => [s.job_id, s]));
      if (stopped) return;
      show(scans, found);
      busy = [...found.values()].some((status) => status.status === "processing");
    } catch {
      // The next round tries again; what is on the screen stays.
      if (stopped) return;
    }
    clearTimeout(timer);
    if (busy && !document.hidden) timer = window.setTimeout(() => void refresh(), PAUSE);
  };
  const back = (): void => {
    if (!document.hidden) void refresh();
  };
  document.addEventListener("visibilitychange", back);
  void refresh();
  return {
    element,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", back);
    },
  };
}

class Card {
  readonly element = h("li", { class: "card scan" });
  private readonly state = h("span", { class: "quiet" });
  private status: string | undefined = "";

  constructor(
    private readonly scan: Known,
    found: api.Status | undefined,
    private readonly changed: () => void,
  ) {
    this.update(found);
  }

  update(found: api.Status | undefined): void {
    this.state.textContent = stateText(found);
    if (this.status === found?.status) return;
    this.status = found?.status;
    const { id, name } = this.scan;
    this.element.replaceChildren(
      found?.status === "completed"
        ? h("img", { src: `/api/assets/${id}/thumbnail.jpg`, alt: "", width: 96, height: 60, loading: "lazy" })
        : h("span", { class: `no-picture ${found?.status ?? "gone"}`, "aria-hidden": "true" }),
      h("div", { class: "about" }, found ? h("a", { href: `#/scan/${id}` }, name) : h("strong", {}, name), this.state),
      h("button", { type: "button", class: "plain", "aria-label": `Delete ${name}`, click: () => void this.remove(found) }, "✕"),
    );
  }

  private async remove(found: api.Status | undefined): Promise<void> {
    if (found) {
      if (!confirm(`Delete “${this.scan.name}” and its model?`)) return;
      try {
        await api.remove(this.scan.id);
      } catch (error) {
        if (!(error instanceof api.Problem && error.status === 404)) {
          this.state.textContent = "Could not be deleted. Try again.";
          return;
        }
      }
    }
    forget(this.scan.id);
    // Its button goes, and would take a keyboard user's place in the page with it.
    const neighbour = this.element.nextElementSibling ?? this.element.previousElementSibling;
    (neighbour?.querySelector("button") ?? document.getElementById("main"))?.focus({ preventScroll: true });
    this.changed();
  }
}

function stateText(found: api.Status | undefined): string {
  switch (found?.status) {
    case undefined:
      return "Expired or deleted";
    case "processing":
      return found.progress ? `${found.progress.message} · ${percentText(found.progress.progress)}` : "Waiting for its turn";
    case "completed":
      return found.expires_at ? `Ready · kept until ${momentText(found.expires_at)}` : "Ready";
    case "failed":
      return found.error ?? "No model could be made";
    case "cancelled":
      return "Cancelled";
    case "uploaded":
      return "Sent, not begun";
  }
}
