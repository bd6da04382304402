import { ListChecks, LoaderCircle } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Job } from "../api/jobs";
import { StateBadge } from "../design/state-badge";
import { JobButtons } from "../pages/jobs/controls/job-buttons";
import { JobProgress } from "../pages/jobs/controls/job-progress";
import { path } from "../routing/router";
import { runPath } from "../routing/routes";
import { activeJobs } from "../state/jobs/live-jobs";
import { countOf, percent } from "../text/format";
import { fractionDone, jobTitle, jobWord, timeLeft } from "../text/jobs/job-words";
import "./job-tray.css";

function TrayJob({ job }: { job: Job }) {
  return (
    <li class="tray-job">
      <div class="row spread">
        <a class="clip" href={runPath(job.id)}>{jobTitle(job)}</a>
        <StateBadge state={jobWord(job.state)} />
      </div>
      <JobProgress job={job} />
      <div class="row"><JobButtons job={job} small /></div>
    </li>
  );
}

/** What is said on the closed tray: the job that runs, how far, time left. */
function summary(jobs: Job[]): { text: string; fraction: number | null } {
  const [only] = jobs.filter((job) => job.state !== "queued");
  if (!only) return { text: jobs.length > 0 ? countOf(jobs.length, "job waiting", "jobs waiting") : "No jobs", fraction: null };
  const fraction = fractionDone(only);
  const lead = jobs.length > 1 ? countOf(jobs.length, "job") : jobTitle(only);
  const how = [fraction === null ? "" : percent(fraction), timeLeft(only)].filter(Boolean).join(", ");
  return { text: how ? `${lead} · ${how}` : lead, fraction };
}

function useClosing(close: () => void) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const outside = (event: PointerEvent) => box.current?.contains(event.target as Node) || close();
    const escape = (event: KeyboardEvent) => event.key === "Escape" && close();
    document.addEventListener("pointerdown", outside);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("keydown", escape);
    };
  }, []);
  return box;
}

/** The jobs that wait or run, with their Stop, on every page. */
export function JobTray() {
  const [isOpen, setOpen] = useState(false);
  const box = useClosing(() => setOpen(false));
  const jobs = activeJobs.value;
  const { text, fraction } = summary(jobs);
  const here = path.value;
  useEffect(() => setOpen(false), [here]);
  const Icon = jobs.length > 0 ? LoaderCircle : ListChecks;
  return (
    <div class="tray" ref={box}>
      <button
        type="button"
        class={jobs.length > 0 ? "tray-button busy" : "tray-button"}
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon size={14} aria-hidden />
        <span class="clip tray-text">{text}</span>
        {fraction !== null && <span class="fill" style={{ width: percent(fraction).replace(" ", "") }} />}
      </button>
      {isOpen && (
        <div class="tray-panel" role="region" aria-label="Job tray">
          {jobs.length === 0 && <p class="muted">Nothing runs or waits.</p>}
          <ul class="stack small">{jobs.slice(0, 8).map((job) => <TrayJob key={job.id} job={job} />)}</ul>
          <a href="/jobs">Show all jobs</a>
        </div>
      )}
    </div>
  );
}
