// Following a job: by WebSocket, and by asking where a WebSocket can't be had or has fallen silent.

import { Problem, status, type Progress } from "./api";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 5000;
const SILENCE = 10_000;

export interface Listener {
  onProgress: (progress: Progress, queuePosition: number | null) => void;
  onConnection: (connected: boolean) => void;
  onEnd: () => void;
}

interface Event {
  type: "progress" | "complete" | "error";
  event_id?: number;
  data: Progress;
}

// Until the job ends, or until the function returned is called.
export function follow(id: string, listener: Listener): () => void {
  const stopping = new AbortController();
  const stopped = stopping.signal;
  let socket: WebSocket | null = null;
  let lastEvent = 0;
  let pause = FIRST_PAUSE;
  let reopening = 0;
  let silent = 0;

  const stop = (): void => {
    stopping.abort();
    clearTimeout(reopening);
    clearTimeout(silent);
    socket?.close();
  };
  const end = (): void => {
    if (stopped.aborted) return;
    stop();
    listener.onEnd();
  };
  const ask = async (): Promise<void> => {
    try {
      const now = await status(id, stopped);
      if (stopped.aborted) return;
      listener.onConnection(true);
      if (now.status !== "processing") end();
      else if (now.progress) listener.onProgress(now.progress, now.queue_position);
    } catch (error) {
      if (stopped.aborted) return;
      if (error instanceof Problem && error.status === 404) end();
      else listener.onConnection(false);
    }
  };
  // A phone that slept, or a proxy that holds messages back, leaves a socket that looks open.
  const listenForSilence = (): void => {
    clearTimeout(silent);
    silent = window.setTimeout(() => void ask().then(() => !stopped.aborted && listenForSilence()), SILENCE);
  };
  const open = (): void => {
    clearTimeout(reopening);
    const url = new URL(`/ws/${id}${lastEvent ? `?last_event_id=${lastEvent}` : ""}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const mine = new WebSocket(url);
    socket = mine;
    mine.onmessage = (message: MessageEvent<string>) => {
      if (stopped.aborted) return;
      const event = JSON.parse(message.data) as Event;
      pause = FIRST_PAUSE;
      if (event.event_id) lastEvent = event.event_id;
      listener.onConnection(true);
      listenForSilence();
      if (event.type === "progress") listener.onProgress(event.data, null);
      else end();
    };
    mine.onclose = () => {
      if (stopped.aborted || socket !== mine) return;
      socket = null;
      void ask().then(() => {
        if (stopped.aborted || socket) return;
        reopening = window.setTimeout(open, pause);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      });
    };
  };
  const back = (): void => {
    if (document.visibilityState !== "visible") return;
    pause = FIRST_PAUSE;
    if (socket?.readyState === WebSocket.OPEN) void ask();
    else if (!socket) open();
  };
  document.addEventListener("visibilitychange", back, { signal: stopped });
  window.addEventListener("online", back, { signal: stopped });
  open();
  listenForSilence();
  return stop;
}
