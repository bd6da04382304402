/** Lines of the audit log as people read them. Pure. */

const WORDS: Record<string, string> = {
  "session.begin": "Signed in",
  "session.end": "Signed out",
  "session.refuse": "Failed to sign in",
  "person.invite": "Invited somebody",
  "token.make": "Made a token",
  "token.delete": "Deleted a token",
  "role.give": "Gave a role",
  "role.take": "Took a role away",
  "role.everyone": "Changed everybody's role",
  "dataset.make": "Made a dataset",
  "dataset.rename": "Renamed a dataset",
  "dataset.delete": "Deleted a dataset",
  "dataset.export": "Downloaded a dataset",
  "dataset.model": "Chose the model to search with",
  "images.delete": "Deleted images",
  "captions.import": "Imported captions",
  "captions.edit": "Edited many captions",
  "captions.undo": "Took an edit back",
  "captions.mark": "Marked many images",
  "job.start": "Started a job",
  "job.stop": "Stopped a job",
  "job.resume": "Resumed a job",
  "job.retry": "Retried a job",
  "job.move": "Moved a job",
  "model.change": "Changed a model",
  "model.delete": "Deleted a model",
  "model.export": "Downloaded a model",
  "model.import": "Brought in a model",
  "queue.pause": "Paused a queue",
  "queue.resume": "Resumed a queue",
  "queue.limit": "Limited a queue",
  "worker.drain": "Drained a worker",
  "worker.pause": "Paused a worker",
  "worker.resume": "Resumed a worker",
  "worker.stop": "Stopped a worker",
  "worker.resize": "Resized a worker",
  "worker.forget": "Forgot a worker",
  "synonyms.change": "Changed synonyms",
  "retention.run": "Cleaned up",
  "trash.restore": "Brought back",
  "trash.remove": "Deleted for good",
  "trash.empty": "Emptied the trash",
  "trash.expire": "Kept for long enough",
  "audit.export": "Downloaded the audit log",
};

/** "Deleted a dataset"; an act of a newer service as it is called there: "thing move". */
export function actWord(act: string): string {
  return WORDS[act] ?? act.replace(".", " ");
}

/** "dataset birds"; "" of what was done to nothing in particular. */
export function targetWords(target: string): string {
  return target.replace(/^trashed_/, "").replace(/^batch:/, "deletion:").replace(":", " ");
}

export function viaWord(via: string): string {
  return { session: "in a browser", api: "by a token" }[via] ?? "the service";
}

function valueWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueWords).join(", ");
  if (value === null || value === "") return "none";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** "name: Birds, before: none". */
export function detailWords(details: Record<string, unknown>): string {
  return Object.entries(details)
    .map(([name, value]) => `${name.replaceAll("_", " ")}: ${valueWords(value)}`)
    .join("; ");
}
