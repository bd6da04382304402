/**
 * Acts soon after it is asked to, but not too often: many asks in a row count once. Pure; the clock
 * and the timers are passed in.
 */
export interface ThrottleOptions {
  /** The shortest time between two acts of the same key. */
  every_ms: number;
  /** Each act waits up to this long at random, so that many browsers do not act at once. */
  spread_ms: number;
  now: () => number;
  random: () => number;
  later: (act: () => void, delay_ms: number) => void;
  /** While true nothing is done; what was missed is done after `resume`. */
  isPaused: () => boolean;
}

export interface Throttle {
  ask: (key: string) => void;
  resume: () => void;
}

export function createThrottle(how: ThrottleOptions, act: (key: string) => void): Throttle {
  const last = new Map<string, number>();
  const due = new Set<string>();
  const missed = new Set<string>();
  const run = (key: string) => {
    due.delete(key);
    if (how.isPaused()) return void missed.add(key);
    last.set(key, how.now());
    act(key);
  };
  const ask = (key: string) => {
    if (due.has(key) || missed.has(key)) return;
    due.add(key);
    const since = how.now() - (last.get(key) ?? -Infinity);
    how.later(() => run(key), Math.max(0, how.every_ms - since) + how.random() * how.spread_ms);
  };
  const resume = () => {
    const keys = [...missed];
    missed.clear();
    keys.forEach(ask);
  };
  return { ask, resume };
}
