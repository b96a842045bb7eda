// The frame of the player of statements. It stays hidden until its island fills it; without scripts the list of
// statements beside it says the same.

import type { SessionEntry } from '../../../core/catalogue.ts';
import { clock } from '../../../core/text/amounts.ts';
import { PlayerControls } from './player-controls.tsx';
import { to } from './parts.tsx';

export const StatementsPlayer = ({ session }: { session: SessionEntry }) => {
  const durationMs = session.endedAt ? Date.parse(session.endedAt) - Date.parse(session.startedAt) : 0;
  return (
    <section
      id="player"
      class="player"
      aria-labelledby="player-title"
      data-replay={`${to('sessions', session.id)}/replay`}
      data-search={`${to('sessions', session.id)}/search`}
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
      <PlayerControls durationMs={durationMs} noun="statement" />
    </section>
  );
};
