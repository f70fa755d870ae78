// Uploads that this browser has begun and not ended, so that the same file, chosen again, goes on where it stopped.

const KEY = "garaza.uploads";
// As long as a server keeps what has arrived, unless it was set otherwise.
const KEPT = 24 * 3600 * 1000;

export interface Note {
  print: string;
  name: string;
  // The same one leads to the same upload, should the answer to its beginning get lost.
  key: string;
  url?: string;
  at: number;
}

export function unfinished(): Note[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    const notes = Array.isArray(list) ? list.filter((n): n is Note => typeof n?.print === "string" && typeof n.key === "string") : [];
    return notes.filter((note) => Date.now() - note.at < KEPT);
  } catch {
    return [];
  }
}

export function noteFor(file: File): Note {
  const print = `${file.name}|${file.size}|${file.lastModified}`;
  // Not randomUUID: a page that came by plain http from another machine doesn't have it.
  const key = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, "0")).join("");
  return unfinished().find((note) => note.print === print) ?? { print, name: file.name, key: key(), at: 0 };
}

export function keep(note: Note): void {
  note.at = Date.now();
  save([note, ...others(note)]);
}

export function drop(note: Note): void {
  save(others(note));
}

const others = (note: Note): Note[] => unfinished().filter((other) => other.print !== note.print);

function save(list: Note[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(list.slice(0, 20)));
  } catch {
    // A browser that keeps nothing goes on as long as its page is open.
  }
}
