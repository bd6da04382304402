import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { getMetricsSince, type Job, type Metrics } from "../../../api/jobs";
import { isActive } from "../../../text/jobs/job-words";
import { appended, joined, livePoints } from "./run-points";

const POINTS = 1000;
const EVERY_MS = 1000;
const LONGEST_MS = 10_000;
/** A server that takes long to answer is asked more rarely: asking takes at most this part of its time. */
const SHARE = 5;
/** So many answers in a row hold only what is new; then all is asked for again, thinned. */
const FRESH_TURNS = 1800;

/**
 * A run's series, whole from the start and so after a reload; what is new is asked for once a second
 * while it is active, and between the answers its events tell.
 */
export function useMetrics(job: Job): Metrics {
  const [known, setKnown] = useState<Metrics>({});
  const [tail, setTail] = useState<Metrics>({});
  const active = isActive(job.state);
  const at = useRef({ since: 0, turn: 0 });
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const ask = async () => {
      const began = performance.now();
      const since = at.current.turn % FRESH_TURNS === 0 ? 0 : at.current.since;
      const isUnseen = document.hidden && at.current.turn > 0;
      const found = isUnseen ? null : await getMetricsSince(job.id, since, POINTS, stop.signal).catch(() => null);
      if (stop.signal.aborted) return;
      if (found) {
        at.current = { since: found.last, turn: at.current.turn + 1 };
        setKnown((old) => (since === 0 ? found.metrics : appended(old, found.metrics)));
      }
      const rest_ms = Math.min(LONGEST_MS, Math.max(EVERY_MS, SHARE * (performance.now() - began)));
      if (active || !found) timer = window.setTimeout(() => void ask(), rest_ms);
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [job.id, active]);
  useEffect(() => {
    setTail(job.state === "running" ? livePoints(job.progress, new Date()) : {});
  }, [job.seq, job.state]);
  return useMemo(() => joined(known, tail), [known, tail]);
}
