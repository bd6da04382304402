/** Who is signed in; starts and ends what lives as long as that. */
import { signal } from "@preact/signals";
import { type Dataset, listDatasets } from "../../api/datasets";
import { asApiError, onSetUpNeeded, onSignedOut } from "../../api/http";
import { getMe, logout, type Me, type User } from "../../api/people";
import { connect, disconnect, whenConnected } from "../../api/socket";
import { go } from "../../routing/router";
import { kept, stored } from "../browser-storage";
import { followDrafts } from "../captions/drafts";
import { takeOver } from "../captions/former-names";
import { onCaptionEvent, onConflictEvent, retryNow, startSaving } from "../captions/outbox-sender";
import { rememberDatasetName } from "../datasets/dataset-names";
import { acceptDataset, touchCaptions } from "../datasets/live-datasets";
import { onCaptionSaved, onImageEvent } from "../images/live-images";
import { acceptEvent, acceptSnapshot, refreshJobs, startPolling } from "../jobs/live-jobs";
import { touchQueue } from "../jobs/live-queues";
import { rememberRole } from "./roles";
import { onDatasetSnapshot, onPresence, startPresence } from "./presence";

/**
 * set-up: nothing works before this person has a second factor.
 * isAtProvider: who has signed out goes on being signed in at the OpenID provider.
 */
export type Session =
  | { state: "asking" }
  | { state: "in"; user: User }
  | { state: "set-up"; user: User }
  | { state: "out"; why: string; isAtProvider: boolean }
  | { state: "unreachable" };

export const session = signal<Session>({ state: "asking" });
/** More about me than a sign-in says; null until it is asked for. */
export const me = signal<Me | null>(null);
let isStarted = false;
/** While somebody signs out: the socket may hear of it before the answer is there. */
let leaving: { isAtProvider: boolean } | null = null;

function remember({ id, name, role }: Dataset): void {
  rememberDatasetName(id, name);
  rememberRole(id, role);
}

function start(user: User): void {
  connect({
    job: acceptEvent,
    caption: (event) => {
      onCaptionSaved(event);
      onCaptionEvent(event);
    },
    image: onImageEvent,
    caption_conflict: onConflictEvent,
    dataset: (event) => acceptDataset(event.dataset_id, event.dataset),
    many_captions: (event) => touchCaptions(event.dataset_id),
    missed: () => void refreshJobs().catch(() => undefined),
    queue: (event) => touchQueue(event.name),
    presence: onPresence,
    session_ended: (why) => signedOut(why.message),
    set_up_needed: setUpFirst,
    snapshot: (room, snapshot) => (room.startsWith("dataset:") ? onDatasetSnapshot(room, snapshot) : acceptSnapshot(snapshot)),
    heard_again: (room) => {
      if (room.startsWith("dataset:")) touchCaptions(room.slice("dataset:".length));
    },
  });
  void refreshJobs().catch(() => undefined);
  void listDatasets().then(({ items }) => items.forEach(remember)).catch(() => undefined);
  void startSaving(user.name);
  if (isStarted) return;
  isStarted = true;
  whenConnected(() => {
    void refreshJobs().catch(() => undefined);
    retryNow();
  });
  startPolling();
  startPresence();
  followDrafts();
}

function signedIn(user: User): void {
  session.value = { state: "in", user };
  start(user);
  if (me.value?.user.id !== user.id) void askMe().catch(() => undefined);
}

/** Shows the page on which a second factor is set up; what this tab hears of ends. */
function setUpFirst(): void {
  if (session.value.state !== "in") return;
  session.value = { state: "set-up", user: session.value.user };
  disconnect();
}

/** Whoever has come in: to the dashboard, or to the second factor that is asked for first. */
export function enter({ user, needs_second_factor }: Pick<Me, "user" | "needs_second_factor">): void {
  if (!needs_second_factor) signedIn(user);
  else session.value = { state: "set-up", user };
}

/** Asks again whether I have a password, and so on. */
export async function askMe(): Promise<Me> {
  const found = await getMe();
  me.value = found;
  const { former_names: former, user } = found;
  if (former.length > 0) {
    stored(() => takeOver(kept, former, user.name));
    if (session.value.state === "in") void startSaving(user.name);
  }
  return found;
}

/** Shows the sign-in page, which says why. */
function signedOut(why = ""): void {
  if (session.value.state === "out") return;
  session.value = { state: "out", why: leaving ? "" : why, isAtProvider: leaving?.isAtProvider ?? false };
  me.value = null;
  disconnect();
  const next = location.pathname + location.search;
  if (location.pathname !== "/signin") go(next === "/" ? "/signin" : `/signin?next=${encodeURIComponent(next)}`, { replace: true });
}

/** Asks who is signed in. */
export async function askSession(): Promise<void> {
  session.value = { state: "asking" };
  try {
    enter(await askMe());
  } catch (thrown) {
    if (asApiError(thrown).status === 401) signedOut();
    else session.value = { state: "unreachable" };
  }
}

export async function signOut(): Promise<void> {
  leaving = { isAtProvider: me.value?.origin === "oidc" };
  await logout().catch(() => undefined);
  signedOut();
  leaving = null;
}

export const isAdmin = (): boolean => session.value.state === "in" && session.value.user.role === "admin";
export const myName = (): string => ("user" in session.value ? session.value.user.name : "");

onSignedOut(() => signedOut(session.value.state === "in" ? "Your sign-in has ended." : ""));
onSetUpNeeded(setUpFirst);
