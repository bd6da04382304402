/** A pace by the browser's own clock and timers: a tab that nobody sees waits until it is seen. */
import { createThrottle, type Throttle } from "./throttle";

export function createTabThrottle(every_ms: number, spread_ms: number, act: (key: string) => void): Throttle {
  const pace = createThrottle(
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
