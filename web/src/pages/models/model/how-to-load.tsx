import { Check, Copy } from "lucide-preact";
import { useState } from "preact/hooks";
import type { Model } from "../../../api/models";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { announce } from "../../../state/toasts";
import { loadSnippet } from "../list/model-words";
import "./how-to-load.css";

/** Puts a text on the clipboard; without one (no HTTPS) it marks the text for Ctrl-C. */
async function copy(text: string, box: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (box) getSelection()?.selectAllChildren(box);
    return false;
  }
}

/** The lines that load a model in open_clip, to be copied. */
export function HowToLoad({ model }: { model: Model }) {
  const [said, setSaid] = useState("");
  const text = loadSnippet(model);
  const act = async () => {
    const done = await copy(text, document.getElementById("load-snippet"));
    setSaid(done ? "Copied." : "Marked: press Ctrl-C.");
    announce(done ? "The lines are on the clipboard." : "The lines are marked: press Ctrl-C.");
  };
  return (
    <Card
      title="Load it in open_clip"
      text="Download the model, unpack it, then:"
      beside={<span class="row"><span class="muted">{said}</span><Button small icon={said === "Copied." ? Check : Copy} onClick={() => void act()}>Copy lines</Button></span>}
    >
      <pre class="snippet" id="load-snippet" tabIndex={0} aria-label="Lines that load the model">{text}</pre>
    </Card>
  );
}
