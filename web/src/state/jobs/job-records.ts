/** Which of two reports about a job is the newer one. Pure. */
import type { JobEvent } from "../../api/events";
import type { Job, Progress } from "../../api/jobs";

const NO_PROGRESS: Progress = { done: null, total: null, unit: null, message: null, metrics: {}, eta_s: null };

/** The progress part of a flat record. */
export function progressOf(event: JobEvent): Progress {
  return {
    done: event.done ?? null,
    total: event.total ?? null,
    unit: event.unit ?? null,
    message: event.message ?? null,
    metrics: event.metrics ?? {},
    eta_s: event.eta_s ?? null,
  };
}

/** A job as the API sends it, with every field there. */
export function normaliseJob(job: Job): Job {
  return {
    ...job,
    params: job.params ?? {},
    notes: job.notes ?? [],
    progress: { ...NO_PROGRESS, ...job.progress, metrics: job.progress?.metrics ?? {} },
  };
}

/** The newer of what is known and a full record: a record with a lower `seq` is old news. */
export function mergeRecord(known: Job | undefined, record: Job): Job {
  return known && record.seq < known.seq ? known : normaliseJob(record);
}

/**
 * What is known after an event. A `seq` that was seen changes nothing; an event about an unknown
 * job gives undefined, since an event alone does not tell all about a job.
 */
export function mergeEvent(known: Job | undefined, event: JobEvent): Job | undefined {
  if (!known || event.seq <= known.seq) return known;
  return {
    ...known,
    seq: event.seq,
    state: event.state,
    progress: progressOf(event),
    error: event.error === undefined ? known.error : event.error,
  };
}

/** Whether this record is a full job (of REST) or a flat progress record (of an event or snapshot). */
export function isFullJob(record: Job | JobEvent): record is Job {
  return "id" in record && "params" in record;
}
