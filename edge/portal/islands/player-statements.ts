// The player of a page whose session is of statements.

import { playStatements } from './player/statements.ts';

const player = document.getElementById('player');
if (player) playStatements(player);
