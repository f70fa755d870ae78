// A field for what one looks for, with suggestions: a combobox whose list is gone through by arrow keys.

import { h } from "../dom";
import { suggest } from "./api";

const PAUSE = 150;

export function searchBox(text: string, chosen: (text: string) => void): { element: HTMLElement; stop: () => void } {
  let timer = 0;
  let asking = new AbortController();
  let at = -1;
  const list = h("ul", { id: "suggestions", role: "listbox", "aria-label": "Suggestions", hidden: true });
  const input = h("input", {
    type: "search",
    "aria-label": "What are you looking for?",
    placeholder: "Grey sofa under $900, 2 m wide",
    maxlength: 500,
    autocomplete: "off",
    enterkeyhint: "search",
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-controls": list.id,
    "aria-expanded": "false",
  });
  input.value = text;

  const close = (): void => {
    clearTimeout(timer);
    asking.abort();
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    mark(-1);
  };
  const mark = (place: number): void => {
    at = place;
    [...list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === place)));
    const option = list.children[place];
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };
  const take = (taken: string): void => {
    input.value = taken;
    close();
    chosen(taken.trim());
  };
  const ask = async (): Promise<void> => {
    asking = new AbortController();
    const { signal } = asking;
    try {
      const found = await suggest(input.value.trim().slice(0, 100), signal);
      if (signal.aborted || document.activeElement !== input) return;
      list.replaceChildren(
        ...found.map(({ text: words, kind }, i) =>
          h(
            "li",
            { id: `suggestion-${i}`, role: "option", "aria-selected": "false", click: () => take(words) },
            words,
            kind === "phrase" ? null : h("span", { class: "quiet" }, kind),
          ),
        ),
      );
      mark(-1);
      list.hidden = found.length === 0;
      input.setAttribute("aria-expanded", String(found.length > 0));
    } catch {
      // One can search without them.
    }
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    asking.abort();
    if (input.value.trim()) timer = window.setTimeout(() => void ask(), PAUSE);
    else close();
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    const count = list.children.length;
    if (event.key === "ArrowDown") mark(at + 1 < count ? at + 1 : -1);
    else if (event.key === "ArrowUp") mark(at < 0 ? count - 1 : at - 1);
    else if (event.key === "Escape") close();
    else if (event.key === "Enter" && at >= 0) take(list.children[at]!.firstChild!.textContent!);
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", close);
  // A press on a suggestion must not take the focus, which would close the list before the click.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  const element = h(
    "form",
    {
      role: "search",
      class: "search",
      submit: (event) => {
        event.preventDefault();
        take(input.value);
      },
    },
    h("div", { class: "combobox" }, input, list),
    h("button", { type: "submit" }, "Search"),
  );
  return { element, stop: close };
}
