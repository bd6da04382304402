import { ArrowDown, ArrowUp, GripVertical, LoaderCircle } from "lucide-preact";
import type { Job } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { Select } from "../../../design/field";
import { datasetPath, runPath } from "../../../routing/routes";
import { datasetName } from "../../../state/datasets/dataset-names";
import { jobTitle } from "../../../text/jobs/job-words";
import { expectedText } from "../../../text/jobs/queue-words";
import { JobButtons } from "../controls/job-buttons";
import { JobProgress } from "../controls/job-progress";
import { prioritiesFor } from "./priorities";

function What({ job }: { job: Job }) {
  const gpus = Number(job.params.gpus ?? 1);
  return (
    <div class="queue-what">
      <a class="clip" href={runPath(job.id)}>{jobTitle(job)}</a>
      <small class="clip">
        {job.created_by}
        {job.dataset_id && <>, on <a href={datasetPath(job.dataset_id)}>{datasetName(job.dataset_id)}</a></>}
        {gpus > 1 && `, on ${gpus} GPUs`}
      </small>
    </div>
  );
}

/** A job that runs: how far, and when it is expected to end. */
export function RunningItem({ job }: { job: Job }) {
  return (
    <li class="queue-item">
      <span class="queue-place running" aria-hidden="true"><LoaderCircle size={14} /></span>
      <What job={job} />
      <div class="queue-when">
        <JobProgress job={job} />
        {expectedText(job)}
      </div>
      <div class="queue-actions"><JobButtons job={job} small /></div>
    </li>
  );
}

export type DragPhase = "start" | "over" | "end" | "drop";

export interface WaitingItemProps {
  job: Job;
  place: number;
  /** Said of the whole queue above its list, not of each job again. */
  isPaused: boolean;
  mayMove: boolean;
  canUp: boolean;
  canDown: boolean;
  isAdmin: boolean;
  isDragged: boolean;
  /** Where the job that is dragged would come. */
  over: "above" | "below" | null;
  onStep: (step: -1 | 1) => void;
  onPriority: (priority: number) => void;
  onDrag: (phase: DragPhase) => void;
}

/** A job that waits: its place, whose it is, why and until when; who may, moves it. */
export function WaitingItem(props: WaitingItemProps) {
  const { job, place, mayMove, onDrag } = props;
  const name = jobTitle(job);
  return (
    <li
      class={["queue-item", props.isDragged && "dragged", props.over && `over ${props.over}`].filter(Boolean).join(" ")}
      draggable={mayMove}
      data-job={job.id}
      onDragStart={(event) => {
        event.dataTransfer?.setData("text/plain", job.id);
        onDrag("start");
      }}
      onDragEnd={() => onDrag("end")}
      onDragOver={(event) => {
        if (!mayMove) return;
        event.preventDefault();
        onDrag("over");
      }}
      onDrop={(event) => {
        event.preventDefault();
        onDrag("drop");
      }}
    >
      <span class={mayMove ? "queue-place grip" : "queue-place"} title={mayMove ? "Drag to move" : undefined}>
        {mayMove && <GripVertical size={14} aria-hidden />}
        <span class="unseen">Place </span>{place}
      </span>
      <What job={job} />
      <div class="queue-when num">
        {!props.isPaused && <div>{job.queue_reason || "Waits for a worker"}</div>}
        <div>{expectedText(job)}</div>
      </div>
      <div class="queue-actions">
        {mayMove && (
          <>
            <Button kind="quiet" small icon={ArrowUp} label={`Move ${name} up`} disabled={!props.canUp} onClick={() => props.onStep(-1)} />
            <Button kind="quiet" small icon={ArrowDown} label={`Move ${name} down`} disabled={!props.canDown} onClick={() => props.onStep(1)} />
            <Select
              hideLabel
              label={`Priority of ${name}, 0 goes first`}
              value={String(job.priority)}
              options={prioritiesFor(props.isAdmin, job.priority)}
              onChange={(value) => props.onPriority(Number(value))}
            />
          </>
        )}
        <JobButtons job={job} small />
      </div>
    </li>
  );
}
