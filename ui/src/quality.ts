// Choosing how much work is put into a model.

import { h } from "./dom";

const CHOICES: [value: string, name: string, about: string][] = [
  ["draft", "Draft", "Quickest, rough"],
  ["standard", "Standard", "A few minutes"],
  ["high", "High", "Finest, slow"],
];

// `name` tells apart several of these on one page.
export function qualityChoice(name: string): { element: HTMLElement; value: () => string } {
  const form = h(
    "fieldset",
    { class: "choices" },
    h("legend", {}, "Quality"),
    ...CHOICES.map(([value, title, about]) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name, value, checked: value === "standard" }),
        h("span", {}, h("strong", {}, title), h("small", {}, about)),
      ),
    ),
  );
  return { element: form, value: () => form.querySelector<HTMLInputElement>("input:checked")?.value ?? "standard" };
}
