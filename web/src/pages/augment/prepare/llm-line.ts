/** The state of the language model in one line. Pure. */
import type { LlmState } from "../../../api/ops";

/** What writes the paraphrases, or what is missing and what to do about it. */
export function llmLine({ available, how, model, message, remedy }: LlmState): string {
  const rest = [message, remedy].filter(Boolean).join(" ");
  if (!available) return rest;
  const by = how === "endpoint" ? `${model} at the team's own endpoint writes them.` : `${model} writes them, through vLLM.`;
  return rest ? `${by} ${rest}` : by;
}
