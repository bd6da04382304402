import { useState } from "preact/hooks";
import { count, countOf } from "../text/format";
import { dayWord, type DayWork, roundTop } from "./days";
import "./day-bars.css";

const sentence = ({ day, captions, reviews }: DayWork) => `${dayWord(day)}: ${countOf(captions, "caption")}, ${countOf(reviews, "review")}`;

/** Captions and reviews of each day as bars; the numbers of a day under the cursor or the focus. */
export function DayBars({ name, days }: { name: string; days: DayWork[] }) {
  const [at, setAt] = useState<number | null>(null);
  const top = roundTop(Math.max(...days.map((day) => Math.max(day.captions, day.reviews))));
  const today = days.at(-1);
  const read = (at === null ? undefined : days[at]) ?? today;
  const height = (value: number) => ({ height: `${(value / top) * 100}%` });
  return (
    <figure class="day-bars">
      <figcaption>
        <h3>{name}</h3>
        <span class="muted num">up to {count(top)}</span>
      </figcaption>
      <ol onMouseLeave={() => setAt(null)}>
        {days.map((day, index) => (
          <li key={day.day} tabIndex={0} aria-label={sentence(day)} onMouseEnter={() => setAt(index)} onFocus={() => setAt(index)} onBlur={() => setAt(null)}>
            <i class="captions" style={height(day.captions)} />
            <i class="reviews" style={height(day.reviews)} />
          </li>
        ))}
      </ol>
      <p class="day-ends muted" aria-hidden="true"><span>{days[0] && dayWord(days[0].day)}</span><span>{today && dayWord(today.day)}</span></p>
      {read && (
        <p class="day-read num" aria-hidden="true">
          <b>{dayWord(read.day)}</b>
          <span><i class="captions" />{countOf(read.captions, "caption")}</span>
          <span><i class="reviews" />{countOf(read.reviews, "review")}</span>
        </p>
      )}
    </figure>
  );
}
