import { getSystem } from "../../../api/ops";
import { Button } from "../../../design/button";
import { Notice } from "../../../design/states";
import { useResource } from "../../../state/resource";
import { llmLine } from "./llm-line";

/** Which language model will write, or what is missing and the way on without one; while `llm` is chosen. */
export function LlmState({ onSynonyms }: { onSynonyms: () => void }) {
  const system = useResource((stop) => getSystem(stop), []);
  const llm = system.data?.llm;
  if (!llm) return null;
  if (llm.available) return <p class="muted small">{llmLine(llm)}</p>;
  return (
    <Notice>
      <p>{llmLine(llm)}</p>
      <div class="row"><Button small onClick={onSynonyms}>Use synonyms instead</Button></div>
    </Notice>
  );
}
