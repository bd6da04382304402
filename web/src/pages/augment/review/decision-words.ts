/** The words for what was decided. */
import type { VariantState } from "../../../api/augment";
import type { StateWord } from "../../../text/tone";

export const DECIDED: Record<VariantState, StateWord> = {
  proposed: { tone: "idle", word: "To review" },
  accepted: { tone: "done", word: "Accepted" },
  edited: { tone: "done", word: "Edited" },
  rejected: { tone: "failed", word: "Rejected" },
};
