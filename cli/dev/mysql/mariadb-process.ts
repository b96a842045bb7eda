// The demo's MariaDB, in its own process.

import { runChild } from '../child.ts';
import { MariadbSettings, startMariadb } from './mariadb.ts';

runChild(MariadbSettings, startMariadb);
