// Telling what went wrong, and what to do.

import { Problem } from "./api";
import { h } from "./dom";

export function problemOf(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, "Something went wrong in this page.", "Reload it and try again.");
}

export function errorBox(error: unknown): HTMLElement {
  const { title, advice } = problemOf(error);
  return failureBox(title, advice);
}

export function failureBox(message: string, advice: string): HTMLElement {
  return h("div", { class: "error", role: "alert" }, h("strong", {}, message), advice ? h("p", {}, advice) : null);
}
