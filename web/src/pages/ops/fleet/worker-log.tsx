import { useEffect, useRef } from "preact/hooks";
import { readWorkerLog } from "../../../api/ops";
import { Dialog } from "../../../design/dialog";
import { Loaded } from "../../../design/states";
import { useResource } from "../../../state/resource";
import { countOf } from "../../../text/format";

const EVERY_MS = 3000;
const LEVELS = / (ERROR|CRITICAL|WARNING) /;

const toneOf = (line: string): string => ({ ERROR: "failed", CRITICAL: "failed", WARNING: "waiting" })[LEVELS.exec(line)?.[1] ?? ""] ?? "";

function Lines({ lines }: { lines: string[] }) {
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.length]);
  if (lines.length === 0) return <p class="muted">It has logged nothing yet.</p>;
  return (
    <>
      <pre class="worker-log" ref={box} tabIndex={0} role="log" aria-label="Log lines">
        {lines.map((line, at) => <span key={at} class={toneOf(line)}>{line}{"\n"}</span>)}
      </pre>
      <p class="muted">The last {countOf(lines.length, "line")} of it and its processes.</p>
    </>
  );
}

/** The last log lines of a worker, wherever it runs; new ones come by themselves. */
export function WorkerLogDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const log = useResource((stop) => readWorkerLog(name, stop), [name]);
  const { reload } = log;
  useEffect(() => {
    const timer = window.setInterval(() => document.hidden || reload(), EVERY_MS);
    return () => clearInterval(timer);
  }, [name]);
  return (
    <Dialog title={`Log of ${name}`} onClose={onClose} wide>
      <Loaded of={log} heights={[240]}>{({ lines }) => <Lines lines={lines} />}</Loaded>
    </Dialog>
  );
}
