// The page's player, by how its session's protocol is replayed (`data-player`).

import type { ReplayKind } from '../../../core/protocols.ts';
import { playStatements } from './player/statements.ts';

const PLAYERS: Readonly<Record<ReplayKind, (player: HTMLElement) => void>> = { statements: playStatements };

const isKind = (kind: string | undefined): kind is ReplayKind => kind !== undefined && Object.hasOwn(PLAYERS, kind);

const player = document.getElementById('player');
const kind = player?.dataset.player;
if (player && isKind(kind)) PLAYERS[kind](player);
