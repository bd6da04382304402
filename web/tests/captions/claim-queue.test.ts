import { describe, expect, test } from "vitest";
import type { ImageItem } from "../../src/api/images";
import { ClaimQueue } from "../../src/pages/captions/caption/claim/claim-queue";

describe("images claimed ahead", () => {
  const item = (id: number) => ({ id }) as ImageItem;

  function queue(free: number[], size = { most: 2, refillAt: 1 }) {
    const released: number[] = [];
    const asked: number[] = [];
    const ahead = new ClaimQueue(
      {
        claim: (after, count) => {
          asked.push(after);
          const ids = free.filter((one) => one > after).slice(0, count);
          ids.forEach((id) => free.splice(free.indexOf(id), 1));
          return Promise.resolve(ids.map(item));
        },
        release: (id) => {
          released.push(id);
          free.push(id);
          free.sort((a, b) => a - b);
        },
        changed: () => undefined,
      },
      size,
    );
    return { ahead, released, asked };
  }
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
  const idsOf = (ahead: ClaimQueue) => ahead.waiting.map((one) => one.id);

  test("the next ones are there before they are asked for", async () => {
    const { ahead } = queue([2, 3, 4, 5]);
    ahead.show(1);
    expect(ahead.upcoming.state).toBe("looking");
    await settle();
    expect(idsOf(ahead)).toEqual([2, 3]);
    ahead.show(2);
    await settle();
    expect(idsOf(ahead)).toEqual([3, 4]);
  });

  test("several are claimed together, when few are left", async () => {
    const { ahead, asked } = queue([2, 3, 4, 5, 6, 7, 8, 9], { most: 4, refillAt: 1 });
    ahead.show(1);
    await settle();
    expect([idsOf(ahead), asked]).toEqual([[2, 3, 4, 5], [1]]);
    for (const id of [2, 3]) ahead.show(id);
    await settle();
    expect([idsOf(ahead), asked]).toEqual([[4, 5], [1]]);
    ahead.show(4);
    await settle();
    expect([idsOf(ahead), asked]).toEqual([[5, 6, 7, 8], [1, 5]]);
  });

  test("when none is left it says so, and looks again later", async () => {
    const free = [2];
    const { ahead } = queue(free);
    ahead.show(1);
    await settle();
    ahead.show(2);
    await settle();
    expect(ahead.upcoming.state).toBe("none");
    free.push(9);
    ahead.lookAgain();
    await settle();
    expect(idsOf(ahead)).toEqual([9]);
  });

  test("going back keeps the image that was left first in the queue", async () => {
    const { ahead, released } = queue([2, 3, 4, 5]);
    ahead.show(1);
    await settle();
    ahead.show(2);
    await settle();
    ahead.leave(item(2), 1);
    ahead.show(1);
    await settle();
    expect([idsOf(ahead), released]).toEqual([[2, 3, 4], []]);
  });

  test("an image that was left behind without a caption is given back", async () => {
    const { ahead, released } = queue([2, 3, 4]);
    ahead.show(1);
    await settle();
    ahead.show(2);
    ahead.leave(item(2), 3);
    ahead.show(3);
    expect(released).toEqual([2]);
  });

  test("a jump begins a queue behind it, and gives the old one back once the new one is there", async () => {
    const { ahead, released } = queue([2, 3, 20, 21]);
    ahead.show(1);
    await settle();
    ahead.show(10);
    await settle();
    expect([idsOf(ahead), released]).toEqual([[20, 21], [2, 3]]);
  });

  test("leaving the page gives everything back", async () => {
    const { ahead, released } = queue([2, 3]);
    ahead.show(1);
    await settle();
    ahead.end();
    expect([idsOf(ahead), released]).toEqual([[], [2, 3]]);
  });

  test("a claim that comes after leaving is given back, too", async () => {
    const { ahead, released } = queue([2, 3]);
    ahead.show(1);
    ahead.end();
    await settle();
    expect([idsOf(ahead), released]).toEqual([[], [2, 3]]);
  });

  test("a network that is away is asked again, not taken for the end", async () => {
    let isAway = true;
    const ahead = new ClaimQueue({ claim: () => (isAway ? Promise.reject(new Error("away")) : Promise.resolve([item(7)])), release: () => undefined, changed: () => undefined }, { most: 1, refillAt: 0 });
    ahead.show(1);
    await settle();
    expect(ahead.upcoming.state).toBe("looking");
    isAway = false;
    ahead.lookAgain();
    await settle();
    expect(idsOf(ahead)).toEqual([7]);
  });
});
