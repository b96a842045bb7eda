// What every player is driven with; its island finds the parts by their ids.

import { capital } from '../../../core/text/capital.ts';
import { clock } from '../../../core/text/amounts.ts';
import type { MarkerKind } from '../../../core/replay/marker-kinds.ts';

/** In this order: what is seldom stands before what is often. */
const DRAWN: readonly MarkerKind[] = [
  'action',
  'other',
  'resize',
  'forward',
  'file',
  'mask',
  'hold',
  'error',
  'refusal',
];

export const PlayerControls = ({ durationMs, noun }: { durationMs: number; noun: string }) => (
  <>
    <div class="seek">
      <svg class="marks" viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <path id="marks-idle" class="marks-idle" d="" />
        {DRAWN.map((kind) => (
          <path id={`marks-${kind}`} class={`marks-${kind}`} d="" />
        ))}
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
      <button type="button" class="button button-quiet" id="previous" title={`${capital(noun)} before (k)`}>
        <span aria-hidden="true">‹</span>
        <span class="unseen-label">{capital(noun)} before</span>
      </button>
      <button type="button" class="button button-quiet" id="next" title={`Next ${noun} (j)`}>
        <span aria-hidden="true">›</span>
        <span class="unseen-label">Next {noun}</span>
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
      <span class="idle-words dim" id="idle-words" />
    </div>
    <p class="keys dim">
      <kbd>space</kbd> play or pause <kbd>←</kbd>
      <kbd>→</kbd> 5 s <kbd>j</kbd>
      <kbd>k</kbd> next, previous {noun} <kbd>n</kbd>
      <kbd>p</kbd> next, previous marker <kbd>/</kbd> search
    </p>
    <search aria-label="In this session">
      <form id="find" class="find">
        <input
          type="search"
          id="find-query"
          aria-label="Search in this session"
          placeholder="Search in this session"
          maxlength={500}
        />
        <button type="submit" class="button button-quiet">
          Search
        </button>
        <p id="find-status" class="dim" role="status" />
        <ol id="find-hits" class="plain marker-list" />
        <button type="button" class="button button-quiet button-small" id="find-more" hidden>
          More
        </button>
      </form>
    </search>
    <details id="markers" class="markers" hidden>
      <summary>
        Markers <span class="dim" id="markers-count" />
      </summary>
      <fieldset id="markers-kinds" class="marker-kinds">
        <legend class="unseen-label">Kinds of markers</legend>
      </fieldset>
      <ol id="markers-list" class="plain marker-list" />
      <p class="marker-pages">
        <button type="button" class="button button-quiet button-small" id="markers-earlier" hidden>
          Earlier
        </button>
        <button type="button" class="button button-quiet button-small" id="markers-later" hidden>
          Later
        </button>
      </p>
    </details>
  </>
);
