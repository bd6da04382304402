/** Who is signed in; starts and ends what lives as long as that. */
import { signal } from "@preact/signals";
import { listDatasets } from "../../api/datasets";
import { asApiError, onSignedOut } from "../../api/http";
import { getMe, logout, type User } from "../../api/people";
import { connect, disconnect, whenConnected } from "../../api/socket";
import { go } from "../../routing/router";
import { followDrafts } from "../captions/drafts";
import { onCaptionEvent, onConflictEvent, retryNow, startSaving } from "../captions/outbox-sender";
import { rememberDatasetName } from "../datasets/dataset-names";
import { acceptDataset, touchCaptions } from "../datasets/live-datasets";
import { onCaptionSaved, onImageEvent } from "../images/live-images";
import { acceptEvent, acceptSnapshot, refreshJobs, startPolling } from "../jobs/live-jobs";
import { touchQueue } from "../jobs/live-queues";
import { onDatasetSnapshot, onPresence, startPresence } from "./presence";

/** origin: how this session began, as far as it is known. isAtProvider: who signed out goes on being signed in there. */
export type Session =
  | { state: "asking" }
  | { state: "in"; user: User; origin: string }
  | { state: "out"; why: string; isAtProvider: boolean }
  | { state: "unreachable" };

export const session = signal<Session>({ state: "asking" });
let isStarted = false;
/** While somebody signs out: the socket may hear of it before the answer is there. */
let leaving: { isAtProvider: boolean } | null = null;

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
    snapshot: (room, snapshot) => (room.startsWith("dataset:") ? onDatasetSnapshot(room, snapshot) : acceptSnapshot(snapshot)),
  });
  void refreshJobs().catch(() => undefined);
  void listDatasets().then(({ items }) => items.forEach((one) => rememberDatasetName(one.id, one.name))).catch(() => undefined);
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

export function signedIn(user: User, origin = ""): void {
  session.value = { state: "in", user, origin };
  start(user);
}

/** Shows the sign-in page, which says why. */
function signedOut(why = ""): void {
  if (session.value.state === "out") return;
  session.value = { state: "out", why: leaving ? "" : why, isAtProvider: leaving?.isAtProvider ?? false };
  disconnect();
  const next = location.pathname + location.search;
  if (location.pathname !== "/signin") go(next === "/" ? "/signin" : `/signin?next=${encodeURIComponent(next)}`, { replace: true });
}

/** Asks who is signed in. */
export async function askSession(): Promise<void> {
  session.value = { state: "asking" };
  try {
    const { user, origin } = await getMe();
    signedIn(user, origin);
  } catch (thrown) {
    if (asApiError(thrown).status === 401) signedOut();
    else session.value = { state: "unreachable" };
  }
}

export async function signOut(): Promise<void> {
  leaving = { isAtProvider: session.value.state === "in" && session.value.origin === "oidc" };
  await logout().catch(() => undefined);
  signedOut();
  leaving = null;
}

export const isAdmin = (): boolean => session.value.state === "in" && session.value.user.role === "admin";
export const myName = (): string => (session.value.state === "in" ? session.value.user.name : "");

onSignedOut(() => signedOut(session.value.state === "in" ? "Your sign-in has ended." : ""));
