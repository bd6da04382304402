/** The one Socket.IO connection: rooms, snapshots, re-subscription after a reconnect. */
import { batch as inOneGo, signal } from "@preact/signals";
import { io, type Socket } from "socket.io-client";
import { type FromServer, type Told, type ToServer, unpack } from "./events";
import { type Problem, SET_UP_FIRST } from "./http";

export type Connection = "connecting" | "online" | "offline";

export const connection = signal<Connection>("connecting");

let socket: Socket<FromServer, ToServer> | null = null;
const rooms = new Map<string, number>();
let takeSnapshot: (room: string, snapshot: unknown) => void = () => undefined;
let wasConnected = false;
const onConnected = new Set<() => void>();

function subscribe(names: string[], heard: () => void = () => undefined): void {
  if (names.length === 0 || !socket?.connected) return;
  socket.emit("subscribe", { rooms: names, batched: true }, (answer) => {
    for (const [room, snapshot] of Object.entries(answer?.snapshots ?? {})) takeSnapshot(room, snapshot);
    heard();
  });
}

/** Enters a room until the returned function is called. Rooms are counted: the last one out leaves. */
export function enterRoom(room: string): () => void {
  const before = rooms.get(room) ?? 0;
  rooms.set(room, before + 1);
  if (before === 0) subscribe([room]);
  return () => {
    const left = (rooms.get(room) ?? 1) - 1;
    if (left > 0) rooms.set(room, left);
    else {
      rooms.delete(room);
      if (socket?.connected) socket.emit("unsubscribe", { rooms: [room] });
    }
  };
}

/** Says which image of which dataset is open here; nothing is sent while there is no connection. */
export function tellPresence(datasetId: string | null, imageId: number | null): void {
  if (socket?.connected) socket.emit("presence", { dataset_id: datasetId, image_id: imageId });
}

/** Calls `listener` at each connection, also the first one. */
export function whenConnected(listener: () => void): void {
  onConnected.add(listener);
}

export interface Handlers extends Told {
  session_ended: (why: Problem) => void;
  set_up_needed: () => void;
  snapshot: (room: string, snapshot: unknown) => void;
  /** The room is heard again after the connection was away: what it told meanwhile has gone by. */
  heard_again: (room: string) => void;
}

type Refusal = Error & { data?: Partial<Problem> };

/** Whether the server refused the connection because nobody is signed in. */
function isUnauthorized(error: Refusal): error is Error & { data: Problem } {
  return error.data?.code === "unauthorized";
}

/** Connects, once. */
export function connect(handlers: Handlers): void {
  if (socket) return;
  takeSnapshot = handlers.snapshot;
  // a WebSocket stays with one process of the server; who cannot have one polls, from the start
  const transports = ["websocket", "polling"];
  // after a restart all tabs come back: spread over all of the delay, not over half of it
  socket = io({ path: "/socket.io", reconnectionDelayMax: 5000, randomizationFactor: 1, transports, tryAllTransports: true });
  socket.on("connect", () => {
    const names = [...rooms.keys()];
    subscribe(names, wasConnected ? () => names.forEach(handlers.heard_again) : undefined);
    wasConnected = true;
    connection.value = "online";
    onConnected.forEach((tell) => tell());
  });
  socket.on("disconnect", (reason) => {
    connection.value = "offline";
    if (reason === "io server disconnect") socket?.connect(); // it does not try again by itself
  });
  socket.on("connect_error", (error) => {
    connection.value = "offline";
    if (isUnauthorized(error)) handlers.session_ended(error.data);
    if ((error as Refusal).data?.code === SET_UP_FIRST) handlers.set_up_needed();
  });
  socket.on("job", handlers.job);
  socket.on("caption", handlers.caption);
  socket.on("image", handlers.image);
  socket.on("caption_conflict", handlers.caption_conflict);
  socket.on("dataset", handlers.dataset);
  socket.on("queue", handlers.queue);
  socket.on("presence", handlers.presence);
  socket.on("batch", (told) => inOneGo(() => unpack(told, handlers)));
  socket.on("session_ended", handlers.session_ended);
}

/** Ends the connection: somebody signs out. */
export function disconnect(): void {
  socket?.disconnect();
  socket = null;
  wasConnected = false;
  connection.value = "connecting";
}
