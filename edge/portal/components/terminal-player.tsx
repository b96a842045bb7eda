// The frame of the player of terminals. It stays hidden until its island fills it; without scripts the list of commands
// beside it says the same, without their output.

import type { SessionEntry } from '../../../core/catalogue.ts';
import { clock } from '../../../core/text/amounts.ts';
import { PlayerControls } from './player-controls.tsx';
import { to } from './parts.tsx';

export const TerminalPlayer = ({ session }: { session: SessionEntry }) => {
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
      <div class="lanes" id="lanes" role="tablist" aria-label="Terminals and commands of the session" hidden />
      <div class="stage stage-terminal" id="stage" tabindex={0} role="tabpanel" aria-label="Terminal" aria-live="off">
        <pre class="terminal" id="screen" dir="ltr" />
        <div class="stage-start" id="stage-start">
          <button type="button" class="button button-main" id="stage-play">
            Play{durationMs > 0 ? ` ${clock(durationMs)}` : ''}
          </button>
          <p class="dim">As it was seen, with its own timing.</p>
        </div>
      </div>
      <p class="player-status" id="player-status" role="status" />
      <PlayerControls durationMs={durationMs} noun="command" />
    </section>
  );
};
