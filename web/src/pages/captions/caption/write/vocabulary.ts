/** The words of each dataset: fetched once, then learnt from what is typed. */
import { useEffect } from "preact/hooks";
import { getWords } from "../../../../api/captions";
import { Vocabulary } from "../../../../text/captions/completion";

const known = new Map<string, Vocabulary>();
const fetched = new Set<string>();

export function vocabularyOf(datasetId: string): Vocabulary {
  const found = known.get(datasetId) ?? new Vocabulary();
  known.set(datasetId, found);
  return found;
}

export const learnWords = (datasetId: string, caption: string): void => vocabularyOf(datasetId).learn(caption);

/** The dataset's words, once they are there; what was typed here is known at once. */
export function useVocabulary(datasetId: string): Vocabulary {
  useEffect(() => {
    if (fetched.has(datasetId)) return;
    fetched.add(datasetId);
    getWords(datasetId).then(
      ({ words, phrases }) => vocabularyOf(datasetId).add(words, phrases),
      () => fetched.delete(datasetId),
    );
  }, [datasetId]);
  return vocabularyOf(datasetId);
}
