/** Near-duplicates as the split found them. Pure. */

export interface ShownPair {
  images: number[];
  /** Bits of the perceptual hash that differ, of 64. */
  bits: number | null;
  /** Of the embeddings, -1..1. */
  cosine: number | null;
}

/** "2 of 64 bits differ, cosine 0.991": how near the two are by each measure that found them. */
export function pairWords({ bits, cosine }: ShownPair): string {
  const byHash = bits === null ? "" : bits === 0 ? "same hash" : `${bits} of 64 bits differ`;
  const byIndex = cosine === null ? "" : `cosine ${cosine.toFixed(3)}`;
  return [byHash, byIndex].filter(Boolean).join(", ");
}
