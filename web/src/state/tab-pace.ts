/** A pace by the browser's own clock and timers: a tab that nobody sees waits until it is seen. */
import { createPace, type Pace } from "./pace";

export function createTabPace(every_ms: number, spread_ms: number, act: (key: string) => void): Pace {
  const pace = createPace(
    {
      every_ms,
      spread_ms,
      now: () => Date.now(),
      random: Math.random,
      later: (done, delay_ms) => void window.setTimeout(done, delay_ms),
      isPaused: () => document.hidden,
    },
    act,
  );
  document.addEventListener("visibilitychange", () => document.hidden || pace.resume());
  return pace;
}
