import { describe, expect, test } from "vitest";
import { createThrottle } from "../../src/state/throttle";

describe("refetching", () => {
  function stage() {
    let now_ms = 0;
    let isHidden = false;
    const timers: { at_ms: number; act: () => void }[] = [];
    const acts: [string, number][] = [];
    const pace = createThrottle(
      { every_ms: 2000, spread_ms: 400, now: () => now_ms, random: () => 0.5, later: (act, delay_ms) => void timers.push({ at_ms: now_ms + delay_ms, act }), isPaused: () => isHidden },
      (key) => acts.push([key, now_ms]),
    );
    const until = (end_ms: number) => {
      for (;;) {
        timers.sort((a, b) => a.at_ms - b.at_ms);
        const next = timers[0];
        if (!next || next.at_ms > end_ms) break;
        timers.shift();
        now_ms = next.at_ms;
        next.act();
      }
      now_ms = end_ms;
    };
    return { pace, acts, until, hide: (hidden: boolean) => (isHidden = hidden) };
  }

  test("many asks count once, and the next act keeps its distance", () => {
    const { pace, acts, until } = stage();
    for (let at_ms = 0; at_ms < 10_000; at_ms += 100) {
      until(at_ms);
      pace.ask("a");
    }
    until(20_000);
    expect(acts[0]).toEqual(["a", 200]);
    expect(acts.length).toBeLessThanOrEqual(6);
    acts.slice(1).forEach(([, at_ms], index) => expect(at_ms - (acts[index]?.[1] ?? 0)).toBeGreaterThanOrEqual(2000));
    pace.ask("b");
    until(21_000);
    expect(acts.at(-1)?.[0]).toBe("b");
  });

  test("a hidden tab does nothing until it is shown", () => {
    const { pace, acts, until, hide } = stage();
    hide(true);
    pace.ask("a");
    until(60_000);
    pace.ask("a");
    until(120_000);
    expect(acts).toEqual([]);
    hide(false);
    pace.resume();
    until(121_000);
    expect(acts.length).toBe(1);
  });
});
