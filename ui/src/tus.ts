// Sending a video by tus 1.0.0: it goes on after the connection, the server or this page went away.

import { type Uploaded, Problem, problemFrom, remove, unreachable } from "./api";
import { type Note, drop, keep, noteFor } from "./unfinished";

export type State = "sending" | "waiting" | "looking";

// Some proxies take no larger body than 100 MB.
const PART = 64 << 20;
// Nothing of a part was taken for so long, or no answer came: the connection is as good as lost.
const SILENCE = 30_000;
const ANSWER = 150_000;
// Before each next try; a part that arrives begins anew.
const PAUSES = [500, 1000, 2000, 4000, 8000, 15_000, 30_000, 30_000, 30_000];
const LATER = new Set([0, 408, 409, 423, 429, 500, 502, 503, 504]);
// No further try will be answered otherwise. With room for it, or signed in, it can go on.
const FOR_GOOD = new Set([400, 404, 410, 412, 413, 415, 422]);
const TUS = { "Tus-Resumable": "1.0.0" };

// `told` gets the bytes that have arrived. Rejects with an AbortError if cancelled.
export function send(file: File, told: (sent: number, state: State) => void): { done: Promise<Uploaded>; cancel: () => void } {
  const stop = new AbortController();
  return { done: run(file, told, stop.signal), cancel: () => stop.abort() };
}

async function run(file: File, told: (sent: number, state: State) => void, signal: AbortSignal): Promise<Uploaded> {
  const note = noteFor(file);
  let tries = 0;
  let here = 0;
  for (;;) {
    try {
      keep(note);
      const before = here;
      here = note.url ? await offset(note.url, file, signal) : await begin(note, file, signal);
      if (here > before) tries = 0;
      for (;;) {
        told(here, "sending");
        const end = Math.min(here + PART, file.size);
        const sent = (bytes: number): void => told(here + bytes, here + bytes < file.size ? "sending" : "looking");
        const made = await part(note.url!, file.slice(here, end), here, sent, signal);
        if (made) {
          drop(note);
          return made;
        }
        here = end;
        tries = 0;
        keep(note);
      }
    } catch (error) {
      if (signal.aborted) {
        await giveUp(note);
        throw new DOMException("cancelled", "AbortError");
      }
      const status = error instanceof Problem ? error.status : -1;
      const isGone = status === 404 && note.url !== undefined;
      if (isGone) drop(note);
      const pause = isGone || LATER.has(status) ? PAUSES[tries++] : undefined;
      if (pause === undefined) {
        if (FOR_GOOD.has(status)) drop(note);
        throw status === 0 ? brokeOff() : error;
      }
      if (isGone) {
        // It has expired: a new one, from the beginning.
        Object.assign(note, noteFor(file), { url: undefined });
        here = 0;
        continue;
      }
      told(here, "waiting");
      await wait(pause, signal);
    }
  }
}

const brokeOff = (): Problem =>
  new Problem(0, "The upload broke off.", "Check the connection and choose the same video again: it goes on from where it stopped.");

async function begin(note: Note, file: File, signal: AbortSignal): Promise<number> {
  const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name)));
  const headers = { "Upload-Length": `${file.size}`, "Upload-Metadata": `filename ${name}`, "Idempotency-Key": note.key };
  const answer = await call("POST", "/api/uploads", signal, headers);
  note.url = answer.headers.get("Location")!;
  keep(note);
  return Number(answer.headers.get("Upload-Offset"));
}

async function offset(url: string, file: File, signal: AbortSignal): Promise<number> {
  try {
    const { headers } = await call("HEAD", url, signal);
    if (headers.get("Upload-Length") !== `${file.size}`) throw new Problem(404, "Another video.", "");
    return Number(headers.get("Upload-Offset"));
  } catch (error) {
    // It was refused, and the answer got lost: an empty last part is told why.
    if (error instanceof Problem && error.status === 410) return file.size;
    throw error;
  }
}

async function giveUp(note: Note): Promise<void> {
  drop(note);
  if (!note.url) return;
  try {
    const answer = await call("DELETE", note.url);
    // Too late: it is a scan by now.
    const made = answer.headers.get("Garaza-Job-Id");
    if (made) await remove(made);
  } catch {
    // The server forgets it by itself after a while.
  }
}

async function call(method: string, url: string, signal?: AbortSignal, headers: Record<string, string> = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { method, headers: { ...TUS, ...headers }, ...(signal && { signal }) });
  } catch {
    throw unreachable();
  }
  if (!answer.ok) throw problemFrom(answer.status, await answer.text().catch(() => ""));
  return answer;
}

// XMLHttpRequest, because fetch can't tell how much of a body has been sent. The scan, if this was the last part.
function part(url: string, bytes: Blob, at: number, sent: (bytes: number) => void, signal: AbortSignal): Promise<Uploaded | undefined> {
  const request = new XMLHttpRequest();
  const abort = (): void => request.abort();
  let timer = 0;
  const within = (milliseconds: number): void => {
    clearTimeout(timer);
    timer = window.setTimeout(abort, milliseconds);
  };
  const done = new Promise<Uploaded | undefined>((resolve, reject) => {
    request.open("PATCH", url);
    request.responseType = "text";
    for (const [name, value] of Object.entries(TUS)) request.setRequestHeader(name, value);
    request.setRequestHeader("Upload-Offset", `${at}`);
    request.setRequestHeader("Content-Type", "application/offset+octet-stream");
    request.upload.onprogress = (event) => {
      within(SILENCE);
      sent(event.loaded);
    };
    request.upload.onload = () => {
      within(ANSWER);
      sent(bytes.size);
    };
    request.onload = () => {
      if (request.status === 200) resolve(JSON.parse(request.responseText) as Uploaded);
      else if (request.status === 204) resolve(undefined);
      else reject(problemFrom(request.status, request.responseText));
    };
    request.onerror = request.onabort = () => reject(unreachable());
    signal.addEventListener("abort", abort);
    within(SILENCE);
    request.send(bytes);
  });
  return done.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  });
}

// Until the time is over, or the browser says that there is a connection again.
function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      clearTimeout(timer);
      window.removeEventListener("online", go);
      signal.removeEventListener("abort", go);
      resolve();
    };
    const timer = window.setTimeout(go, milliseconds);
    window.addEventListener("online", go);
    signal.addEventListener("abort", go);
  });
}
