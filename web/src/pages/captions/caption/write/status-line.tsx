import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { useDataset } from "../../../../state/datasets/live-datasets";
import { peopleAt, peopleIn } from "../../../../state/people/presence";
import { myName } from "../../../../state/people/session";
import { CONTEXT_TOKENS, tokenWords } from "../../../../text/captions/tokens";
import { count } from "../../../../text/format";
import { type Keymap, keyWords } from "../keys/keymap";
import type { Editor, EditorState } from "./editor";
import { loadTokenizer, tokensOf } from "./token-count";

const STATE_WORDS: Record<EditorState, string> = {
  empty: "",
  draft: "Not saved yet",
  unkept: "Not saved yet. This browser's storage is full: it is lost when the page is closed",
  saving: "Saving",
  saved: "Saved",
  conflict: "Conflict: choose a text",
  refused: "Not saved: see above",
};

function Tokens({ text }: { text: string }) {
  useEffect(loadTokenizer, []);
  const found = tokensOf(text);
  const shown = text === "" ? { ...found, tokens: 0 } : found;
  const title = "The model reads 77 tokens, start and end included";
  return <span class={shown.tokens > CONTEXT_TOKENS ? "num over" : "num"} title={title}>{tokenWords(shown)}</span>;
}

/** Who else is here: first of all, who has this image open, too. */
function Others({ datasetId, image }: { datasetId: string; image: number }) {
  const here = peopleAt(datasetId, image).filter((name) => name !== myName());
  if (here.length > 0) return <span class="clip on-this">On this image, too: {here.join(", ")}</span>;
  const others = peopleIn(datasetId).filter((user) => user.name !== myName());
  if (others.length === 0) return null;
  return <span class="clip">Also here: {others.map((user) => user.name).join(", ")}</span>;
}

function Counts({ datasetId }: { datasetId: string }) {
  const { data } = useDataset(datasetId);
  if (!data) return null;
  return <span class="num">{count(data.counts.captioned)} of {count(data.counts.images)} captioned</span>;
}

function hints(keymap: Keymap): string {
  const first = (keys: readonly string[]) => (keys[0] ? keyWords(keys[0]) : "");
  const shown = [[keymap.save, "saves"], [keymap.help, "all keys"]] as const;
  return shown.filter(([keys]) => keys[0]).map(([keys, verb]) => `${first(keys)} ${verb}`).join(" · ");
}

interface WritingLineProps {
  datasetId: string;
  image: number;
  editor: Editor;
  keymap: Keymap;
  /** What was just done or is in the way, in one sentence. */
  hint: string;
  children: ComponentChildren;
}

/** Under the box: tokens, state, who else is here, the keys. */
export function StatusLine({ datasetId, image, editor, keymap, hint, children }: WritingLineProps) {
  return (
    <div class="writing-line">
      <span class="facts-line" id="caption-line">
        <Tokens text={editor.text} />
        <span class={hint ? "typed-state hint" : "typed-state"}>{hint || STATE_WORDS[editor.state]}</span>
        <Others datasetId={datasetId} image={image} />
      </span>
      {!hint && <span class="keys-hint" aria-hidden="true">{hints(keymap)}</span>}
      {children}
      <Counts datasetId={datasetId} />
    </div>
  );
}
