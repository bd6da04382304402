import { CircleAlert, TriangleAlert } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { getLog } from "../../../api/jobs";
import { Card } from "../../../design/card";
import { Chip } from "../../../design/chip";
import { countOf } from "../../../text/format";
import { linesOf, toneOf } from "./log-lines";
import "./log.css";

const EVERY_MS = 1000;
const KEPT_CHARACTERS = 400_000;

/** The log so far; asked for again each second while the job is active, and once more after its end. */
function useLog(jobId: string, isActive: boolean): string {
  const [text, setText] = useState("");
  const offset = useRef(0);
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const ask = async () => {
      const part = await getLog(jobId, offset.current, stop.signal).catch(() => null);
      if (stop.signal.aborted) return;
      if (part && part.text !== "") {
        offset.current = part.next;
        setText((old) => (old + part.text).slice(-KEPT_CHARACTERS));
      }
      if (isActive || (part && part.text !== "")) timer = window.setTimeout(() => void ask(), part?.text ? 300 : EVERY_MS);
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [jobId, isActive]);
  return text;
}

function Line({ text }: { text: string }) {
  const tone = toneOf(text);
  return (
    <div class={tone}>
      {tone === "error" && <CircleAlert size={12} aria-label="Error" />}
      {tone === "warning" && <TriangleAlert size={12} aria-label="Warning" />}
      {text || " "}
    </div>
  );
}

/** The log as it grows; follows the end unless somebody scrolled up. Errors are marked. */
export function Log({ jobId, isActive }: { jobId: string; isActive: boolean }) {
  const lines = linesOf(useLog(jobId, isActive));
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.length]);
  const errors = lines.filter((line) => toneOf(line) === "error").length;
  return (
    <Card title="Log" beside={errors > 0 && <Chip>{countOf(errors, "line")} marked as error</Chip>}>
      <div
        ref={box}
        class="log"
        role="log"
        aria-label="Log"
        aria-live="off"
        tabIndex={0}
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          follows.current = scrollHeight - scrollTop - clientHeight < 24;
        }}
      >
        {lines.length === 0 ? <div class="muted">{isActive ? "Nothing written yet." : "The log is empty."}</div> : lines.map((line, index) => <Line key={index} text={line} />)}
      </div>
    </Card>
  );
}
