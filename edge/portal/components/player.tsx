// A session's player, by how its protocol is replayed.

import type { FC } from 'hono/jsx';
import type { SessionEntry } from '../../../core/catalogue.ts';
import { PROTOCOLS, type ReplayKind } from '../../../core/protocols.ts';
import { StatementsPlayer } from './statements-player.tsx';
import { TerminalPlayer } from './terminal-player.tsx';

const PLAYERS: Readonly<Record<ReplayKind, FC<{ session: SessionEntry }>>> = {
  statements: StatementsPlayer,
  terminal: TerminalPlayer,
};

export const Player = ({ session }: { session: SessionEntry }) => {
  const Kind = PLAYERS[PROTOCOLS[session.protocol].replay];
  return <Kind session={session} />;
};
