// The ids of a guest's scans, kept in this browser: whoever has an id may see its scan.

const KEY = "garaza.scans";

export interface Known {
  id: string;
  name: string;
  added: number;
}

export function known(): Known[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(list) ? list.filter((k): k is Known => typeof k?.id === "string" && /^\w+$/.test(k.id)) : [];
  } catch {
    return [];
  }
}

export function remember(id: string, name: string): void {
  save([{ id, name, added: Date.now() }, ...known().filter((k) => k.id !== id)]);
}

export function forget(id: string): void {
  save(known().filter((k) => k.id !== id));
}

function save(list: Known[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(list.slice(0, 100)));
  } catch {
    // A browser that keeps nothing (private mode) still shows the scan while its page is open.
  }
}
