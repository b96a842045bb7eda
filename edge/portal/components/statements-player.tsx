// The frame of the player of statements. It stays hidden until its island fills it; without scripts the list of
// statements beside it says the same.

import type { SessionEntry } from '../../../core/catalogue.ts';
import { clock } from '../format.ts';
import { to } from './parts.tsx';

export const StatementsPlayer = ({ session }: { session: SessionEntry }) => {
  const durationMs = session.endedAt ? Date.parse(session.endedAt) - Date.parse(session.startedAt) : 0;
  return (
    <section
      id="player"
      data-player="statements"
      class="player"
      aria-labelledby="player-title"
      data-replay={`${to('sessions', session.id)}/replay`}
      data-duration-ms={String(durationMs)}
      data-live-session={session.state === 'live' ? 'yes' : 'no'}
      tabindex={-1}
      hidden
    >
      <h2 id="player-title">Replay</h2>
      <div class="stage" id="stage" tabindex={0} role="log" aria-live="off" aria-label="What happened up to now">
        <ol class="transcript" id="transcript" />
        <div class="stage-start" id="stage-start">
          <button type="button" class="button button-main" id="stage-play">
            Play{durationMs > 0 ? ` ${clock(durationMs)}` : ''}
          </button>
          <p class="dim">As it happened, with its own timing.</p>
        </div>
      </div>
      <p class="player-status" id="player-status" role="status" />
      <div class="seek">
        <svg class="marks" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
          <path id="marks-statements" class="marks-statements" d="" />
          <path id="marks-errors" class="marks-errors" d="" />
        </svg>
        <input
          id="seek"
          type="range"
          min="0"
          max={String(Math.max(1, durationMs))}
          value="0"
          step="1"
          aria-label="Position"
        />
      </div>
      <div class="controls">
        <button type="button" class="button button-round" id="play" aria-label="Play" title="Play or pause (space)">
          <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" focusable="false">
            <path id="play-shape" d="M7 4v16l13-8z" fill="currentColor" />
          </svg>
        </button>
        <button type="button" class="button button-quiet" id="previous" title="Statement before (k)">
          <span aria-hidden="true">‹</span>
          <span class="unseen-label">Statement before</span>
        </button>
        <button type="button" class="button button-quiet" id="next" title="Next statement (j)">
          <span aria-hidden="true">›</span>
          <span class="unseen-label">Next statement</span>
        </button>
        <span class="position">
          <span id="position">0:00</span> / <span id="duration">{clock(durationMs)}</span>
        </span>
        <fieldset class="speeds">
          <legend class="unseen-label">Speed</legend>
          {[1, 2, 4, 8].map((speed) => (
            <label>
              <input type="radio" name="speed" value={String(speed)} {...(speed === 1 ? { checked: true } : {})} />
              <span>{speed}×</span>
            </label>
          ))}
        </fieldset>
        <label class="check">
          <input type="checkbox" id="skip-idle" checked /> Skip idle time
        </label>
      </div>
      <p class="keys dim">
        <kbd>space</kbd> play or pause <kbd>←</kbd>
        <kbd>→</kbd> 5 s <kbd>j</kbd>
        <kbd>k</kbd> next, previous statement
      </p>
    </section>
  );
};
