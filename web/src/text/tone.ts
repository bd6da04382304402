/** How a state is shown: its colour and its word. */

/** The four state colours, and one for what has not begun. */
export type Tone = "idle" | "waiting" | "running" | "done" | "failed";

export interface StateWord {
  tone: Tone;
  word: string;
}
