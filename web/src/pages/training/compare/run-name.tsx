import { runPath } from "../../../routing/routes";
import { useJob } from "../../../state/jobs/live-jobs";
import type { Run } from "./runs";
import "./run-name.css";

/** A run's name in its colour, as a link to it. */
export function RunName({ run }: { run: Run }) {
  return (
    <span class="run-name">
      <i class={run.dashed ? "dashed" : ""} style={{ borderColor: `var(${run.colour})` }} aria-hidden="true" />
      <a href={runPath(run.job.id)}>{run.label}</a>
    </span>
  );
}

/** Keeps a job current; shows nothing. */
export function Follow({ id }: { id: string }) {
  useJob(id);
  return null;
}
