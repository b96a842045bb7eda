import { span } from '../../../core/text/amounts.ts';

/** Counts down with the island; without it, what was left when the page was made. */
export const TimeLeft = ({ until, now }: { until: string; now: number }) => {
  const leftMs = Date.parse(until) - now;
  return leftMs <= 0 ? (
    <span class="dim">Ended</span>
  ) : (
    <time class="time-left" datetime={until} data-until={until}>
      {span(leftMs)} left
    </time>
  );
};
