/** The kinds of jobs, as the API's document lists them (`job-kinds.json` is made from it). Pure. */
import type { StepKey } from "../../api/datasets";
import kinds from "./job-kinds.json";

const namesWhere = (holds: (kind: (typeof kinds)[number]) => boolean): ReadonlySet<string> => new Set(kinds.filter(holds).map((kind) => kind.name));

const TITLES = new Map(kinds.map((kind) => [kind.name, kind.title]));

/** What a kind is called; a kind of another version by its name. */
export const kindWord = (kind: string): string => TITLES.get(kind) ?? kind.replaceAll("_", " ");

/** The kinds that bring a dataset a step further, and that step. */
export const STEP_OF_KIND: ReadonlyMap<string, StepKey> = new Map(kinds.flatMap(({ name, step }) => (step === null ? [] : [[name, step as StepKey] as const])));

/** The kinds after which many captions may be others, without an event for each. */
export const CAPTION_WRITERS = namesWhere((kind) => kind.writes_captions);

/** The kinds that can be taken back. */
export const UNDOABLE_KINDS = namesWhere((kind) => kind.undoable);

/** The kinds whose jobs may go to a queue. */
export const kindsOfQueue = (queue: string): string[] => kinds.filter((kind) => kind.queues.includes(queue)).map((kind) => kind.name);
