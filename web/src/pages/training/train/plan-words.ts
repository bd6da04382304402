/** Sentences about a plan. Pure. */
import type { GuideFigures, TrainPlan } from "../../../api/training";
import { count, countOf, duration } from "../../../text/format";

const HOUR_S = 3600;

function rangeText(least: string, most: string, unit = ""): string {
  return least === most ? `${most}${unit}` : `${least} to ${most}${unit}`;
}

/** "The guide's figure for this: 1 to 2 hours and 4 GB, for 1,000 images and 10 epochs; at the size of this run 30 min to 1 h." */
export function guideText({ hours, memory_gb, images, epochs, scaled_hours }: Omit<GuideFigures, "scaled_hours"> & Partial<GuideFigures>): string {
  const [least = 0, most = least] = hours;
  const said = `The guide's figure for this: ${rangeText(String(least), String(most), most === 1 ? " hour" : " hours")} and ${count(memory_gb)} GB, for ${countOf(images, "image")} and ${countOf(epochs, "epoch")}`;
  if (!scaled_hours || scaled_hours.length === 0) return `${said}.`;
  const [low = 0, high = low] = scaled_hours.map((value) => duration(value * HOUR_S));
  return `${said}; at the size of this run ${rangeText(String(low), String(high))}.`;
}

export const isOnGpu = (plan: Pick<TrainPlan, "device">): boolean => plan.device.startsWith("cuda");

/** Where it will run: "on the GPU", "on 2 GPUs", "on the CPU". */
export function placeOf(plan: Pick<TrainPlan, "device"> & Partial<Pick<TrainPlan, "gpus">>): string {
  const many = plan.gpus ?? 1;
  if (isOnGpu(plan)) return many > 1 ? `on ${count(many)} GPUs` : "on the GPU";
  return many > 1 ? `on the CPU, ${count(many)} processes` : "on the CPU";
}
