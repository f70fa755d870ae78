// Making elements without a framework, and saying sizes and times.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | ((event: Event) => void) | undefined>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false));
  return element;
}

// Read aloud by screen readers.
export function announce(text: string): void {
  const place = document.getElementById("announce");
  if (place && place.textContent !== text) place.textContent = text;
}

export function sizeText(bytes: number): string {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

export function lengthText(metres: number): string {
  return metres < 1 ? `${Math.max(1, Math.round(metres * 100))} cm` : `${metres.toFixed(2)} m`;
}

export function percentText(percent: number): string {
  return `${Math.round(percent)}\u00a0%`;
}

// `unixSeconds` in the reader's own clock: today's and the next days' by their weekday, later ones by date.
export function momentText(unixSeconds: number): string {
  const moment = new Date(unixSeconds * 1000);
  const days = (moment.getTime() - Date.now()) / 86_400_000;
  const format: Intl.DateTimeFormatOptions =
    days < 6 ? { weekday: "long", hour: "numeric", minute: "2-digit" } : { day: "numeric", month: "long", year: "numeric" };
  return new Intl.DateTimeFormat("en-GB", format).format(moment);
}
