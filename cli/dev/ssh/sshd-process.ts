// The demo's SSH host, in its own process.

import { runChild } from '../child.ts';
import { SshdSettings, startSshd } from './sshd.ts';

runChild(SshdSettings, startSshd);
