/** The params of several runs side by side. Pure. */
import type { Job } from "../../../api/jobs";
import { valueText } from "../../models/model/lineage";

export interface ParamRow {
  name: string;
  values: string[];
  differs: boolean;
}

const shown = (name: string, value: unknown): string => (value === undefined || value === null || value === "" ? "-" : valueText(name, value));

/** One row for each param that any of the runs has; those that differ first. */
export function paramRows(jobs: readonly Pick<Job, "params">[]): ParamRow[] {
  const names = [...new Set(jobs.flatMap((job) => Object.keys(job.params)))].filter((name) => name !== "name");
  const rows = names.map((name) => {
    const values = jobs.map((job) => shown(name, job.params[name]));
    return { name, values, differs: new Set(values).size > 1 };
  });
  return rows.filter((row) => row.differs || row.values.some((value) => value !== "-")).sort((a, b) => Number(b.differs) - Number(a.differs));
}
