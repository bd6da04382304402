/** The images to be captioned next: claimed ahead, so that Enter never waits. The network is passed in. */
import type { ImageItem } from "../../../../api/images";

export interface ClaimSource {
  /** The next images without a caption after this one, at most `count`, claimed for this tab; empty when none is left. */
  claim: (after: number, count: number) => Promise<ImageItem[]>;
  release: (id: number) => void;
  /** Images have been claimed, or there is none: it is time to load them, and to look again. */
  changed: () => void;
}

/** How many images wait at most, and at how many that are left some are claimed again. */
export interface QueueSize {
  most: number;
  refillAt: number;
}

export type Upcoming = { state: "looking" } | { state: "none" } | { state: "there"; item: ImageItem };

export class ClaimQueue {
  private items: ImageItem[] = [];
  /** Of an earlier queue: given back when the new one is there, and only what it has not taken over. */
  private former: ImageItem[] = [];
  private open: number | null = null;
  private readonly visited = new Set<number>();
  private isFilling = false;
  private isExhausted = false;
  /** Grows when the queue is begun anew: what an older claim brings is given back. */
  private turn = 0;

  constructor(
    private readonly source: ClaimSource,
    private readonly size: QueueSize,
  ) {}

  /** What Enter goes to. */
  get upcoming(): Upcoming {
    const item = this.items[0];
    if (item) return { state: "there", item };
    return { state: this.isExhausted ? "none" : "looking" };
  }

  /** The images that are claimed and wait, in order. */
  get waiting(): readonly ImageItem[] {
    return this.items;
  }

  /**
   * An image is open now. One that was waiting, or was open before, leaves the queue as it is; any
   * other begins a queue behind itself.
   */
  show(id: number): void {
    const isKnown = this.visited.has(id) || this.items.some((item) => item.id === id);
    this.items = this.items.filter((item) => item.id !== id);
    this.visited.add(id);
    this.open = id;
    if (!isKnown) this.restart();
    void this.fill();
  }

  /** The image that was open and has no caption yet: going back keeps it first, going on gives it back. */
  leave(item: ImageItem, next: number): void {
    if (this.items.some((one) => one.id === item.id)) return;
    if (next >= item.id) return this.source.release(item.id);
    this.items = [item, ...this.items];
    for (const surplus of this.items.splice(this.size.most + 1)) this.source.release(surplus.id);
  }

  /** Somebody else has it now, or it has its caption. */
  drop(id: number): void {
    this.items = this.items.filter((item) => item.id !== id);
    void this.fill();
  }

  /** The queue was exhausted a while ago: somebody may have left an image meanwhile. */
  lookAgain(): void {
    this.isExhausted = false;
    void this.fill();
  }

  /** The page is left: everything is given back. */
  end(): void {
    this.turn += 1;
    this.open = null;
    for (const item of [...this.items.splice(0), ...this.former.splice(0)]) this.source.release(item.id);
  }

  private restart(): void {
    this.turn += 1;
    this.isFilling = false;
    this.isExhausted = false;
    this.former.push(...this.items.splice(0));
  }

  /** Claims until enough wait. A claim that fails is asked again by `lookAgain`. */
  private async fill(): Promise<void> {
    if (this.isFilling || this.isExhausted || this.open === null) return;
    this.isFilling = true;
    const turn = this.turn;
    try {
      while (turn === this.turn && !this.isExhausted && this.items.length <= this.size.refillAt) {
        const items = await this.source.claim(this.items.at(-1)?.id ?? this.open, this.size.most - this.items.length);
        if (turn !== this.turn) return items.forEach((item) => this.giveBack(item));
        this.take(items);
        this.source.changed();
      }
      if (turn === this.turn) this.former.splice(0).forEach((item) => this.giveBack(item));
    } catch {
      this.source.changed();
    } finally {
      if (turn === this.turn) this.isFilling = false;
    }
  }

  private isUsed(id: number): boolean {
    return id === this.open || this.items.some((item) => item.id === id);
  }

  private giveBack(item: ImageItem): void {
    if (!this.isUsed(item.id)) this.source.release(item.id);
  }

  private take(items: ImageItem[]): void {
    const fresh = items.filter((item) => !this.isUsed(item.id));
    this.items.push(...fresh);
    this.isExhausted = fresh.length === 0;
  }
}
