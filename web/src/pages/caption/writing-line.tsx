import { peopleIn } from "../../state/presence";
import { myName } from "../../state/session";
import { useDataset } from "../../state/datasets";
import { count } from "../../text/format";
import { CONTEXT_TOKENS, estimateTokens } from "../../text/tokens";
import type { Typed, TypedState } from "./typed";

const STATE_WORDS: Record<TypedState, string> = {
  empty: "",
  draft: "Not saved yet, kept in this browser",
  saving: "Saving",
  saved: "Saved",
  conflict: "Conflict: choose a text above",
};

function Tokens({ text }: { text: string }) {
  const tokens = text === "" ? 0 : estimateTokens(text);
  const isOver = tokens > CONTEXT_TOKENS;
  return (
    <span class={isOver ? "num over" : "num"} title="An estimate: the model reads 77 tokens">
      {isOver ? `about ${tokens} tokens, only ${CONTEXT_TOKENS} are read` : `about ${tokens} of ${CONTEXT_TOKENS} tokens`}
    </span>
  );
}

function Others({ datasetId }: { datasetId: string }) {
  const others = peopleIn(datasetId).filter((user) => user.name !== myName());
  if (others.length === 0) return null;
  return <span class="clip">Also here: {others.map((user) => user.name).join(", ")}</span>;
}

function Counts({ datasetId }: { datasetId: string }) {
  const { data } = useDataset(datasetId);
  if (!data) return null;
  return <span class="num">{count(data.counts.captioned)} of {count(data.counts.images)}</span>;
}

/** Under the box: tokens, state, who else is here, the keys. */
export function WritingLine({ datasetId, typed, onHelp }: { datasetId: string; typed: Typed; onHelp: () => void }) {
  return (
    <div class="writing-line" id="caption-line">
      <Tokens text={typed.text} />
      <span>{STATE_WORDS[typed.state]}</span>
      <Others datasetId={datasetId} />
      <span class="fill" />
      <span class="keys-hint">Enter saves · Esc leaves · Alt+arrows move</span>
      <button type="button" class="link" onClick={onHelp}>Keys</button>
      <Counts datasetId={datasetId} />
    </div>
  );
}
