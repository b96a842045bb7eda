// The player of a page whose session is of terminals.

import { playTerminal } from './player/terminal.ts';

const player = document.getElementById('player');
if (player) playTerminal(player);
